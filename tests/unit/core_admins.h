/* A room of members and an admin, each known by its token. */
#ifndef KHUB_TESTS_CORE_ADMINS_H
#define KHUB_TESTS_CORE_ADMINS_H

#include "core_fixture.h"

#include <string.h>

/* "boss:NAME" is the token of an admin, "own:NAME" that of a member. */
static int ask(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
               struct refusal *ret_refusal)
{
    static char shown[64];
    (void)ctx;
    assert_true(login->token.len < sizeof shown);
    memcpy(shown, login->token.at ? login->token.at : "", login->token.len);
    shown[login->token.len] = '\0';
    char *name = strchr(shown, ':');
    if (!name)
        return refuse(ret_refusal, WIRE_UNAUTHORIZED, "none");
    *ret_pass =
        (struct hub_pass){.owner = slice_of(name + 1), .admin = strncmp(shown, "boss:", 5) == 0};
    return 0;
}

static int setup(void **state)
{
    int error = fixture_setup(state);
    fixture_let_in(*state, ask);
    return error;
}

/* ada is an admin of ops, bob and cey are alice's, dan is carol's and of level 1. */
static void join_room(struct fixture *f)
{
    join(f, ADA, "ada", 2, "'token':'boss:ops','acks':true");
    join(f, BOB, "bob", 2, "'token':'own:alice'");
    join(f, CEY, "cey", 2, "'token':'own:alice'");
    join(f, DAN, "dan", 1, "'token':'own:carol'");
}

static void order(struct fixture *f, const char *action, const char *target, const char *more)
{
    say(f, ADA, "moderation", "{'action':'%s','target':%s,'reason':'too loud'%s}", action, target,
        more);
}

#endif

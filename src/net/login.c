/* See login.h. What makes it hard is that a flood of wrong tokens must cost its sender more than
 * the hub: so nothing grows with them, neither memory nor the log. */
#include "net/login.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "auth/tokens.h"
#include "net/state.h"

/* ── the tokens ── */

/* The directory in which they may be; NULL: nobody is to be asked for one. */
static const char *tokens_place(const struct server *server)
{
    return server->options.no_tokens ? NULL : server->options.data;
}

int login_open(struct server *server, char *ret_why, size_t size)
{
    char why[TOKENS_WHY_SIZE];
    const char *directory = tokens_place(server);
    if (server->options.data && audit_open(server->options.data, &server->audit) < 0) {
        snprintf(ret_why, size, "no thread for the audit: %s", strerror(errno));
        return -1;
    }
    if (!directory)
        return 0;
    if (tokens_open(directory, TOKENS_IF_THERE, TOKENS_PATIENCE_MS, &server->login.tokens, why) ==
        0) {
        if (server->login.tokens)
            tokens_wait(server->login.tokens, 0);
        server->login.again = true;
        return 0;
    }
    snprintf(ret_why, size, "the tokens in %s can't be read: %s", directory, why);
    return -1;
}

int login_close(struct server *server)
{
    tokens_close(server->login.tokens);
    server->login.tokens = NULL;
    return audit_close(server->audit);
}

bool login_asks(const struct server *server)
{
    return server->login.tokens && tokens_any(server->login.tokens);
}

/* Reads them again if they changed, or came. */
static void refresh(struct server *server)
{
    struct login *login = &server->login;
    struct journal *journal = &server->journal;
    const char *directory = tokens_place(server);
    char why[TOKENS_WHY_SIZE];
    int changed = 0;
    if (!directory)
        return;
    if (login->tokens)
        changed = tokens_refresh(login->tokens, why);
    else if (tokens_open(directory, TOKENS_IF_THERE, 0, &login->tokens, why) < 0)
        changed = -1;
    else
        changed = login->tokens != NULL;
    bool failing = changed < 0;
    if (failing && !login->failing) {
        journal_begin(journal, 0, "warning");
        journal_text(journal, "tokens", slice_of(why));
        journal_end(journal);
    }
    login->failing = failing;
    login->again |= changed == 1;
}

/* ── who failed ── */

static bool is_forgiven(const struct stranger *stranger, uint64_t now)
{
    return !stranger->held && now - stranger->at > STRANGER_FORGIVEN_MS;
}

/* NULL: nothing is known against it. */
static struct stranger *stranger_find(struct login *login, const struct origin *origin,
                                      uint64_t now)
{
    for (size_t i = 0; i < STRANGERS_MAX; i++) {
        struct stranger *stranger = &login->strangers[i];
        if (stranger->failures && memcmp(&stranger->origin, origin, sizeof *origin) == 0 &&
            !is_forgiven(stranger, now))
            return stranger;
    }
    return NULL;
}

/* A place for one more: that of who failed longest ago, and waits for no answer. NULL: all wait. */
static struct stranger *stranger_place(struct login *login)
{
    struct stranger *oldest = NULL;
    for (size_t i = 0; i < STRANGERS_MAX; i++) {
        struct stranger *stranger = &login->strangers[i];
        if (!stranger->failures)
            return stranger;
        if (!stranger->held && (!oldest || stranger->at < oldest->at))
            oldest = stranger;
    }
    return oldest;
}

/* How long its answer waits. A hub with little room left has none for who waits. */
static uint64_t delay_of(const struct server *server, const struct stranger *stranger)
{
    unsigned doublings = stranger->failures - 1;
    if (doublings > STRANGER_DOUBLINGS)
        doublings = STRANGER_DOUBLINGS;
    bool crowded = server->connection_count > server->options.connections_max / 2;
    return crowded || server->stopping ? 0 : (uint64_t)server->options.login_delay_ms << doublings;
}

/* It showed no good token. */
static void failed(struct server *server, struct connection *connection)
{
    struct login *login = &server->login;
    uint64_t now = uv_now(&server->loop);
    struct stranger *stranger = stranger_find(login, &connection->origin, now);
    if (!stranger) {
        stranger = stranger_place(login);
        if (!stranger)
            return;
        *stranger = (struct stranger){.origin = connection->origin};
    }
    stranger->failures += stranger->failures < UINT32_MAX;
    stranger->at = now;
    uint64_t delay = delay_of(server, stranger);
    if (!delay)
        return;
    connection->speaks_at = now + delay;
    connection->stranger = stranger;
    stranger->held++;
}

uint64_t login_hold(struct connection *connection)
{
    uint64_t now = uv_now(&connection->server->loop);
    return connection->speaks_at > now ? connection->speaks_at - now : 0;
}

void login_release(struct connection *connection)
{
    if (connection->stranger) {
        assert(connection->stranger->held > 0);
        connection->stranger->held--;
    }
    connection->stranger = NULL;
    connection->speaks_at = 0;
}

void login_note(struct server *server, const char *address)
{
    struct login *login = &server->login;
    uint64_t now = uv_now(&server->loop);
    login->refused++;
    if (login->said && now - login->said_at < 1000)
        return;
    login->said = login->refused;
    login->said_at = now;
    journal_begin(&server->journal, 0, "unauthorized");
    journal_text(&server->journal, "from", slice_of(address));
    journal_number(&server->journal, "so_far", login->refused);
    journal_end(&server->journal);
}

/* ── the question ── */

/* A certificate that was checked stands for the token of its name. */
static const struct token *token_vouched(const struct server *server,
                                         const struct connection *connection,
                                         const struct hub_login *login)
{
    const char *name = io_protection(connection->io).name;
    return name && !login->shows ? tokens_named(server->login.tokens, name, time_now_ms()) : NULL;
}

/* The token that was shown, or NULL after a refusal. What is said depends on what was shown alone,
 * and not on what there is. */
static const struct token *token_shown(struct server *server, const struct hub_login *login,
                                       struct refusal *ret_refusal)
{
    const struct token *token = NULL;
    if (!login->shows)
        refuse(ret_refusal, WIRE_UNAUTHORIZED,
               "this hub asks for a token: the first message must be a hello with payload.token");
    else if (!token_is_whole(login->token))
        refuse(ret_refusal, WIRE_UNAUTHORIZED,
               "payload.token is not written as a token is, or its check does not fit: was it "
               "mistyped, or cut?");
    else if (!(token = tokens_find(server->login.tokens, login->token, time_now_ms())))
        refuse(ret_refusal, WIRE_UNAUTHORIZED,
               "this hub takes no such token: it is another hub's, or not good any more");
    return token;
}

/* An observer is listed nowhere, and its id says nothing to anybody. So that one who may take part
 * under one id alone can look on while that one is here, ids in '~' are any observer's. */
static bool id_permitted(const struct token_grant *grant, const struct hub_login *login)
{
    bool observers = login->observer && login->ai_id.len > 0 && *login->ai_id.at == '~';
    return observers || token_permits_id(grant, login->ai_id);
}

/* 0, or -WIRE_FORBIDDEN: it may come in, but not so. */
static int right_check(const struct token_grant *grant, const struct hub_login *login,
                       struct refusal *ret_refusal)
{
    if (!id_permitted(grant, login))
        return refuse(ret_refusal, WIRE_FORBIDDEN,
                      "the token of \"%s\" is good for ids like \"%s\", and \"%.*s\" is not",
                      grant->name, grant->ids, SLICE_FORMAT(login->ai_id));
    if (login->room.len && !token_permits_room(grant, login->room))
        return refuse(ret_refusal, WIRE_FORBIDDEN,
                      "the token of \"%s\" is good for the rooms \"%.256s\", and \"%.*s\" is none "
                      "of them",
                      grant->name, grant->rooms, SLICE_FORMAT(login->room));
    if (!login->observer && token_may(grant, TOKEN_MAY_SPEAK) == TOKEN_NO)
        return refuse(ret_refusal, WIRE_FORBIDDEN,
                      "the token of \"%s\" is an %s's: its hello must say \"protocol\":2 and "
                      "\"role\":\"observer\"",
                      grant->name, token_role_text(grant->role));
    if (login->observer && token_may(grant, TOKEN_MAY_OBSERVE) == TOKEN_NO)
        return refuse(ret_refusal, WIRE_FORBIDDEN,
                      "the token of \"%s\" is of a role (%s) that may not observe", grant->name,
                      token_role_text(grant->role));
    return 0;
}

/* What the hub needs to know of its rights. */
static struct hub_pass pass_of(const struct token_grant *grant)
{
    static const enum sees sees[TOKEN_MAY_COUNT] = {
        [TOKEN_NO] = SEES_PUBLIC, [TOKEN_OWN] = SEES_OWN, [TOKEN_YES] = SEES_ALL};
    return (struct hub_pass){.owner = slice_of(grant->name),
                             .barred = token_bars(grant),
                             .sees = sees[token_may(grant, TOKEN_MAY_SEE_DIRECT)],
                             .admin = token_may(grant, TOKEN_MAY_KEEP_ORDER) == TOKEN_YES,
                             .quota = grant->quota};
}

/* Nobody counts what it does in the log before it is known. */
static void let_in(struct server *server, struct connection *connection, const struct token *token)
{
    struct journal *journal = &server->journal;
    connection->token = token->id;
    if (!connection->unknown)
        return;
    connection->unknown = false;
    connection->frame.line_max = server->options.hub.line_max;
    journal_begin(journal, connection->serial, "connected");
    journal_text(journal, "from", slice_of(connection->address));
    journal_text(journal, "token", slice_of(token->grant.name));
    journal_end(journal);
}

int login_let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                 struct refusal *ret_refusal)
{
    struct server *server = ctx;
    struct connection *connection = server_find(server, login->peer);
    *ret_pass = (struct hub_pass){.admin = false};
    if (!connection)
        return 0;
    refresh(server);
    if (!login_asks(server))
        return 0;
    const struct stranger *stranger =
        stranger_find(&server->login, &connection->origin, uv_now(&server->loop));
    const struct token *token = NULL;
    if (stranger && stranger->held >= STRANGER_HELD_MAX) {
        int64_t wait = (int64_t)server->options.login_delay_ms << STRANGER_DOUBLINGS;
        refuse_over(ret_refusal, WIRE_RATE_LIMITED,
                    &(struct overrun){"logins", "address", STRANGER_HELD_MAX, wait},
                    "%u refusals wait for your address, the most that may: try again in %.1f s",
                    stranger->held, (double)wait / 1000);
    } else if (!(token = token_vouched(server, connection, login)) &&
               !(token = token_shown(server, login, ret_refusal))) {
        failed(server, connection);
    }
    if (!token || right_check(&token->grant, login, ret_refusal) < 0) {
        audited_refusal(connection, token ? token->grant.name : NULL, login, ret_refusal);
        return -(int)ret_refusal->code;
    }
    let_in(server, connection, token);
    audited_login(connection, token->grant.name, login);
    *ret_pass = pass_of(&token->grant);
    return 0;
}

bool login_may_enter(void *ctx, peer_id peer, struct slice room)
{
    const struct server *server = ctx;
    const struct connection *connection = server_find(ctx, peer);
    if (!login_asks(server))
        return true;
    const struct token *token =
        connection ? tokens_by_id(server->login.tokens, connection->token, time_now_ms()) : NULL;
    return token && token_permits_room(&token->grant, room);
}

bool login_quota_of(void *ctx, struct slice owner, struct quota *ret_quota)
{
    const struct server *server = ctx;
    char name[TOKEN_NAME_MAX + 1];
    const struct token *token = NULL;
    if (owner.len < sizeof name && login_asks(server)) {
        memcpy(name, owner.at, owner.len);
        name[owner.len] = '\0';
        token = tokens_named(server->login.tokens, name, time_now_ms());
    }
    if (token)
        *ret_quota = token->grant.quota;
    return token != NULL;
}

/* ── taken back ── */

/* Why the connection must go; false when it may stay. */
static bool must_go(const struct server *server, const struct connection *connection, int64_t now,
                    struct refusal *ret_refusal)
{
    const struct tokens *tokens = server->login.tokens;
    if (!connection->token && connection->newcomer)
        return false; /* it will be asked */
    if (!connection->token)
        refuse(ret_refusal, WIRE_UNAUTHORIZED, "this hub asks for tokens from now on");
    else if (tokens_by_id(tokens, connection->token, now))
        return false;
    else
        refuse(ret_refusal, WIRE_UNAUTHORIZED, "the token that this connection showed %s",
               tokens_by_id(tokens, connection->token, INT64_MIN) ? "has expired" : "was revoked");
    return true;
}

void login_review(struct server *server)
{
    struct login *login = &server->login;
    struct connection *connection;
    struct refusal refusal;
    int64_t now = time_now_ms();
    audited_review(server, now);
    refresh(server);
    if (!login_asks(server) || (!login->again && now < login->next_expiry))
        return;
    login->again = false;
    login->next_expiry = tokens_next_expiry(login->tokens, now);
    for (uint32_t cursor = 0; (connection = id_table_next(&server->connections, &cursor));) {
        if (connection->state != CONNECTION_OPEN)
            continue;
        if (must_go(server, connection, now, &refusal)) {
            connection_dismiss(connection, CLOSE_UNAUTHORIZED, &refusal);
        } else if (connection->token) {
            struct hub_pass pass =
                pass_of(&tokens_by_id(login->tokens, connection->token, now)->grant);
            hub_set_pass(server->hub, connection->id, &pass);
        }
    }
}

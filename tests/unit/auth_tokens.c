/* tokens.db: two programs that have it open, what is in it, and what it lets somebody in for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/tokens.h"
#include "own_folder.h"
#include "types_of.h"

#define NOW        1795334400000
#define NOTED_SIZE 4096 /* of note */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

struct place {
    char folder[OWN_FOLDER_SIZE];
    struct tokens *hub, *command; /* both have the file open */
    char why[TOKENS_WHY_SIZE];
};

static struct tokens *opened(struct place *place, enum tokens_open how)
{
    struct tokens *tokens;
    if (tokens_open(place->folder, how, 0, &tokens, place->why) < 0)
        fail_msg("%s", place->why);
    return tokens;
}

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_int_equal(own_folder_make(place->folder), 0);
    place->command = opened(place, TOKENS_MAKE);
    place->hub = opened(place, TOKENS_IF_THERE);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    char path[512];
    tokens_close(place->hub);
    tokens_close(place->command);
    snprintf(path, sizeof path, "%s/tokens.db", place->folder);
    unlink(path);
    rmdir(place->folder);
    free(place);
    return 0;
}

static struct token_grant grant_of(const char *name)
{
    struct token_grant grant = {.ids = "*", .created_ms = NOW};
    snprintf(grant.name, sizeof grant.name, "%s", name);
    return grant;
}

static void add(struct place *place, const struct token_grant *grant, char text[TOKEN_TEXT_SIZE])
{
    if (tokens_add(place->command, grant, text, place->why) < 0)
        fail_msg("%s", place->why);
    assert_true(token_is_whole(slice_of(text)));
}

/* What the hub's side knows, after it looked. */
static const struct token *seen(struct place *place, const char *text, int64_t now)
{
    assert_true(tokens_refresh(place->hub, place->why) >= 0);
    return tokens_find(place->hub, slice_of(text), now);
}

static void test_what_one_gives_out_the_other_takes(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE];
    struct token_grant grant = {.name = "ada",
                                .role = TOKEN_ADMIN,
                                .ids = "ada*",
                                .rooms = "main,lab",
                                .quota.most[LIMIT_RATE] = 2.5,
                                .created_ms = NOW};
    assert_false(tokens_any(place->hub));
    add(place, &grant, text);
    assert_int_equal(tokens_refresh(place->hub, place->why), 1);
    assert_int_equal(tokens_refresh(place->hub, place->why), 0);
    assert_true(tokens_any(place->hub));
    const struct token *token = tokens_find(place->hub, slice_of(text), NOW);
    assert_non_null(token);
    assert_string_equal(token->grant.name, "ada");
    assert_int_equal(token->grant.role, TOKEN_ADMIN);
    assert_string_equal(token->grant.ids, "ada*");
    assert_string_equal(token->grant.rooms, "main,lab");
    assert_true(token->grant.quota.most[LIMIT_RATE] > 2.4 &&
                token->grant.quota.most[LIMIT_RATE] < 2.6);
    assert_ptr_equal(tokens_by_id(place->hub, token->id, NOW), token);
    uint8_t bytes[TOKEN_BITS_BYTES] = {7};
    token_write(bytes, other); /* whole, and nobody's */
    assert_null(tokens_find(place->hub, slice_of(other), NOW));
    assert_null(tokens_find(place->hub, (struct slice){NULL, 0}, NOW));
}

static void test_each_is_found_among_many(void **state)
{
    enum { COUNT = 20 };
    struct place *place = *state;
    char texts[COUNT][TOKEN_TEXT_SIZE], name[16];
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "n%u", i);
        struct token_grant grant = grant_of(name);
        add(place, &grant, texts[i]);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "n%u", i);
        const struct token *token = seen(place, texts[i], NOW);
        assert_non_null(token);
        assert_string_equal(token->grant.name, name);
    }
}

static void test_revoked_is_revoked_for_both(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE];
    struct token_grant grant = grant_of("ada");
    add(place, &grant, text);
    const struct token *token = seen(place, text, NOW);
    assert_non_null(token);
    int64_t id = token->id;
    assert_int_equal(tokens_revoke(place->command, "ada", NOW + 1, place->why), 0);
    assert_null(tokens_find(place->command, slice_of(text), NOW + 2));
    assert_null(seen(place, text, NOW + 2));
    assert_null(tokens_by_id(place->hub, id, NOW + 2));
    assert_true(tokens_any(place->hub)); /* and still everybody is asked */
    assert_int_equal(tokens_revoke(place->command, "ada", NOW + 3, place->why), -1);
    assert_non_null(strstr(place->why, "\"ada\""));
    char again[TOKEN_TEXT_SIZE];
    add(place, &grant, again); /* the name may be used again, by another token */
    assert_string_not_equal(again, text);
    assert_null(seen(place, text, NOW + 4));
    token = seen(place, again, NOW + 4);
    assert_non_null(token);
    assert_int_not_equal(token->id, id);
}

static void test_rotating_changes_the_secret_alone(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], next[TOKEN_TEXT_SIZE];
    struct token_grant grant = grant_of("ada");
    snprintf(grant.ids, sizeof grant.ids, "%s", "ada/*");
    grant.role = TOKEN_OBSERVER;
    add(place, &grant, text);
    assert_int_equal(tokens_rotate(place->command, "ada", NOW + 5, next, place->why), 0);
    assert_null(seen(place, text, NOW + 6));
    const struct token *token = seen(place, next, NOW + 6);
    assert_non_null(token);
    assert_string_equal(token->grant.ids, "ada/*");
    assert_int_equal(token->grant.role, TOKEN_OBSERVER);
    assert_int_equal(token->grant.created_ms, NOW + 5);
    assert_int_equal(tokens_rotate(place->command, "bob", NOW, next, place->why), -1);
    assert_string_equal(next, "");
}

static void note(void *ctx, const struct token_act *act)
{
    char *noted = ctx;
    snprintf(noted + strlen(noted), NOTED_SIZE - strlen(noted), "%lld %s %s %s [%s]\n",
             (long long)(act->time_ms - NOW), act->who, act->what, act->name, act->detail);
}

static void test_limits_change_and_the_rest_stays(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], next[TOKEN_TEXT_SIZE], noted[NOTED_SIZE] = "";
    struct token_grant grant = grant_of("ada"), other = grant_of("bob");
    grant.quota.most[LIMIT_RATE] = 2.5;
    add(place, &grant, text);
    add(place, &other, next);
    struct quota change = {{-1, 65536, 3, -1, -1, -1, -1}};
    assert_int_equal(tokens_limit(place->command, "ada", &change, NOW + 1, place->why), 0);
    const struct token *token = seen(place, text, NOW + 1);
    assert_non_null(token);
    assert_true(token->grant.quota.most[LIMIT_RATE] > 2.4);
    assert_true(token->grant.quota.most[LIMIT_RATE_BYTES] > 65535);
    assert_true(token->grant.quota.most[LIMIT_CONNECTIONS] > 2.9);
    change = (struct quota){{0, -1, 4, -1, -1, -1, -1}};
    assert_int_equal(tokens_limit(place->command, "ada", &change, NOW + 2, place->why), 0);
    assert_int_equal(tokens_rotate(place->command, "ada", NOW + 3, text, place->why), 0);
    token = seen(place, text, NOW + 3); /* another token, with the same limits */
    assert_non_null(token);
    assert_false(token->grant.quota.most[LIMIT_RATE] > 0);
    assert_true(token->grant.quota.most[LIMIT_RATE_BYTES] > 65535);
    assert_true(token->grant.quota.most[LIMIT_CONNECTIONS] > 3.9);
    assert_false(seen(place, next, NOW)->grant.quota.most[LIMIT_CONNECTIONS] > 0);
    assert_int_equal(tokens_limit(place->command, "eve", &change, NOW + 4, place->why), -1);
    assert_non_null(strstr(place->why, "\"eve\""));
    assert_int_equal(tokens_acts(place->hub, note, noted, place->why), 0);
    assert_non_null(strstr(noted, "1  limited ada [rate=2.5 rate_bytes=65536 connections=3]\n"));
    assert_non_null(strstr(noted, "2  limited ada [rate_bytes=65536 connections=4]\n"));
    assert_non_null(strstr(noted, "rooms=all rate_bytes=65536 connections=4 expires=0]\n"));
}

/* How a file of each schema comes out of one of the schema before, what is in it, and which types
 * "ada" was given; NULL: none. */
static const struct {
    const char *make, *fill, *types;
} earlier[] = {
    {"CREATE TABLE tokens (id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 BLOB NOT NULL UNIQUE,"
     " name TEXT NOT NULL, role TEXT NOT NULL, ids TEXT NOT NULL, rooms TEXT NOT NULL,"
     " rate REAL NOT NULL, expires INTEGER NOT NULL, created INTEGER NOT NULL,"
     " revoked INTEGER NOT NULL) STRICT;"
     "CREATE UNIQUE INDEX names ON tokens (name) WHERE revoked = 0;",
     "INSERT INTO tokens (sha256, name, role, ids, rooms, rate, expires, created, revoked) VALUES"
     " (x'01', 'ada', 'member', 'a*', 'lab', 2.5, 0, 1, 0), (zeroblob(32), 'bob', 'admin', '*', '', 0,"
     " 0, 1, 0)"},
    {"CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
     " who TEXT NOT NULL, what TEXT NOT NULL, name TEXT NOT NULL, detail TEXT NOT NULL) STRICT;"
     "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit"
     " BEGIN SELECT RAISE(ABORT, 'what was done is not changed'); END;"
     "CREATE TRIGGER audit_keeps BEFORE DELETE ON audit"
     " BEGIN SELECT RAISE(ABORT, 'what was done is not taken away'); END;",
     "INSERT INTO tokens (sha256, name, role, ids, rooms, rate, expires, created, revoked) VALUES"
     " (x'01', 'ada', 'member', 'a*', 'lab', 2.5, 0, 1, 0), (zeroblob(32), 'bob', 'admin', '*', '', 0,"
     " 0, 1, 0)"},
    {"CREATE TABLE limits (token INTEGER NOT NULL, name TEXT NOT NULL, most REAL NOT NULL,"
     " PRIMARY KEY (token, name)) STRICT, WITHOUT ROWID;"
     "ALTER TABLE tokens DROP COLUMN rate;",
     "INSERT INTO tokens (sha256, name, role, ids, rooms, expires, created, revoked) VALUES"
     " (x'01', 'ada', 'member', 'a*', 'lab', 0, 1, 0), (zeroblob(32), 'bob', 'admin', '*', '', 0, 1,"
     " 0); INSERT INTO limits SELECT id, 'rate', 2.5 FROM tokens WHERE name = 'ada'"},
    {"ALTER TABLE tokens ADD COLUMN sees_direct INTEGER NOT NULL DEFAULT 0;",
     "INSERT INTO tokens (sha256, name, role, ids, rooms, expires, created, revoked, sees_direct)"
     " VALUES (x'01', 'ada', 'member', 'a*', 'lab', 0, 1, 0, 0), (zeroblob(32), 'bob', 'admin', '*',"
     " '', 0, 1, 0, 0); INSERT INTO limits SELECT id, 'rate', 2.5 FROM tokens WHERE name = 'ada'"},
    {"ALTER TABLE tokens ADD COLUMN types TEXT NOT NULL DEFAULT '';",
     "INSERT INTO tokens (sha256, name, role, ids, rooms, expires, created, revoked, types) VALUES"
     " (x'01', 'ada', 'member', 'a*', 'lab', 0, 1, 0, 'pattern_share,chat,task'), (zeroblob(32),"
     " 'bob', 'admin', '*', '', 0, 1, 0, ''); INSERT INTO limits SELECT id, 'rate', 2.5 FROM tokens"
     " WHERE name = 'ada'",
     "pattern_share,chat,task"},
};

/* Makes the file that a khub of this schema left, in the place of what is there. */
static void leave_earlier(struct place *place, unsigned schema, const char *sha256)
{
    char path[512], sql[1024];
    sqlite3 *file;
    snprintf(path, sizeof path, "%s/tokens.db", place->folder);
    tokens_close(place->hub);
    tokens_close(place->command);
    unlink(path);
    assert_int_equal(sqlite3_open(path, &file), SQLITE_OK);
    for (unsigned i = 0; i < schema; i++)
        assert_int_equal(sqlite3_exec(file, earlier[i].make, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, earlier[schema - 1].fill, NULL, NULL, NULL), SQLITE_OK);
    snprintf(sql, sizeof sql,
             "UPDATE tokens SET sha256 = x'%s' WHERE name = 'ada';"
             "PRAGMA application_id = 1802007924; PRAGMA user_version = %u",
             sha256, schema);
    assert_int_equal(sqlite3_exec(file, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(file);
}

/* This one opens each, and knows what stands in it; nobody has a right or a limit more or less. */
static void test_an_earlier_versions_file_is_taken_over(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], next[TOKEN_TEXT_SIZE], hex[2 * TOKEN_SHA256 + 1];
    const uint8_t random[TOKEN_BITS_BYTES] = {1};
    uint8_t sha256[TOKEN_SHA256];
    token_write(random, text);
    token_hash((struct slice){text, TOKEN_LENGTH}, sha256);
    for (size_t i = 0; i < sizeof sha256; i++)
        snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
    for (unsigned schema = 1; schema <= sizeof earlier / sizeof *earlier; schema++) {
        leave_earlier(place, schema, hex);
        place->hub = opened(place, TOKENS_IF_THERE);
        place->command = opened(place, TOKENS_IF_THERE);
        const struct token *token = seen(place, text, NOW);
        assert_non_null(token);
        assert_string_equal(token->grant.ids, "a*");
        assert_string_equal(token->grant.rooms, "lab");
        assert_true(token->grant.quota.most[LIMIT_RATE] > 2.4);
        assert_false(token->grant.quota.most[LIMIT_CONNECTIONS] > 0);
        assert_false(token->grant.sees_direct);
        const char *types = earlier[schema - 1].types;
        assert_types(token->grant.types, types_of(types ? types : ""));
        assert_types(token_bars(&token->grant),
                     types ? all_but(types) : types_of("approval_answer"));
        assert_false(tokens_named(place->hub, "bob", NOW)->grant.quota.most[LIMIT_RATE] > 0);
        assert_int_equal(tokens_rotate(place->command, "ada", NOW, next, place->why), 0);
        assert_true(seen(place, next, NOW)->grant.quota.most[LIMIT_RATE] > 2.4);
        assert_int_equal(tokens_allow(place->command, "ada", types_of("chat"), NOW, place->why), 0);
        assert_types(seen(place, next, NOW)->grant.types, types_of("chat"));
    }
}

static void test_expiry_is_to_the_millisecond(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], next[TOKEN_TEXT_SIZE];
    struct token_grant grant = grant_of("ada");
    grant.expires_ms = NOW + 1000;
    add(place, &grant, text);
    assert_non_null(seen(place, text, NOW + 999));
    assert_null(seen(place, text, NOW + 1000));
    assert_int_equal(tokens_next_expiry(place->hub, NOW), NOW + 1000);
    assert_true(tokens_next_expiry(place->hub, NOW + 1000) == INT64_MAX);
    assert_int_equal(tokens_rotate(place->command, "ada", NOW + 1000, next, place->why), -1);
    assert_non_null(strstr(place->why, "expired"));
}

static void test_a_name_has_one_token(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE] = "x";
    struct token_grant grant = grant_of("ada");
    add(place, &grant, text);
    assert_int_equal(tokens_add(place->command, &grant, other, place->why), -1);
    assert_non_null(strstr(place->why, "\"ada\""));
    assert_string_equal(other, "");
    assert_non_null(seen(place, text, NOW));
}

static void test_what_was_done_stays_said(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], noted[NOTED_SIZE] = "", path[512];
    sqlite3 *other;
    struct token_grant grant = grant_of("ada");
    snprintf(grant.rooms, sizeof grant.rooms, "%s", "lab");
    tokens_act_as(place->command, "root");
    add(place, &grant, text);
    assert_int_equal(tokens_add(place->command, &grant, text, place->why), -1);
    assert_int_equal(tokens_rotate(place->command, "ada", NOW + 1, text, place->why), 0);
    tokens_act_as(place->command, "eve");
    assert_int_equal(tokens_revoke(place->command, "ada", NOW + 2, place->why), 0);
    assert_int_equal(tokens_revoke(place->command, "ada", NOW + 3, place->why), -1);
    snprintf(path, sizeof path, "%s/tokens.db", place->folder);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(other, "DELETE FROM audit", NULL, NULL, NULL), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(other, "UPDATE audit SET who = 'x'", NULL, NULL, NULL),
                         SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(tokens_acts(place->hub, note, noted, place->why), 0);
    assert_string_equal(noted, "0 root added ada [role=member ids=* rooms=lab expires=0]\n"
                               "1 root rotated ada [role=member ids=* rooms=lab expires=0]\n"
                               "2 eve revoked ada []\n");
}

static void allow(struct place *place, const char *name, const char *types, const char *wrong)
{
    place->why[0] = '\0';
    assert_int_equal(tokens_allow(place->command, name, types_of(types), NOW + 1, place->why),
                     wrong ? -1 : 0);
    if (wrong && !strstr(place->why, wrong))
        fail_msg("\"%s\" does not say %s", place->why, wrong);
}

static void test_the_types_that_one_may_publish(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], next[TOKEN_TEXT_SIZE], noted[NOTED_SIZE] = "";
    char all[MESSAGE_TYPES_TEXT_SIZE];
    struct token_grant grant = grant_of("ada"), eye = grant_of("eye"), root = grant_of("root");
    grant.types = types_of("chat,pattern_share");
    add(place, &grant, text);
    assert_types(seen(place, text, NOW)->grant.types, grant.types);
    assert_types(token_bars(&seen(place, text, NOW)->grant), all_but("chat,pattern_share"));
    assert_int_equal(tokens_rotate(place->command, "ada", NOW, next, place->why), 0);
    assert_types(seen(place, next, NOW)->grant.types, grant.types);
    allow(place, "ada", "chat", NULL);
    assert_types(seen(place, next, NOW)->grant.types, types_of("chat"));
    allow(place, "ada", "chat,moderation", "for admins");
    for (unsigned type = 0; type < MESSAGE_TYPE_COUNT; type++) {
        const char *asked = message_type_text((enum message_type)type);
        char types[64];
        snprintf(types, sizeof types, "chat,%s", asked);
        if (!message_type_is_published((enum message_type)type))
            allow(place, "ada", types, asked);
    }
    grant.types = message_types_without(message_types_published(), types_of("moderation"));
    message_types_write(grant.types, all);
    allow(place, "ada", all, NULL);
    assert_types(seen(place, next, NOW)->grant.types, grant.types);
    allow(place, "ada", "chat", NULL);
    allow(place, "eve", "chat", "\"eve\"");
    assert_types(seen(place, next, NOW)->grant.types, types_of("chat"));
    allow(place, "ada", "", NULL); /* all, but what a person alone may say */
    assert_types(token_bars(&seen(place, next, NOW)->grant), types_of("approval_answer"));
    allow(place, "ada", "chat,approval_answer", NULL);
    assert_types(token_bars(&seen(place, next, NOW)->grant), all_but("chat,approval_answer"));
    assert_int_equal(token_may(&seen(place, next, NOW)->grant, TOKEN_MAY_APPROVE), TOKEN_YES);
    eye.role = TOKEN_OBSERVER;
    add(place, &eye, text);
    assert_types(token_bars(&seen(place, text, NOW)->grant), all_but(""));
    allow(place, "eye", "chat", "observer");
    assert_types(token_bars(&seen(place, text, NOW)->grant), all_but(""));
    root.role = TOKEN_ADMIN;
    add(place, &root, text);
    assert_types(token_bars(&seen(place, text, NOW)->grant), types_of(""));
    allow(place, "root", "chat,moderation", NULL);
    assert_types(token_bars(&seen(place, text, NOW)->grant), all_but("chat,moderation"));
    assert_int_equal(tokens_acts(place->hub, note, noted, place->why), 0);
    assert_non_null(strstr(noted, "0  added ada [role=member ids=* rooms=all "
                                  "types=pattern_share,chat expires=0]\n"));
    assert_non_null(strstr(noted, "1  allowed ada [types=chat]\n1  allowed ada [types=all]\n"));
    assert_non_null(strstr(noted, "1  allowed root [types=chat,moderation]\n"));
}

static void test_each_role_has_the_rights_of_the_table(void **state)
{
    static const enum token_may mays[TOKEN_RIGHT_COUNT][TOKEN_ROLE_COUNT] = {
        [TOKEN_MAY_SPEAK] = {TOKEN_YES, TOKEN_NO, TOKEN_YES},
        [TOKEN_MAY_OBSERVE] = {TOKEN_YES, TOKEN_YES, TOKEN_YES},
        [TOKEN_MAY_SEE_DIRECT] = {TOKEN_OWN, TOKEN_NO, TOKEN_YES},
        [TOKEN_MAY_APPROVE] = {TOKEN_NO, TOKEN_NO, TOKEN_YES},
        [TOKEN_MAY_KEEP_ORDER] = {TOKEN_NO, TOKEN_NO, TOKEN_YES},
    };
    (void)state;
    for (enum token_right right = 0; right < TOKEN_RIGHT_COUNT; right++)
        for (enum token_role role = 0; role < TOKEN_ROLE_COUNT; role++) {
            struct token_grant grant = {.role = role};
            assert_int_equal(token_may(&grant, right), mays[right][role]);
            grant.sees_direct = true; /* which is nobody's but an observer's to be given */
            bool given = role == TOKEN_OBSERVER && right == TOKEN_MAY_SEE_DIRECT;
            assert_int_equal(token_may(&grant, right), given ? TOKEN_YES : mays[right][role]);
        }
}

/* Of a file that an earlier khub made: its tokens are good, its observers see nothing of others. */
static void test_an_earlier_file_opens_without_rights_that_nobody_gave(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE], path[512];
    struct token_grant grant = grant_of("eye");
    sqlite3 *database;
    grant.role = TOKEN_OBSERVER;
    grant.sees_direct = true;
    add(place, &grant, text);
    assert_true(seen(place, text, NOW)->grant.sees_direct);
    assert_int_equal(tokens_rotate(place->command, "eye", NOW + 1, other, place->why), 0);
    assert_true(seen(place, other, NOW + 1)->grant.sees_direct);
    tokens_close(place->command);
    tokens_close(place->hub);
    snprintf(path, sizeof path, "%s/tokens.db", place->folder);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database,
                                  "ALTER TABLE tokens DROP COLUMN sees_direct;"
                                  "ALTER TABLE tokens DROP COLUMN types;"
                                  "PRAGMA user_version = 3",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(database);
    place->command = opened(place, TOKENS_IF_THERE);
    place->hub = opened(place, TOKENS_IF_THERE);
    assert_false(seen(place, other, NOW + 1)->grant.sees_direct);
    assert_int_equal(tokens_revoke(place->command, "eye", NOW + 2, place->why), 0);
}

static bool file_has(const char *folder, const char *text)
{
    char path[512], *bytes = malloc(1 << 20);
    snprintf(path, sizeof path, "%s/tokens.db", folder);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    assert_in_range(len, 4096, (1 << 20) - 1);
    bool found = memmem(bytes, len, text, strlen(text)) != NULL;
    free(bytes);
    return found;
}

static void test_the_file_has_no_token_and_is_its_owners_alone(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], path[512];
    struct stat found;
    struct token_grant grant = grant_of("ada-lovelace");
    add(place, &grant, text);
    assert_true(file_has(place->folder, "ada-lovelace"));
    assert_false(file_has(place->folder, text));
    text[40] = '\0'; /* nor a part of it */
    assert_false(file_has(place->folder, text + 12));
    snprintf(path, sizeof path, "%s/tokens.db", place->folder);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_int_equal(chmod(path, 0644), 0); /* as a copy may be */
    tokens_close(place->command);
    place->command = opened(place, TOKENS_IF_THERE);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
}

static void test_what_is_no_row_of_ours_lets_nobody_in(void **state)
{
    static const char *const damages[] = {"role = 'king'",
                                          "sha256 = x'00'",
                                          "ids = printf('%.*c', 200, 'a')",
                                          "rooms = printf('%.*c', 2000, 'a')",
                                          "types = 'Chat'",
                                          "types = 'chat,'",
                                          "types = 'pattern'",
                                          "types = 'chat,hello'",
                                          "types = 'ack'",
                                          "types = ' '"};
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], path[512], sql[128];
    sqlite3 *other;
    snprintf(path, sizeof path, "%s/tokens.db", place->folder);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct token_grant grant = grant_of("ada");
        add(place, &grant, text);
        assert_non_null(seen(place, text, NOW));
        snprintf(sql, sizeof sql, "UPDATE tokens SET %s WHERE revoked = 0", damages[i]);
        assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
        assert_null(seen(place, text, NOW));
        assert_true(tokens_any(place->hub));
        assert_int_equal(sqlite3_exec(other, "DELETE FROM tokens", NULL, NULL, NULL), SQLITE_OK);
    }
    struct token_grant grant = grant_of("ada");
    add(place, &grant, text);
    assert_int_equal(sqlite3_exec(other, "INSERT INTO limits SELECT id, 'smiles', 5 FROM tokens",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_null(seen(place, text, NOW)); /* a limit that it does not know it can't hold */
    sqlite3_close(other);
}

static void test_while_it_can_t_be_read_what_was_known_holds(void **state)
{
    struct place *place = *state;
    char text[TOKEN_TEXT_SIZE], path[512];
    sqlite3 *other;
    struct token_grant grant = grant_of("ada");
    add(place, &grant, text);
    assert_non_null(seen(place, text, NOW));
    snprintf(path, sizeof path, "%s/tokens.db", place->folder);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(other, "BEGIN EXCLUSIVE; UPDATE tokens SET revoked = 1;", NULL, NULL, NULL),
        SQLITE_OK);
    tokens_refresh(place->hub, place->why);
    assert_non_null(tokens_find(place->hub, slice_of(text), NOW));
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_null(seen(place, text, NOW));
    sqlite3_close(other);
}

static void test_another_file_is_not_taken(void **state)
{
    struct place *place = *state;
    struct tokens *tokens;
    char path[512], none[300];
    snprintf(none, sizeof none, "%s/none", place->folder);
    assert_int_equal(tokens_open(none, TOKENS_IF_THERE, 0, &tokens, place->why), 0);
    assert_null(tokens);
    assert_int_equal(tokens_open(none, TOKENS_MAKE, 0, &tokens, place->why), -1);
    snprintf(path, sizeof path, "%s/tokens.db", place->folder);
    FILE *file = fopen(path, "wb"); /* cut to nothing, and filled with something else */
    fputs("this is no database at all, and long enough not to be an empty one: it goes on and on "
          "and on and on and on and on and on and on and on and on and on and on and on and on",
          file);
    fclose(file);
    assert_int_equal(tokens_open(place->folder, TOKENS_IF_THERE, 0, &tokens, place->why), -1);
    assert_non_null(strstr(place->why, "tokens.db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_one_gives_out_the_other_takes),
        TEST(test_each_is_found_among_many),
        TEST(test_revoked_is_revoked_for_both),
        TEST(test_rotating_changes_the_secret_alone),
        TEST(test_limits_change_and_the_rest_stays),
        TEST(test_an_earlier_versions_file_is_taken_over),
        TEST(test_expiry_is_to_the_millisecond),
        TEST(test_a_name_has_one_token),
        TEST(test_what_was_done_stays_said),
        TEST(test_the_types_that_one_may_publish),
        TEST(test_each_role_has_the_rights_of_the_table),
        TEST(test_an_earlier_file_opens_without_rights_that_nobody_gave),
        TEST(test_the_file_has_no_token_and_is_its_owners_alone),
        TEST(test_what_is_no_row_of_ours_lets_nobody_in),
        TEST(test_while_it_can_t_be_read_what_was_known_holds),
        TEST(test_another_file_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

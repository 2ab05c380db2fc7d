/* A hub on a recording edge, and the few words in which the unit tests of core/ are written.
 *
 *     join(f, ADA, "ada", 2, "'specialization':'networking'");
 *     say(f, ADA, "pattern_share", "{'pattern':{'id':'p1'}}");
 *     expect_relayed(f, BOB);
 *
 * JSON in a test is written with single quotes; they become double quotes on their way in. Every
 * line that the hub delivers is checked at once, whatever the test is about: strict JSON,
 * exactly the six members, seq for level 2 alone, to a peer that is there. Expectations read a
 * peer's lines in order. What they return belongs to the fixture. */
#ifndef KHUB_TESTS_CORE_FIXTURE_H
#define KHUB_TESTS_CORE_FIXTURE_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>

#include "core/hub.h"
#include "core_json.h"

enum { ADA = 1, BOB, CEY, DAN, EVE, FAY, GUS, HAL, IDA, JON, KIM, PEERS_MAX = 1200 };

struct fixture;

/* The configuration that fixture_setup uses: the defaults, without a rate limit. */
struct hub_config fixture_config(void);
struct fixture *fixture_new(const struct hub_config *config);
void fixture_free(struct fixture *f);
/* cmocka's setup and teardown: *state is a struct fixture of fixture_config. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

struct hub *fixture_hub(struct fixture *f);
/* From now on its logs can't keep a message, or can again. */
void fixture_fill(struct fixture *f, bool full);
/* Its hub's edge, for another hub beside it whose effects somebody mutes. */
struct hub_edge fixture_edge(struct fixture *f);
/* From now on its edge asks who comes in. */
void fixture_let_in(struct fixture *f,
                    int (*let_in)(void *ctx, const struct hub_login *login,
                                  struct hub_pass *ret_pass, struct refusal *ret_refusal));
/* From now on its edge has what was missed. */
void fixture_resume(struct fixture *f, void (*resume)(void *ctx, const struct hub_resume *resume));
/* From now on its edge shows messages that are taken back no more. */
void fixture_retract(struct fixture *f,
                     void (*retract)(void *ctx, const struct hub_retraction *retraction));
/* From now on its log keeps entries until fixture_commit: they are under way. A line that the hub
 * takes later is said again then, and its peer says nothing before. */
void fixture_hold(struct fixture *f);
void fixture_commit(struct fixture *f);
/* The same, but messages among them are lost. */
void fixture_lose(struct fixture *f);
/* From now on its edge has an index. */
void fixture_search(struct fixture *f, void (*search)(void *ctx, const struct search_wish *wish));
/* Applies all entries that were committed so far to another hub. */
void fixture_replay(const struct fixture *f, struct hub *hub);
/* What that edge gives as the text's SHA-256, 64 hex digits, good until the next call. It is
 * another function. */
const char *digest_of(const char *text);
/* Its edge answers who asked for a chunk. */
void answer_chunk(struct fixture *f, bool readable);
/* Of those that entries brought, how many are there? */
size_t chunks_kept(const struct fixture *f);
/* What that edge gives as these bytes' SHA-256, 64 hex digits, good until the next call. */
const char *hash_of(const char *bytes, size_t len);
int64_t now(const struct fixture *f);
/* Moves the clock (either way) without telling the hub. */
void pass(struct fixture *f, int64_t ms);
/* As long as an epoch is in fixture_config. */
#define EPOCH_OVER 1
/* Moves the clock second by second, with a hub_tick at each, as the edge does. */
void wait_ticking(struct fixture *f, int64_t ms);

/* A connection is made / says one raw line as it stands / goes away. */
void open_peer(struct fixture *f, unsigned peer);
void say_bytes(struct fixture *f, unsigned peer, const char *bytes, size_t len);
void say_raw(struct fixture *f, unsigned peer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void leave(struct fixture *f, unsigned peer);
/* Opens and says hello, level 1 or 2; `members` are further members of hello's payload ("" for
 * none). Then all lines delivered so far, to anyone, count as read. Returns the payload of the
 * training_sync. */
json_t *join(struct fixture *f, unsigned peer, const char *id, int level, const char *members);
/* hello again, or on a connection that is open: nothing is skipped, nothing expected. */
void say_hello(struct fixture *f, unsigned peer, const char *id, const char *payload_format, ...)
    __attribute__((format(printf, 4, 5)));

/* A message of the peer's own id, to everyone or to one. */
void say(struct fixture *f, unsigned peer, const char *type, const char *payload_format, ...)
    __attribute__((format(printf, 4, 5)));
void say_to(struct fixture *f, unsigned peer, const char *target, const char *type,
            const char *payload_format, ...) __attribute__((format(printf, 5, 6)));
/* The line and the message_id of the last thing said. */
const char *last_line(const struct fixture *f);
const char *last_message_id(const struct fixture *f);

/* The next unread line of that type for the peer; those before it are skipped. Fails when there
 * is none. */
json_t *expect(struct fixture *f, unsigned peer, const char *type);       /* the payload */
json_t *expect_whole(struct fixture *f, unsigned peer, const char *type); /* the line's object */
/* The next unread line is an error of this code, in reply to the last thing said. Its payload. */
json_t *expect_error(struct fixture *f, unsigned peer, const char *code);
/* What that says of a limit: which, whose, and what it is set to. */
void assert_limit(json_t *error, const char *limit, const char *whose, double most);
/* The next unread line is, byte for byte, what was said last (for level 2: with seq appended). */
void expect_relayed(struct fixture *f, unsigned peer);
/* Nothing unread / nothing unread of this type. */
void expect_nothing(struct fixture *f, unsigned peer);
void expect_no(struct fixture *f, unsigned peer, const char *type);
/* The hub has closed it, for this reason. */
void expect_closed(struct fixture *f, unsigned peer, enum close_reason reason);
void expect_open(struct fixture *f, unsigned peer);
/* All lines delivered so far count as read. */
void skip_all(struct fixture *f);
/* The bytes of the last line that `expect…` returned. */
const char *read_line(const struct fixture *f);

/* A section of the knowledge base as a newcomer to `main` sees it; and that newcomer's whole
 * payload. */
json_t *knowledge(struct fixture *f, const char *section);
json_t *newcomer_sync(struct fixture *f);
/* What an observer's training_sync says of a member (NULL: not there) / of a live session. */
json_t *member_of(struct fixture *f, const char *id);
json_t *session_of(struct fixture *f, const char *session_id);

#define assert_number(actual, expected) assert_true(fabs((actual) - (expected)) < 1e-9)

#endif

/* A hub that does what a test says: one listener, one peer at a time, no thread of its own.
 *
 * The test drives both sides: life_step waits until either has something to do (poll, never a
 * sleep), lets the link turn, and lets the hub accept and read. UNTIL steps until a condition
 * holds. */
#ifndef KHUB_TESTS_CLIENT_FIXTURE_H
#define KHUB_TESTS_CLIENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "khub.h"

struct fake_hub {
    int listener, peer;
    char address[128]; /* for khub_options */
    char *directory;   /* of a unix socket */
    unsigned accepted; /* connections so far */
    bool mute;         /* does not answer hellos */
    bool deaf;         /* does not read */
    bool absent;       /* does not accept */
    int level;         /* of the sync that answers a hello: 1 or 2 (the default) */
    char *received;    /* all bytes since the latest accept, NUL-terminated */
    size_t received_len, line_at;
    char *lines[4096]; /* every whole line, over all connections */
    unsigned line_count;
    bool peer_ended; /* the link has said that it sends no more */
};

struct seen_message {
    char *message_id, *sender_id, *type, *timestamp, *target_ai, *payload, *line;
    uint64_t seq;
};

/* True while the library's own code runs (inside khub_turn, and not inside a callback): for a test
 * that makes its allocations fail. */
extern bool fixture_inside_link;

/* One link, its hub, and all that its callbacks saw. */
struct life {
    struct fake_hub hub;
    struct khub *link;
    struct seen_message messages[4096];
    unsigned message_count;
    enum khub_state states[256];
    int errors[256];
    char details[256][600];
    int64_t times_ms[256]; /* of the states, monotonic */
    unsigned state_count;
    int turned; /* what the latest khub_turn returned */
    /* Called inside the callbacks; may be NULL. */
    void (*in_message)(struct life *life, const struct khub_message *message);
    void (*in_state)(struct life *life, enum khub_state state);
    unsigned counter; /* for those */
};

/* cmocka setup and teardown: *state is a struct life with a hub that listens on loopback; no link
 * yet. */
int life_setup(void **state);
int life_teardown(void **state);

/* The callbacks that fill a life, for a link made by hand with the life as its data. */
extern const struct khub_callbacks life_callbacks;
/* Makes the link; the options' address, data and retry times are filled in when they are 0. */
void life_link(struct life *life, struct khub_options options);
/* Makes the link and steps until it has joined. */
void life_join(struct life *life, struct khub_options options);
void life_step(struct life *life);
/* The last state that the callback was told, and how often it was told this one. */
bool life_saw(const struct life *life, enum khub_state state, unsigned times);
/* The first message of this type that the callback was given; NULL when there is none. */
const struct seen_message *life_message(const struct life *life, const char *type);

#define UNTIL(life, condition)                                                                     \
    do {                                                                                           \
        for (unsigned steps_ = 0; !(condition); steps_++) {                                        \
            assert_true(steps_ < 1000000);                                                         \
            life_step(life);                                                                       \
        }                                                                                          \
    } while (0)

/* The hub's side. */
void fake_hub_open(struct fake_hub *hub, bool local);
void fake_hub_close(struct fake_hub *hub);
void fake_hub_step(struct fake_hub *hub);
/* Sends all of it, blocking: for what fits the socket's buffers. A link that is gone is no
 * error. */
void fake_hub_send(struct fake_hub *hub, const char *text);
void fake_hub_send_bytes(struct fake_hub *hub, const char *bytes, size_t len);
/* A line of this type from `sender` with this payload, and `,"seq":N` when seq is not 0. */
void fake_hub_say(struct fake_hub *hub, const char *sender, const char *type, const char *payload,
                  uint64_t seq);
void fake_hub_sync(struct fake_hub *hub, const char *token, uint64_t seq);
/* An error with this code and detail; in reply to the hello that came last if `to_hello`. */
void fake_hub_refuse(struct fake_hub *hub, const char *code, const char *detail, bool to_hello);
void fake_hub_drop(struct fake_hub *hub);
/* The n-th line (from 0) of this type that the hub has received; NULL when there is none. */
const char *fake_hub_line(const struct fake_hub *hub, const char *type, unsigned n);
unsigned fake_hub_count(const struct fake_hub *hub, const char *type);
/* Whether the line is what the hub would take, by wire's own judge. */
void assert_line_valid(const char *line);
/* The text of the payload within a line; to be freed. */
char *line_payload(const char *line);

#endif

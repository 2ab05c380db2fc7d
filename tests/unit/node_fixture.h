/* An AI node with a brain that only counts, and a link that only notes what is said: for tests
 * of what it does with each message. */
#ifndef KHUB_TESTS_NODE_FIXTURE_H
#define KHUB_TESTS_NODE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>

#include "node/node.h"

/* What the brain was asked; the worker counts, the loop looks. */
extern struct calls {
    atomic_uint answered, checked, taken, stepped, given, concluded, proved, trained, measured;
    atomic_uint evaluations; /* wanted of the last training job */
    char feature[256], salt[64], sha256[80];
    char order[512]; /* ids of what was checked, each with a space behind it */
} calls;

/* How the brain answers. Set it while the worker is idle. */
extern struct wishes {
    bool referee;        /* of node_make's next */
    unsigned claims;     /* that the next training job finds */
    unsigned moves;      /* training jobs that have something to do */
    bool unprovable;     /* prove comes to nothing */
    bool repeated;       /* the hub has taken what is said once before */
    const char *refused; /* or refuses it, with this code */
    bool unleased;       /* the hub answers no lease_request: the test does */
    const char
        *review; /* collaborate gives the candidate with this AI's review in it; NULL: searches */
} wishes;

/* The link: joined or not, and what was published. */
extern enum khub_state link_state;
struct said {
    char type[64], target[130], message_id[37];
    json_t *payload;
};
extern struct said said[];
extern size_t said_count;
/* The last one of a type; NULL: none. */
const struct said *said_last(const char *type);
size_t said_of(const char *type);

/* What the node says in its log, newest last. */
#define HEARD_MAX 64
extern char heard[HEARD_MAX][256];
extern size_t heard_count;
/* Lines of it that begin so. */
size_t heard_of(const char *beginning);
/* The link's own clock is this one when it is not 0; ms. */
extern int64_t link_clock;
enum khub_state link_state_real(const struct node *node);

/* The AI is "ada", the subject process_manager. All counts and notes begin anew. Its timers stand:
 * a test ticks itself. */
struct node *node_make(void);
void node_unmake(struct node *node);
void say(struct node *node, const char *sender, const char *type, const char *payload);
/* The same with a payload of json_pack's, which is consumed. */
void say_json(struct node *node, const char *sender, const char *type, json_t *payload);
/* Until the worker has nothing left to do. The hub grants what leases were asked for, before, and
 * acks what is to be counted, behind. */
void work(struct node *node);

/* The brain of the nodes that are made. */
struct brain *brain_given(void);

/* A claim as a brain makes it: of the node's subject, with one parameter. */
json_t *claim_make(const char *kind, const char *id, double parameter);
/* The hub's answer to the commitment that was said last; nonce: one digit, repeated. */
void challenge_last(struct node *node, char nonce);
/* A claim of training's, from its commitment to its publication. */
void claim_through(struct node *node, json_t *claim);

#endif

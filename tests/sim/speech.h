/* A line under construction: what traffic.c (whole lines) and payloads.c share. */
#ifndef KHUB_TESTS_SPEECH_H
#define KHUB_TESTS_SPEECH_H

#include "sim.h"

#define PICK(chance, array) (array)[chance_below((chance), sizeof(array) / sizeof *(array))]

struct writer {
    struct text text;
    struct chance *chance;
    bool plain; /* no fancy spelling */
};

void put(struct writer *writer, const char *literal);
/* Before every member of an object but the first. */
void put_comma(struct writer *writer);
/* White space, now and then. */
void put_gap(struct writer *writer);
/* A JSON string; now and then some of its ASCII as escapes. */
void put_string(struct writer *writer, const char *text);
/* A member's name and colon. */
void put_name(struct writer *writer, const char *name);

/* A member of a payload that has begun with "{": its name alone, with a text, with a value as it
 * stands. */
void put_member(struct writer *writer, const char *name);
void put_text_member(struct writer *writer, const char *name, const char *text);
void put_raw_member(struct writer *writer, const char *name, const char *raw);
/* A member of a kind that it must not be of. */
void put_flawed_member(struct writer *writer, struct said *said, const char *name,
                       const char *const *wrong, unsigned count);
#define FLAWED(writer, said, name, wrong)                                                          \
    put_flawed_member(writer, said, name, wrong, sizeof(wrong) / sizeof *(wrong))
enum { OWN_IDS = 5, NO_STRINGS = 4 };
extern const char *const own_ids[OWN_IDS], *const no_string[NO_STRINGS];

/* A name, mostly of one who is in the room. */
int somebody(struct world *world, int room);

/* Would a well-behaved AI say a message of this type on it? */
bool session_concerns(const struct said *said, const struct session_model *session);

struct maker {
    struct world *world;
    struct writer *writer;
    struct said *said;
    int room;    /* in which the message will count */
    bool flawed; /* its payload is to have one flaw, if its type can have any */
};

unsigned below(struct maker *maker, unsigned count);
/* Is this the place of the flaw? */
bool flaw_here(struct maker *maker, unsigned places);

/* claims.c: the payload of a commitment; what makes a claim of a body that has begun, and a
 * measurement of a report; or nothing. */
void make_commitment(struct maker *maker);
void make_measured(struct maker *maker); /* what the author of a commitment measured */
void make_claim(struct maker *maker);
void make_measurement(struct maker *maker);
/* An entry that is a claim, or NULL. */
const struct entry_model *some_claim(struct maker *maker);

/* leases.c: payloads, and the lease under which something is shared. */
void make_lease_request(struct maker *maker);
void make_lease_release(struct maker *maker);
void make_lease_shown(struct maker *maker);

/* touches.c */
void make_touch(struct maker *maker);

/* approvals.c */
void make_approval_request(struct maker *maker);
void make_approval_answer(struct maker *maker);

/* moderation.c */
void make_moderation(struct maker *maker);

/* letters.c: payloads, and from where on a hello wants what it missed. */
void make_since(struct maker *maker);
void make_dead_query(struct maker *maker);
void make_dead_letter(struct maker *maker);

/* Writes the payload of said->type, and into *said what it says. */
void payload_make(struct maker *maker);

/* retractions.c: mostly of a message. */
uint64_t draw_heard(struct maker *maker);

#endif

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

/* Writes the payload of said->type, and into *said what it says. */
void payload_make(struct maker *maker);

#endif

/* The model of direct messages that were not taken; both kinds of world move it (letters.c). */
#ifndef KHUB_TESTS_SIM_LETTERS_H
#define KHUB_TESTS_SIM_LETTERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/types.h"

struct world;

enum lack_model { LACKS_NOTHING, LACKS_TARGET, LACKS_LEVEL };

/* A direct message that its target has not taken, or that has time for a reply yet. */
struct letter_model {
    uint64_t seq;
    int sender, target;
    enum message_type type;
    char message_id[48];
    char *line; /* owned, as it was said */
    size_t len;
    double wait; /* for a reply, seconds; 0: none is wanted */
    enum lack_model lack;
    bool awaited, overdue;
};

struct letters_model {
    struct letter_model *at; /* by their seqs */
    size_t count, capacity;
    uint64_t forgotten;
};

/* What a dead_query asks for, or a dead_letter. */
struct dead_said {
    uint64_t id, after, limit; /* 0: not said */
    int sender, target;        /* name, STRANGER or NOBODY */
    bool drop;
};

struct presence {
    bool connected, away;
    int level;
};

void model_letters_clear(struct letters_model *letters);
/* A message was accepted: it may be a letter, and may name some that its sender has taken. The
 * letter's lack and whether it is awaited are found here; target NULL: it has none. */
void model_letters_said(struct letters_model *letters, const struct letter_model *said,
                        const char *in_reply_to, const struct presence *target);
void model_letters_overdue(struct letters_model *letters, uint64_t seq);
/* The AI joined at level 2 and gets all that it missed after that seq. */
void model_letters_resumed(struct letters_model *letters, int name, uint64_t since);
/* An admin took it back. */
void model_letters_retracted(struct letters_model *letters, uint64_t seq);
/* One that is there was dropped, or sent again in the entry of that seq. */
void model_letters_handled(struct letters_model *letters, const struct dead_said *dead,
                           uint64_t seq);
/* The dead one of that id, if the asker may see it; else NULL. */
const struct letter_model *model_letters_named(const struct letters_model *letters, int asker,
                                               bool observer, const struct dead_said *dead,
                                               const struct presence *presence);
/* Why the dead_letter is refused; 0: it is not. */
uint64_t model_letters_codes(const struct letters_model *letters, int asker, bool observer,
                             const struct dead_said *dead, const struct presence *presence);
/* Is the letter of that seq there, and waits for a target that is away? */
bool model_letters_waits(const struct letters_model *letters, uint64_t seq,
                         const struct presence *presence);
/* What the hub tells in a dead_result, or in its dump. */
void model_letters_check_list(struct world *world, const struct letters_model *letters, int asker,
                              bool observer, const struct dead_said *dead,
                              const struct presence *presence, const json_t *payload);
void model_letters_check_handled(struct world *world, const struct letter_model *letter,
                                 const struct dead_said *dead, const struct presence *presence,
                                 const json_t *payload);
void model_letters_check_dump(struct world *world, const struct letters_model *letters,
                              const json_t *dump);

#endif

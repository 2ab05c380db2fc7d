/* What waits for the AI of a bridge (khub mcp), in a note beside the file of its membership: who
 * looks there needs no hub, which takes but one connection of a name.
 *
 * The bridge holds a lock on the note as long as it is at the hub. So the note of one that was
 * killed is known for what it is. Each new note is a file of its own that takes the place of the
 * last one: it is whole at any time. */
#ifndef KHUB_CMD_WAITING_NOTE_H
#define KHUB_CMD_WAITING_NOTE_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define WAITING_SENDERS_MAX 32u /* that are named */

/* Messages for the AI alone that were not shown. */
struct waiting {
    size_t count;
    uint64_t seq;    /* of the newest of them; 0: there is none */
    uint64_t newest; /* of all that came, whoever it was for */
    json_t *senders; /* array of names, each once; owned */
};
void waiting_free(struct waiting *waiting);
/* One more of them. */
void waiting_add(struct waiting *waiting, uint64_t seq, const char *sender);

/* A bridge's hold on the note beside a membership's file. */
struct waiting_note {
    char path[PATH_MAX]; /* of the note; "": there is none */
    int lock;            /* -1: nothing was written */
};

void waiting_note_begin(struct waiting_note *note, const char *membership);
/* Does nothing when it says so already. 0, or -1 with errno: the last one stands. */
int waiting_note_write(struct waiting_note *note, const struct waiting *waiting);
/* The bridge goes: nothing waits there. */
void waiting_note_end(struct waiting_note *note);

/* What the bridge of a membership says. False: there is none at the hub. */
bool waiting_note_read(const char *membership, struct waiting *ret_waiting);

#endif

/* The parts of `khub demo`: what is seen while it runs (demo_view.c) and what came of it
 * (demo_result.c). */
#ifndef KHUB_CMD_DEMO_H
#define KHUB_CMD_DEMO_H

#include <jansson.h>

#include "cmd/demo_audit.h"
#include "cmd/feed.h"
#include "wire/json.h"

#define DEMO_AIS      4u
#define DEMO_DONE_MAX 256u /* completed sessions told apart */

struct demo_ai {
    const char *ai_id, *specialization;
    double joins; /* after this share of the time: 0 is at once */
};
extern const struct demo_ai demo_ais[DEMO_AIS];

/* What the observer itself saw of one AI, or of all. */
struct demo_count {
    unsigned messages, patterns, components, checked, confirmed;
    double ratio; /* 0: none shared yet */
};

struct demo_view {
    struct terminal terminal;
    struct feed feed;
    bool silent;         /* no lines at all: --json */
    bool block;          /* a block of figures stays under the lines */
    unsigned drawn;      /* lines of it that stand on the screen */
    int64_t begun, ends; /* monotonic ms */
    struct demo_count all, each[DEMO_AIS];
    char completed[DEMO_DONE_MAX][40]; /* session_ids */
    unsigned completed_count;
    json_t *active; /* {session_id: true}: sessions that are, as far as was seen */
};

/* color: one of color_choices. silent: counts, and prints nothing. demo_view_end and demo_view_free
 * are due. The caller sets `begun` and `ends`. */
void demo_view_begin(struct demo_view *view, const char *color, bool silent);
/* Counts a message, and prints its line. */
void demo_view_message(struct demo_view *view, const struct khub_message *message);
/* Prints a line of the demo's own. */
void demo_view_note(struct demo_view *view, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Whether all has been seen that must happen: a check of another's thing by each AI, a pattern and
 * a component of each that was there from the first, a completed session, and a claim that two
 * others confirmed. */
bool demo_view_happened(const struct demo_view *view);
/* Draws the block anew, after whatever was printed. */
void demo_view_refresh(struct demo_view *view);
/* Takes the block away, for good. */
void demo_view_end(struct demo_view *view);
void demo_view_free(struct demo_view *view);

/* Whether each of DEMO_AIS summaries (NULL: there is none) tells of a gain over the baseline, on
 * held-out workloads, and one of all that somebody must have done. */
bool demo_all_gained(json_t *const *summaries);
/* Prints the tables (or, with json, one object) of the trainers' summaries, DEMO_AIS of them, NULL
 * where there is none, and of what became of the hub's restart; then what did not happen, or was
 * lost, on stderr. An exit code. */
int demo_result(const struct demo_view *view, const struct demo_audit *audit,
                json_t *const *summaries, bool json);

#endif

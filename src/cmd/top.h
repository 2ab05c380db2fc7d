/* khub top: what a hub's figures and members were last told to be, and how they are shown. */
#ifndef KHUB_CMD_TOP_H
#define KHUB_CMD_TOP_H

#include "cmd/terminal.h"
#include "wire/json.h"
#include "wire/text.h"

#include <jansson.h>

#define TOP_BUCKETS_MAX 64u

/* A distribution of durations: counts[i] took at the most le_s[i] seconds, the last longer. */
struct top_durations {
    double le_s[TOP_BUCKETS_MAX], counts[TOP_BUCKETS_MAX];
    size_t count; /* of counts; 0: it is not told */
};

/* What the hub counts since it began (stats_result, `hub`). */
struct top_totals {
    bool told; /* else the hub keeps them from us */
    double messages, deliveries, bytes_in, bytes_out;
    struct top_durations latency, commits;
};

enum top_order { TOP_BY_SAID, TOP_BY_IDLE, TOP_BY_NAME };
extern const char *const top_orders[]; /* their names, ended by NULL */

struct top_picture {
    const char *place;         /* the hub and the room */
    struct json_value stats;   /* the last stats_result's payload, or absent */
    struct json_value members; /* the array of all members, or absent */
    struct top_totals now, before;
    double seconds; /* between the two; 0: there was none before */
    json_t *said;   /* {ai_id: messages} of these seconds; borrowed */
    enum top_order order;
    const char *trouble; /* why what is shown is old; NULL: it is not */
};

/* Reads the totals of a stats_result's payload. */
void top_totals_read(struct top_totals *totals, struct json_value stats);
/* The least bound that a share of what came between the two stayed within: "50 µs", or "over 1 s",
 * the last bound. False: nothing came. */
#define TOP_DURATION_SIZE 24u
bool top_quantile(const struct top_durations *now, const struct top_durations *before, double share,
                  char buffer[TOP_DURATION_SIZE]);
/* "987", "12.3 k", "4.5 M": a number in three digits. */
#define TOP_NUMBER_SIZE 16u
void top_number(double number, char buffer[TOP_NUMBER_SIZE]);
/* Writes the picture to `out`, in at most `rows` lines (0: all); returns how many it wrote. */
unsigned top_draw(const struct top_picture *picture, const struct terminal *terminal, unsigned rows,
                  FILE *out);

#endif

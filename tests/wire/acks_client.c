/* Two AIs over libkhub, whatever becomes of their hub. The writer publishes COUNT patterns with
 * acks, a few at a time, prints a line for each ack, and exits with 0 when each was accepted once.
 * A reader resumes, and prints each pattern that it hears, until it has heard the last: its number,
 * and where another would go on from there. `read`: from now on, or from SINCE and SINCE_COUNT;
 * `last`: from where the hub knows that it was, and it leaves when it has heard SOME.
 *
 * usage: acks_client ADDRESS COUNT [read [SINCE SINCE_COUNT] | last SOME] */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "khub.h"

#define UNDER_WAY 20u

static unsigned published, count, answered, heard, some;

static void print_line(unsigned number)
{
    printf("%u\n", number);
    fflush(stdout);
}

/* ── the writer ── */

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data);

static void publish_next(struct khub *link)
{
    char payload[64];
    snprintf(payload, sizeof payload, "{\"pattern\":{\"n\":%u}}", published);
    if (khub_publish_acked(link, "pattern_share", payload, NULL, on_outcome, NULL, NULL) < 0)
        exit(2);
    published++;
}

static void on_outcome(struct khub *link, const struct khub_outcome *outcome, void *data)
{
    (void)data;
    if (outcome->error < 0 || !outcome->delivered || outcome->seq == 0) {
        fprintf(stderr, "%s: %s %s\n", outcome->message_id, outcome->code, outcome->detail);
        exit(3);
    }
    print_line(++answered);
    if (published < count)
        publish_next(link);
    else if (answered == count)
        khub_close(link);
}

/* ── the reader ── */

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    const char *number = strstr(message->payload.at, "\"n\":");
    (void)data;
    if (strcmp(message->type.at, "error") == 0)
        fprintf(stderr, "%s\n", message->payload.at);
    if (strcmp(message->type.at, "pattern_share") != 0 || !number)
        return;
    unsigned n = (unsigned)strtoul(number + strlen("\"n\":"), NULL, 10);
    printf("%u %llu %u\n", n, (unsigned long long)khub_read_seq(link), khub_read_count(link));
    fflush(stdout);
    if (n + 1 == count || ++heard == some)
        khub_close(link);
}

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    (void)link;
    (void)error;
    (void)detail;
    (void)data;
    if (state == KHUB_JOINED && !answered++)
        print_line(count);
}

int main(int argc, char **argv)
{
    struct khub *link;
    if (argc < 3)
        return 2;
    bool reads = argc > 3, last = reads && strcmp(argv[3], "last") == 0;
    bool from = reads && !last && argc > 5;
    count = (unsigned)strtoul(argv[2], NULL, 10);
    struct khub_options options = {.address = argv[1],
                                   .ai_id = reads ? "reader" : "writer",
                                   .acks = !reads,
                                   .resume = reads,
                                   .resume_last = last,
                                   .since = from ? strtoull(argv[4], NULL, 10) : 0,
                                   .since_count = from ? (unsigned)strtoul(argv[5], NULL, 10) : 0,
                                   .retry_first_ms = 10,
                                   .retry_max_ms = 50,
                                   .sync_max = KHUB_SYNC_NONE};
    struct khub_callbacks callbacks = {0};
    some = last ? (unsigned)strtoul(argv[4], NULL, 10) : UINT_MAX;
    if (reads)
        callbacks = (struct khub_callbacks){.message = on_message, .state = on_state};
    if (khub_new(&options, &callbacks, &link) < 0)
        return 2;
    while (!reads && published < UNDER_WAY && published < count)
        publish_next(link);
    int error = khub_run(link, -1);
    khub_free(link);
    return error < 0 || (!reads && answered != count);
}

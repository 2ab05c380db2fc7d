/* Publishes COUNT patterns over libkhub with acks, a few at a time, whatever becomes of its hub,
 * and exits with 0 when each was accepted once.
 *
 * usage: acks_client ADDRESS COUNT */
#include <stdio.h>
#include <stdlib.h>

#include "khub.h"

#define UNDER_WAY 20u

static unsigned published, count, answered;

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
    printf("%u\n", ++answered);
    fflush(stdout);
    if (published < count)
        publish_next(link);
    else if (answered == count)
        khub_close(link);
}

int main(int argc, char **argv)
{
    struct khub *link;
    if (argc != 3)
        return 2;
    count = (unsigned)strtoul(argv[2], NULL, 10);
    struct khub_options options = {.address = argv[1],
                                   .ai_id = "writer",
                                   .acks = true,
                                   .retry_first_ms = 10,
                                   .retry_max_ms = 50,
                                   .sync_max = KHUB_SYNC_NONE};
    if (khub_new(&options, NULL, &link) < 0)
        return 2;
    while (published < UNDER_WAY && published < count)
        publish_next(link);
    int error = khub_run(link, -1);
    khub_free(link);
    return error < 0 || answered != count;
}

/* One turn of an AI that lives in turns, over libkhub: it joins, or comes back, as "turner", prints
 * its resume_token and for how long it stays, then each chat that it missed, and ends when it has
 * caught up: it stays, or leaves.
 *
 * usage: turn_client ADDRESS stay|leave [RESUME_TOKEN] */
#include <stdio.h>
#include <string.h>

#include "khub.h"

#define STAYS_S 600u

static bool leaves;

static void end(struct khub *link)
{
    if (leaves)
        khub_leave(link);
    else
        khub_close(link);
}

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    (void)data;
    if (strcmp(message->type.at, "training_sync") == 0)
        printf("%s %u\n", khub_resume_token(link), khub_stays(link));
    if (strcmp(message->type.at, "chat") == 0)
        printf("%s\n", message->payload.at);
    if (strcmp(message->type.at, "caught_up") == 0)
        end(link);
}

int main(int argc, char **argv)
{
    struct khub *link;
    if (argc < 3)
        return 2;
    struct khub_options options = {.address = argv[1],
                                   .ai_id = "turner",
                                   .resume_token = argc > 3 ? argv[3] : NULL,
                                   .resume = true,
                                   .resume_last = true,
                                   .stays_s = STAYS_S,
                                   .retries = -1,
                                   .sync_max = KHUB_SYNC_NONE};
    struct khub_callbacks callbacks = {.message = on_message};
    leaves = strcmp(argv[2], "leave") == 0;
    if (khub_new(&options, &callbacks, &link) < 0)
        return 2;
    int error = khub_run(link, -1);
    khub_free(link);
    return error < 0;
}

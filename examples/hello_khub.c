/* Joins a hub, prints who is there, shares one pattern, and prints what the others say.
 *
 *     cc hello_khub.c $(pkg-config --cflags --libs khub jansson) -o hello_khub
 *     ./hello_khub ada 10        ten seconds as "ada"; without a number: for ever
 *
 * The hub is at 127.0.0.1:6000, or where $KHUB_HUB says. */
#include <jansson.h> /* any JSON library will do: libkhub itself hands out payloads as text */
#include <khub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_message(struct khub *link, const struct khub_message *message, void *data)
{
    (void)link, (void)data;
    if (strcmp(message->type.at, "training_sync") != 0) {
        printf("%s: %s %s\n", message->sender_id.at, message->type.at, message->payload.at);
        return;
    }
    json_t *sync = json_loads(message->payload.at, 0, NULL);
    json_t *ais = json_object_get(sync, "active_ais");
    for (size_t i = 0; i < json_array_size(ais); i++)
        printf("here: %s\n", json_string_value(json_array_get(ais, i)));
    json_decref(sync);
}

static void on_state(struct khub *link, enum khub_state state, int error, const char *detail,
                     void *data)
{
    (void)link, (void)error, (void)data;
    fprintf(stderr, "-- %s %s\n", khub_state_text(state), detail);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3)
        return fprintf(stderr, "usage: %s AI_ID [SECONDS]\n", argv[0]), 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *const capabilities[] = {"network_protocols", NULL};
    struct khub_options options = {.address = getenv("KHUB_HUB"),
                                   .ai_id = argv[1],
                                   .retries = 5,
                                   .specialization = "networking",
                                   .capabilities = capabilities};
    struct khub_callbacks callbacks = {.message = on_message, .state = on_state};
    struct khub *link;
    int error = khub_new(&options, &callbacks, &link);
    if (error < 0)
        return fprintf(stderr, "%s\n", khub_error_text(error)), 1;
    /* Waits in the queue until the hub has answered. */
    khub_share_pattern(link, "{\"name\": \"greeting\", \"confidence\": 0.8}");
    error = khub_run(link, argc == 3 ? atoi(argv[2]) * 1000 : -1);
    bool joined = khub_link_state(link) == KHUB_JOINED;
    khub_close(link);
    khub_run(link, 1000); /* what is still queued goes out */
    khub_free(link);
    return error == 0 && joined ? 0 : 1;
}

/* `khub train`: checks the options, makes the node and its brain, runs them. */
#include "node/trainer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node/node.h"

#define MINUTES_MAX (366.0 * 24 * 60)

/* A sentence on what is wrong, or NULL. */
static const char *options_wrong(const struct trainer_options *options)
{
    size_t length = options->ai_id ? strlen(options->ai_id) : 0;
    if (length < 1 || length > ID_MAX)
        return "the AI's id must be 1 to 128 bytes long";
    if (strcmp(options->ai_id, "hub") == 0)
        return "the id \"hub\" is the hub's own";
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)options->ai_id[i] < 0x20 || options->ai_id[i] == 0x7f)
            return "the AI's id must have no control characters";
    if (!options->specialization || !trainer_capabilities(options->specialization))
        return "no such specialization; there are window_manager, file_system, process_manager, "
               "security, "
               "networking, graphics, audio, performance and general";
    if (!isfinite(options->minutes) || options->minutes <= 0 || options->minutes > MINUTES_MAX)
        return "the minutes must be more than 0 and at most a year";
    return NULL;
}

/* json_string knows whether a text is UTF-8, which the wire is. */
static bool is_utf8(const char *text)
{
    json_t *json = json_string(text);
    json_decref(json);
    return json != NULL;
}

static int keep(const char *path, struct brain *brain, struct keeping *ret_keeping)
{
    char why[KEEPING_WHY_SIZE];
    if (keeping_open(path, brain, ret_keeping, why) == 0)
        return 0;
    fprintf(stderr, "[TRAINER] nothing can be kept in %s: %s\n", path, why);
    return -1;
}

int trainer_run(const struct trainer_options *options)
{
    const char *wrong = options_wrong(options);
    if (!wrong && !is_utf8(options->ai_id))
        wrong = "the AI's id must be UTF-8";
    if (wrong) {
        fprintf(stderr, "[TRAINER] %s\n", wrong);
        return 2;
    }
    json_object_seed(0); /* now: the worker and the loop must not both find it unset */
    struct trainer_options filled = *options;
    filled.address = options->address ? options->address : "127.0.0.1:6000";
    filled.out = options->out ? options->out : stdout;
    struct brain *brain = brain_policy_new(options->ai_id, options->specialization);
    struct node *node = NULL;
    struct keeping keeping = {.directory = -1};
    char why[256];
    if (brain && options->searcher && brain_policy_search_by(brain, options->searcher, why) < 0) {
        fprintf(stderr, "[TRAINER] %s\n", why);
        brain_free(brain);
        return 1;
    }
    if (brain && options->keep_path && keep(options->keep_path, brain, &keeping) < 0) {
        brain_free(brain);
        return 1;
    }
    if (brain) { /* libuv has 4 threads unless it is told otherwise before the first is used */
        char workers[16];
        snprintf(workers, sizeof workers, "%u", brain->workers);
        setenv("UV_THREADPOOL_SIZE", workers, 0);
    }
    if (keeping.token[0])
        filled.resume_token = keeping.token;
    FILE *acks = options->acks_path ? fopen(options->acks_path, "ae") : NULL;
    if (options->acks_path && !acks) {
        fprintf(stderr, "[TRAINER] acks can't be written to %s: %s\n", options->acks_path,
                strerror(errno));
        brain_free(brain);
        keeping_close(&keeping);
        return 1;
    }
    int error = brain ? node_new(&filled, brain, &node) : KHUB_E_NO_MEMORY;
    if (error < 0)
        fprintf(stderr, "[TRAINER] %s: %s\n", filled.address, khub_error_text(error));
    if (error == 0 && options->keep_path)
        node->keeping = &keeping;
    if (error == 0) {
        node->acks = acks;
        salt_take(node);
    }
    int exit_code = error == 0                                            ? node_run(node)
                    : error == KHUB_E_ADDRESS || error == KHUB_E_ARGUMENT ? 2
                                                                          : 1;
    node_free(node);
    brain_free(brain);
    keeping_close(&keeping);
    if (acks)
        fclose(acks);
    return exit_code;
}

/* The summary as it is told: to its file while the node runs, and to all at its end. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node/node.h"

#define SUMMARY_MODE 0666

static struct summary_head head_of(const struct node *node)
{
    const struct trainer_options *options = node->options;
    return (struct summary_head){.ai_id = options->ai_id,
                                 .specialization = options->specialization,
                                 .hub = options->address,
                                 .joined = node->joined,
                                 .seconds = (double)(node_now(node) - node->started) / 1000};
}

/* Whether a new file may come in place of what lies there: of a pipe or a terminal it may not. */
static bool is_replaceable(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 ? S_ISREG(status.st_mode) : errno == ENOENT;
}

/* 0, or -1 with errno. */
static int summary_write(const char *path, const json_t *json)
{
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    int failed;
    if (!text) {
        errno = ENOMEM;
        return -1;
    }
    if (is_replaceable(path))
        failed = keeping_write_file(AT_FDCWD, path, text, SUMMARY_MODE);
    else
        failed = json_dump_file(json, path, JSON_INDENT(2));
    free(text);
    return failed;
}

void node_summarize_so_far(struct node *node, json_t *training, json_t *learned)
{
    const char *path = node->options->summary_path;
    const struct summary_head head = head_of(node);
    json_t *json = summary_json(&node->count, &head, training, learned);
    assert(path);
    if (is_replaceable(path) && summary_write(path, json) < 0 && !node->unwritten) {
        node->unwritten = true;
        node_say(node, "the summary can't be written to %s: %s; it is tried again", path,
                 strerror(errno));
    }
    json_decref(json);
}

int node_summarize(struct node *node, int exit_code)
{
    const struct trainer_options *options = node->options;
    struct brain *brain = node->brain;
    struct brain_standing standing;
    assert(jobs_idle(&node->jobs)); /* the brain is the loop's now */
    brain->standing(brain->state, &standing);
    struct summary_head head = head_of(node);
    head.ended = node->ended;
    head.exit_code = exit_code;
    json_t *json = summary_json(&node->count, &head, brain->summary(brain->state),
                                brain->learned(brain->state));
    bool unkept = node_keep(node, brain->learned(brain->state)) < 0;
    if (node->keeping && node->keeping->learned && !unkept)
        node_say(node, "What it learned is in %s: learned.json and policy.c", node->keeping->path);
    if (options->json && json) {
        json_dumpf(json, options->out, JSON_INDENT(2));
        fputc('\n', options->out);
        fflush(options->out);
    } else if (options->summary) {
        options->summary(&node->count, &head, &standing, options->data);
    }
    bool unwritten = options->summary_path && summary_write(options->summary_path, json) < 0;
    if (unwritten)
        node_say(node, "the summary could not be written to %s: %s", options->summary_path,
                 strerror(errno));
    json_decref(json);
    return unwritten || unkept ? -1 : 0;
}

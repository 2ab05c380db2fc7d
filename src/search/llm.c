/* A searcher that asks a language model for modules, shows it what became of them, and asks again.
 *
 * It sees the interface with today's policy written in it, the elites with their scores, and what
 * its last modules scored or why they were refused, with their source: what a person would want to
 * know. What it answers is C in fences; each goes to the judge like anybody's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/model.h"
#include "search/proposer.h"
#include "wire/text.h"

#define ELITES        3u
#define SOURCE_SHOWN  12000u /* bytes of an elite's source that are shown */
#define FAILURES      3u
#define FAILURE_SHOWN 4000u
#define AT_ONCE       2u /* modules that it is asked for */
#define WASTED_MAX    3u /* answers in a row without one */

struct llm {
    const struct subject *subject;
    struct random random;
    struct model *model;
    char *interface;      /* the module at the textbook's setting */
    struct text failures; /* of the last answer, told with the next question */
    unsigned wasted;
};

static const char system_text[] =
    "You write decision policies for parts of an operating system, as freestanding C11 modules "
    "that a kernel could take. You are part of a search: each module that you write is compiled "
    "(-std=c11 -Wall -Wextra -Werror -ffreestanding -Os, no library, no undefined symbol, "
    "<stdint.h> the only header, no floating point, no inline assembly, no variables but in its "
    "state, no ## and no pragmas) and measured in a "
    "simulator on workloads that you do not see. The score is the mean ratio of its cost to that "
    "of the textbook's policy: lower is better. A module that does not compile, crashes or runs "
    "too long counts for nothing. Answer with whole modules, each in a fence ```c ... ```, that "
    "define the same ops struct as the one you are shown. Put a comment at the top of each that "
    "names the mechanism. Prefer a new mechanism to another constant.";

/* ── the question ── */

static void add_cut(struct text *text, const char *source, size_t most)
{
    size_t length = strlen(source);
    text_add(text, (struct slice){source, length < most ? length : most});
    if (length > most)
        text_addf(text, "\n/* … %zu bytes more */\n", length - most);
}

static void add_elites(struct text *text, struct llm *llm, const struct archive *archive)
{
    const struct trial *elites[ELITES];
    size_t count = archive_sample(archive, &llm->random, ELITES, elites);
    if (count > 0)
        text_addf(text, "The best so far, and others that are small or have a good worst case:\n");
    for (size_t i = 0; i < count; i++) {
        char *source = trial_source(llm->subject, elites[i]);
        text_addf(text, "\nScore %.4f, on its worst workload %.3f, %zu bytes:\n```c\n",
                  trial_ratio(elites[i]), elites[i]->worst, elites[i]->bytes);
        add_cut(text, source ? source : "", SOURCE_SHOWN);
        text_addf(text, "\n```\n");
        free(source);
    }
}

static void add_question(struct text *text, struct llm *llm, const struct search_state *search,
                         size_t most)
{
    const struct subject *subject = llm->subject;
    text_addf(text,
              "Subject: %s, %s. Cost: %s. The textbook's policy is %s, whose score is 1.\n\nThis "
              "is the interface, with a policy in it:\n```c\n",
              subject->name, subject->title, subject->cost, subject->baseline_names[0]);
    text_addf(text, "%s\n```\n\n", llm->interface);
    add_elites(text, llm, search->archive);
    text_add(text, text_slice(&llm->failures));
    text_addf(text, "\nWrite %zu %s that you expect to score lower than all of these.\n", most,
              most == 1 ? "module" : "different modules");
}

/* ── the answer ── */

/* The next fenced block; false: there is none. One that is not closed was cut off. */
static bool next_block(const char **at, struct slice *ret_block)
{
    const char *open = strstr(*at, "```");
    const char *begin = open ? strchr(open, '\n') : NULL;
    const char *end = begin ? strstr(begin, "\n```") : NULL;
    if (!end)
        return false;
    *ret_block = (struct slice){begin + 1, (size_t)(end - begin)};
    *at = end + 4;
    return true;
}

static int take_blocks(const char *answer, size_t most, struct trial *ret_trials)
{
    struct slice block;
    int count = 0;
    while ((size_t)count < most && next_block(&answer, &block)) {
        char *source = strndup(block.at, block.len);
        if (!source)
            return -1;
        ret_trials[count++] = (struct trial){.kind = TRIAL_SOURCE, .source = source};
    }
    return count;
}

static int llm_propose(struct proposer *proposer, const struct search_state *search, size_t most,
                       struct trial *ret_trials, char why[256])
{
    struct llm *llm = proposer->state;
    struct text question = {0};
    char *answer = NULL;
    if (most > AT_ONCE)
        most = AT_ONCE;
    add_question(&question, llm, search, most);
    text_add(&question, (struct slice){"", 1});
    enum model_end end = MODEL_FAILED;
    if (question.failed)
        snprintf(why, 256, "out of memory");
    else
        end = model_ask(llm->model, system_text, question.at, search->stop, &answer, why);
    text_free(&question);
    proposer->spent = model_spent(llm->model);
    text_clear(&llm->failures);
    proposer->done = end == MODEL_SPENT;
    if (end != MODEL_ANSWERED)
        return end == MODEL_SPENT ? 0 : -1;
    int count = take_blocks(answer, most, ret_trials);
    if (count < 0)
        snprintf(why, 256, "out of memory");
    if (count == 0)
        text_addf(&llm->failures,
                  "\nYour last answer had no whole module in a fence ```c ... ```.\n");
    free(answer);
    return count;
}

static int llm_told(void *state, const struct trial *trials, size_t count, char why[256])
{
    struct llm *llm = state;
    llm->wasted = count > 0 ? 0 : llm->wasted + 1;
    if (llm->wasted == WASTED_MAX) {
        snprintf(why, 256, "the model has answered without a module %u times", WASTED_MAX);
        return -1;
    }
    for (size_t i = 0; i < count && i < FAILURES; i++) {
        if (trials[i].stages == 0)
            text_addf(&llm->failures, "\nThis module of yours was refused (%s):\n```c\n",
                      trials[i].why);
        else
            text_addf(&llm->failures,
                      "\nThis module of yours scored %.4f on %zu workloads%s:\n```c\n",
                      trial_ratio(&trials[i]), stage_workloads[trials[i].stages - 1],
                      trials[i].repeats ? ", and decides as one that was there before" : "");
        add_cut(&llm->failures, trials[i].source, FAILURE_SHOWN);
        text_addf(&llm->failures, "\n```\n");
    }
    return 0;
}

static void llm_free(void *state)
{
    struct llm *llm = state;
    model_free(llm->model);
    text_free(&llm->failures);
    free(llm->interface);
    free(llm);
}

int proposer_llm(const struct subject *subject, const struct model_settings *settings,
                 uint64_t seed, struct proposer *ret_proposer, char why[256])
{
    struct trial textbook = {.kind = TRIAL_PARAMETERS};
    struct llm *llm = calloc(1, sizeof *llm);
    snprintf(why, 256, "out of memory");
    if (!llm)
        return -1;
    llm->subject = subject;
    random_seed(&llm->random, seed);
    subject_textbook(subject, textbook.parameters);
    llm->interface = trial_source(subject, &textbook);
    llm->model = llm->interface ? model_new(settings, why) : NULL;
    if (!llm->model) {
        llm_free(llm);
        return -1;
    }
    *ret_proposer =
        (struct proposer){.state = llm, .propose = llm_propose, .told = llm_told, .free = llm_free};
    snprintf(ret_proposer->name, sizeof ret_proposer->name, "llm: %s", settings->name);
    return 0;
}

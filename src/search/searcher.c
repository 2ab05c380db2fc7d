#include "search/searcher.h"

#include <stdio.h>
#include <string.h>

#define EXEC "exec:"
#define LLM  "llm:"

/* What stands behind the prefix; NULL: it is another, or nothing does. */
static const char *after(const char *by, const char *prefix)
{
    size_t length = strlen(prefix);
    const char *rest = strncmp(by, prefix, length) == 0 ? by + length : "";
    rest += strspn(rest, " ");
    return *rest ? rest : NULL;
}

bool searcher_known(const char *by)
{
    return after(by, EXEC) || after(by, LLM) || strcmp(by, "random") == 0 ||
           strcmp(by, "genetic") == 0 || strcmp(by, "cmaes") == 0;
}

int searcher_begin(const struct searcher *searcher, const struct subject *subject, uint64_t seed,
                   uint64_t budget, struct proposer *ret_proposer, char why[256])
{
    const char *by = searcher->by, *command = after(by, EXEC);
    struct model_settings model = searcher->model;
    model.name = after(by, LLM);
    if (command)
        return proposer_exec(subject, command, seed, budget, searcher->patience_ms, ret_proposer,
                             why);
    if (model.name)
        return proposer_llm(subject, &model, seed, ret_proposer, why);
    if (strcmp(by, "random") == 0)
        return proposer_random(subject, seed, ret_proposer, why);
    if (strcmp(by, "genetic") == 0)
        return proposer_genetic(subject, seed, ret_proposer, why);
    if (strcmp(by, "cmaes") == 0)
        return proposer_cmaes(subject, seed, ret_proposer, why);
    snprintf(why, 256, "'%.100s' is no searcher; there are " SEARCHERS, by);
    return -1;
}

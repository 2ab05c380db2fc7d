/* khub kb's parts: cmd_kb.c (what can be asked, get), kb_list.c (list), kb_pages.c (what a sync
 * has no place for, searches), kb_search.c, kb_export.c, kb_import.c, kb_history.c, kb_score.c (how
 * good others found an entry), kb_measured.c (what this program finds of claims itself), kb_rank.c
 * (top, ledger), kb_source.c (an entry's C). */
#ifndef KHUB_CMD_KB_H
#define KHUB_CMD_KB_H

#include "cmd/options.h"
#include "cmd/visit.h"
#include "policy/measure.h"
#include "probe/probe.h"
#include "wire/json.h"

#define KB_SECTIONS  4u
#define KB_FOUND     20u  /* entries that a search shows without --limit, */
#define KB_FOUND_MAX 1000 /* and with */
#define KB_RUN       64   /* sets of parameters that top runs without --run */

struct kb_settings {
    const char *hub, *token_file, *room, *action, *section;
    struct text_list words; /* behind the action */
    const char *id;         /* the first of them, or NULL */
    char *text;             /* all of them, with spaces between; owned by who runs */
    struct kb_lines *lines; /* of import, what the file holds: the same */
    long limit;             /* of list, of each section; of top and search, of all; 0: not said */
    const char *as;         /* of import: the AI that shares; NULL: one is made */
    long revision;          /* of get; 0: the one in force */
    /* Of list and search: only what is of these, and in which order; NULL: not said. */
    const char *specialization, *subject, *order;
    const char *nonce; /* of top; NULL: a fresh one */
    long run;          /* of top: the most sets of parameters to run */
    bool json, source;
};

/* A section as people name it, of several entries and of one, and as the hub does. */
struct kb_section {
    const char *name, *one, *member;
};
extern const struct kb_section kb_sections[KB_SECTIONS];

/* An entry of the hub's; good during the call. */
struct kb_entry {
    const struct kb_section *section;
    const char *id;
    struct json_value value; /* an object; of reports, an array */
};
/* Calls `visit` with each entry of the section ("all": of each), section by section, the newest
 * first. */
void kb_each_entry(const char *section, struct json_value sync,
                   void (*visit)(void *data, const struct kb_entry *entry), void *data);

/* A claim: an entry whose parameters were committed to, with what others found. */
struct kb_claim {
    const char *id; /* good during the call */
    bool pattern;   /* else a component */
    struct json_value entry, body, verification;
};
/* Calls `visit` with each claim of the subject that is in the sync. */
void kb_each_claim(struct json_value sync, const char *subject,
                   void (*visit)(void *data, const struct kb_claim *claim), void *data);
/* The pattern or component of an entry; absent when it has none. */
struct json_value kb_body(struct json_value entry);
/* A text that two bodies share exactly when their parameters have the same names and values,
 * however these are written; NULL without parameters. Caller frees. */
char *kb_parameters_text(struct json_value body);

#define KB_WHY_SIZE 256
/* The subject that a body's parameters are of, with these in its order; NULL when this khub can't
 * run them, with a sentence on why. */
const struct subject *kb_parameters(struct json_value body, double *ret_parameters,
                                    char ret_why[KB_WHY_SIZE]);
/* What a claim is of: parameters, or with a source the C of a module, which is run in the sandbox
 * alone. */
struct kb_policy {
    char *source; /* NULL: there is none */
    double parameters[SUBJECT_PARAMETERS_MAX];
};
/* The same of either; to be freed with its source. */
const struct subject *kb_policy(struct json_value body, struct kb_policy *ret_policy,
                                char ret_why[KB_WHY_SIZE]);
int kb_policy_compare(const struct kb_policy *a, const struct kb_policy *b);
/* Runs it on these workloads. Of parameters PROBE_RAN, or PROBE_FAILED when out of memory. */
void kb_policy_measure(const struct subject *subject, const struct kb_policy *policy,
                       struct evaluation_set *set, struct probe_report *ret_report);
/* Whether a claim's ratio is what it measures here, on its own nonce: 1, or 0 with a sentence; -1
 * when out of memory, or this machine can't. */
int kb_claim_holds(const struct subject *subject, struct json_value entry,
                   const struct kb_policy *policy, char ret_why[KB_WHY_SIZE]);

/* What was reported on each ID. */
struct kb_scores;
/* Of the whole sync, which must outlive it. kb_scores_free is due. */
struct kb_scores *kb_scores_new(struct json_value sync);
void kb_scores_free(struct kb_scores *scores);
/* How good others found it, by the hub's rule: the mean, from 0 to 1, over the reporters other than
 * the contributor, of the latest score of each. NAN when nobody gave one. */
double kb_score(const struct kb_scores *scores, const struct kb_entry *entry);

/* When the visit's sync does not hold all that the hub knows, asks for all, and puts it in the
 * place of what the sync had; its `truncated` is then false. A hub that can't be asked leaves the
 * sync as it is. EXIT_WORKED, or an exit code after a sentence. The visit's callback must be
 * kb_pages_message, its data NULL. */
int kb_complete(struct visit *visit);
/* The same with what a search finds in the place of what the sync had; `found` says in what order,
 * `more` whether there is more than the settings' limit. */
int kb_search(struct visit *visit, const struct kb_settings *settings);
/* The same with what is of the settings' specialization and subject, in their order; and with all
 * the reports, when a list of it wants their scores. */
int kb_select(struct visit *visit, const struct kb_settings *settings);
/* Do they ask for some of the entries by what those are of? */
static inline bool kb_sifts(const struct kb_settings *settings)
{
    return settings->specialization || settings->subject;
}
void kb_pages_message(struct visit *visit, const struct khub_message *message);

/* The same with the revisions of settings->id, or the one of settings->revision, as the sync's
 * `revisions`: an array as the hub tells them, the newest first. */
int kb_revisions(struct visit *visit, const struct kb_settings *settings);

/* All return an exit code. */
int kb_list(const struct kb_settings *settings, struct json_value sync);
/* Reads the file that settings->id names; kb_lines_free is due. */
int kb_lines_read(struct kb_settings *settings);
void kb_lines_free(struct kb_lines *lines); /* NULL is fine */
/* Shares settings->lines, at a visit with acks whose sync is complete, and ends
 * the visit. */
int kb_import(const struct kb_settings *settings, struct visit *visit);
/* What kb_revisions has found. */
int kb_history(const struct kb_settings *settings, struct json_value sync);
int kb_get_revision(const struct kb_settings *settings, struct json_value sync);
/* What kb_search has found. */
int kb_found(const struct kb_settings *settings, struct json_value sync);
/* All as JSON Lines. */
int kb_export(const struct kb_settings *settings, struct json_value sync);
int kb_top(const struct kb_settings *settings, struct json_value sync);
int kb_ledger(const struct kb_settings *settings, struct json_value sync);
/* The source of an entry on stdout, and of claims on stderr whether it is what their parameters
 * render to. */
int kb_print_source(struct json_value entry);
/* {"id", "section", "entry"} on stdout, and a snippet (NULL: none); without a line end. */
void kb_print_entry(const struct kb_entry *entry, const struct json_value *snippet);

#endif

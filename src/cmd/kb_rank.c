/* What is proved: the ranking of a subject's claims, and the ledger of who claimed what.
 *
 * The ranking believes nobody. That others have confirmed a claim lets it in; its number must be
 * found here again, and it is ranked by what its parameters, or its C in the sandbox, do on
 * workloads that were drawn just now: neither its author nor those who speak for it could choose
 * them, or try a thousand times. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/kb.h"
#include "cmd/table.h"
#include "cmd/visit.h"

#define NOT_SHOWN_NAMED 5u /* of claims that do not hold here */

/* Student's t (Biometrika 6, 1908): the mean of so many workloads exceeds a sample's mean by more
 * than that many standard errors once in twenty times. */
#define STUDENT_95     1.669 /* of CLAIM_WORKLOADS - 1 = 63 degrees of freedom */
#define ERRORS_OF_CI95 1.96  /* standard errors in a score's ci95 */

/* A confirmed claim. */
struct ranked {
    char *id, *author, *owner;
    bool pattern;
    struct kb_policy policy;
    struct score score; /* measured here, on workloads that nobody knew */
    char *unrun;        /* or why it can't be, here; NULL: it was */
    char *broken;       /* or what it did instead; NULL: nothing */
    double sure;        /* with 95 % certainty its ratio is not above this */
    double verifiers;   /* the mean over the verifiers' own workloads; NAN: none told; */
    double privately;   /* likewise over what they keep to themselves */
    unsigned copies;    /* confirmed claims of the same, this one among them */
    unsigned agreeing;
    double claimed;
    unsigned turn; /* how many its owner claims to be better; the least of its copies */
    struct json_value entry;
};

struct ranking {
    const struct subject *subject;
    struct ranked *at;
    size_t count, capacity;
    char nonce[NONCE_LENGTH + 1];
    unsigned claimed, refuted, contested; /* not ranked */
    unsigned foreign; /* confirmed by others, but of what can't be run by this khub, */
    unsigned untrue;  /* or with a number that is not found here, */
    unsigned unrun;   /* or behind as many as are to be run */
    bool failed;      /* out of memory */
};

struct mean {
    double sum;
    unsigned told;
};

static double mean_of(const struct mean *mean)
{
    return mean->told > 0 ? mean->sum / mean->told : (double)NAN;
}

/* Means over those whose word counts and who agree: one who disagrees measured something else, and
 * one who saw the answer perhaps nothing. */
static void read_verifiers(struct json_value verifiers, struct ranked *ranked)
{
    struct json_iterator iterator = {.rest = verifiers.raw};
    struct json_value verifier;
    struct mean means[2] = {{0}};
    while (verifiers.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &verifier)) {
        if (json_get(verifier, "agrees").kind != JSON_KIND_TRUE ||
            json_get(verifier, "counts").kind == JSON_KIND_FALSE ||
            json_get(verifier, "in_sight").kind == JSON_KIND_TRUE)
            continue;
        double own = field_number(verifier, "ratio_own", (double)NAN);
        ranked->agreeing++;
        struct mean *mean =
            &means[json_string_is(json_get(verifier, "profile"), slice_of(PRIVATE_PROFILE))];
        if (isfinite(own)) {
            mean->sum += own;
            mean->told++;
        }
    }
    ranked->verifiers = mean_of(&means[false]);
    ranked->privately = mean_of(&means[true]);
}

/* A place for one more; NULL when out of memory. */
static struct ranked *ranking_add(struct ranking *ranking)
{
    if (ranking->count == ranking->capacity) {
        size_t capacity = ranking->capacity ? ranking->capacity * 2 : 64;
        struct ranked *more = reallocarray(ranking->at, capacity, sizeof *more);
        ranking->failed = ranking->failed || !more;
        if (!more)
            return NULL;
        ranking->at = more;
        ranking->capacity = capacity;
    }
    return &ranking->at[ranking->count++];
}

static void rank_claim(void *data, const struct kb_claim *claim)
{
    struct ranking *ranking = data;
    struct kb_policy policy;
    char why[KB_WHY_SIZE];
    OWNED char *status = field_string(claim->verification, "status");
    if (strcmp(status, "confirmed") != 0) {
        ranking->claimed += strcmp(status, "claimed") == 0;
        ranking->refuted += strcmp(status, "refuted") == 0;
        ranking->contested += strcmp(status, "contested") == 0;
        return;
    }
    if (!kb_policy(claim->body, &policy, why)) {
        ranking->foreign++;
        return;
    }
    struct ranked *ranked = ranking_add(ranking);
    if (!ranked) {
        free(policy.source);
        return;
    }
    *ranked =
        (struct ranked){.id = strdup(claim->id),
                        .author = field_string(claim->entry, "contributor"),
                        .owner = field_string(claim->verification, "owner"),
                        .pattern = claim->pattern,
                        .claimed = field_number(claim->verification, "ratio", (double)INFINITY),
                        .copies = 1,
                        .policy = policy,
                        .entry = claim->entry};
    read_verifiers(json_get(claim->verification, "verifiers"), ranked);
}

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* Copies side by side, the one that most agree on first; then by id, so that the order is one. */
static int compare_copies(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    int order = kb_policy_compare(&a->policy, &b->policy);
    if (order == 0 && a->agreeing != b->agreeing)
        order = a->agreeing > b->agreeing ? -1 : 1;
    return order ? order : strcmp(text_or_empty(a->id), text_or_empty(b->id));
}

/* The best of which one can be sure first. */
static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->sure != b->sure)
        return a->sure < b->sure ? -1 : 1;
    return compare_copies(left, right);
}

/* Each owner's best first, by what it claims. */
static int compare_claims(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    int order = strcmp(text_or_empty(a->owner), text_or_empty(b->owner));
    if (order == 0 && a->claimed != b->claimed)
        order = a->claimed < b->claimed ? -1 : 1;
    return order ? order : compare_copies(left, right);
}

/* Everybody's first one first, of these the best; copies stay together. */
static int compare_turns(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->turn != b->turn)
        return a->turn < b->turn ? -1 : 1;
    if (a->claimed != b->claimed)
        return a->claimed < b->claimed ? -1 : 1;
    return compare_copies(left, right);
}

static bool is_copy(const struct ranking *ranking, size_t i)
{
    return i > 0 && kb_policy_compare(&ranking->at[i - 1].policy, &ranking->at[i].policy) == 0;
}

/* Whose turn is when: a set's is the first that one of its copies has. */
static void give_turns(struct ranking *ranking)
{
    struct ranked *at = ranking->at;
    qsort(at, ranking->count, sizeof *at, compare_claims);
    for (size_t i = 0; i < ranking->count; i++) {
        bool another =
            i == 0 || strcmp(text_or_empty(at[i - 1].owner), text_or_empty(at[i].owner)) != 0;
        at[i].turn = another ? 0 : at[i - 1].turn + !is_copy(ranking, i);
    }
    qsort(at, ranking->count, sizeof *at, compare_copies);
    for (size_t i = 0, end; i < ranking->count; i = end) {
        for (end = i + 1; end < ranking->count && is_copy(ranking, end); end++) {
            at[i].turn = at[end].turn < at[i].turn ? at[end].turn : at[i].turn;
            at[i].claimed = fmin(at[i].claimed, at[end].claimed);
        }
        for (size_t copy = i + 1; copy < end; copy++) {
            at[copy].turn = at[i].turn;
            at[copy].claimed = at[i].claimed;
        }
    }
    qsort(at, ranking->count, sizeof *at, compare_turns);
}

static void ranked_free(struct ranked *ranked)
{
    free(ranked->id);
    free(ranked->author);
    free(ranked->owner);
    free(ranked->policy.source);
    free(ranked->unrun);
    free(ranked->broken);
}

/* A room may hold thousands of claims: leaves `most` sets of parameters and modules. So that nobody
 * crowds out the others by claiming much, owners take turns, each with its best. */
static void keep_to_run(struct ranking *ranking, size_t most)
{
    size_t sets = 0, kept = 0;
    if (ranking->count == 0)
        return;
    give_turns(ranking);
    while (kept < ranking->count && (sets += !is_copy(ranking, kept)) <= most)
        kept++;
    ranking->unrun = (unsigned)(ranking->count - kept);
    while (ranking->count > kept)
        ranked_free(&ranking->at[--ranking->count]);
}

/* What came of it when it was run on the ranking's workloads. */
static void take_report(struct ranking *ranking, struct ranked *ranked,
                        const struct probe_report *report)
{
    ranked->sure = HUGE_VAL;
    if (report->result == PROBE_RAN) {
        ranked->score = report->score;
        ranked->sure = ranked->score.ratio + STUDENT_95 / ERRORS_OF_CI95 * ranked->score.ci95;
        ranking->failed = ranking->failed || !(ranked->score.ratio > 0);
        return;
    }
    char **why = probe_judged(report->result) ? &ranked->broken : &ranked->unrun;
    *why = strdup(report->why);
    ranking->failed = ranking->failed || !*why || !ranked->policy.source;
}

/* Runs each on the same workloads, and sorts them by what came of it. */
static void measure_all(struct ranking *ranking)
{
    struct probe_report report = {.result = PROBE_FAILED};
    struct evaluation_set *set = nonce_workloads(ranking->subject, ranking->nonce, CLAIM_WORKLOADS);
    for (size_t i = 0; i < ranking->count; i++) {
        if (!is_copy(ranking, i))
            kb_policy_measure(ranking->subject, &ranking->at[i].policy, set, &report);
        take_report(ranking, &ranking->at[i], &report);
    }
    evaluation_set_free(set);
    if (ranking->count > 0)
        qsort(ranking->at, ranking->count, sizeof ranking->at[0], compare_ranked);
}

/* Whether a claim's own number is found here; if not, it is counted, and the first ones are named:
 * others may have confirmed what is not so. */
static bool claim_is_true(struct ranking *ranking, const struct ranked *ranked)
{
    char why[KB_WHY_SIZE];
    int holds = 0;
    if (ranked->unrun)
        return true; /* who can't run it can't say that it is not so */
    if (ranked->broken)
        snprintf(why, sizeof why, "%s", ranked->broken);
    else
        holds = kb_claim_holds(ranking->subject, ranked->entry, &ranked->policy, why);
    ranking->failed = ranking->failed || (holds < 0 && !ranked->policy.source);
    if (holds <= 0 && ranking->untrue++ < NOT_SHOWN_NAMED)
        complain("kb", "not shown: %s of %s: %s.", text_or_empty(ranked->id), ranked->author, why);
    return holds > 0;
}

/* Leaves the best `limit` of what is true, with one claim for each policy: whoever
 * confirms what another found and shares it again adds nothing. Those that are left out go behind
 * them, to be freed. */
static size_t keep_best(struct ranking *ranking, size_t limit)
{
    size_t kept = 0;
    for (size_t i = 0, end; i < ranking->count && kept < limit; i = end) {
        size_t shown = SIZE_MAX;
        for (end = i; end < ranking->count &&
                      kb_policy_compare(&ranking->at[i].policy, &ranking->at[end].policy) == 0;
             end++)
            if (shown == SIZE_MAX && claim_is_true(ranking, &ranking->at[end]))
                shown = end;
        if (shown == SIZE_MAX)
            continue;
        struct ranked best = ranking->at[shown];
        best.copies = (unsigned)(end - i);
        ranking->at[shown] = ranking->at[kept];
        ranking->at[kept++] = best;
    }
    return kept;
}

static const char *kind_of(const struct ranked *ranked)
{
    return ranked->policy.source ? "module" : ranked->pattern ? "pattern" : "component";
}

static void add_score(struct table *table, const struct ranked *ranked)
{
    const struct score *score = &ranked->score;
    if (ranked->unrun) {
        table_add(table, "-");
        table_add(table, "-");
        table_add(table, "not run");
        table_add(table, "-");
        return;
    }
    table_add_number(table, score->ratio, 3, "");
    table_add_number(table, score->ci95, 3, "");
    table_addf(table, "%zu", score->seeds);
    table_add_number(table, ranked->sure, 3, "");
}

static void print_ranking(const struct ranking *ranking, size_t count)
{
    static const struct column columns[] = {
        {.title = "#", .right = true},
        {.title = "ID", .wraps = true},
        {.title = "KIND"},
        {.title = "AUTHOR", .shrinks = true},
        {.title = "COPIES", .right = true},
        {.title = "BY", .right = true},
        {.title = "RATIO", .right = true},
        {.title = "+-", .right = true},
        {.title = "ON", .right = true},
        {.title = "SURE", .right = true},
    };
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
    for (size_t i = 0; i < count; i++) {
        const struct ranked *ranked = &ranking->at[i];
        if (ranked->unrun)
            table_add(&table, "-");
        else
            table_addf(&table, "%zu", i + 1);
        table_add(&table, text_or_empty(ranked->id));
        table_add(&table, kind_of(ranked));
        table_add(&table, ranked->author);
        table_addf(&table, "%u", ranked->copies);
        table_addf(&table, "%u", ranked->agreeing);
        add_score(&table, ranked);
    }
    table_print(&table, &terminal, stdout);
    table_free(&table);
}

static void print_ranking_json(const struct ranking *ranking, size_t count)
{
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        const struct ranked *ranked = &ranking->at[i];
        printf("%s{\"id\":", i ? ",\n" : "");
        json_print_string(stdout, slice_of(text_or_empty(ranked->id)));
        printf(",\"kind\":\"%s\",\"nonce\":\"%s\"", kind_of(ranked), ranking->nonce);
        if (ranked->unrun) {
            printf(",\"ratio\":null,\"not_run\":");
            json_print_string(stdout, slice_of(ranked->unrun));
        } else {
            printf(",\"ratio\":%.17g,\"ci95\":%.17g,\"workloads\":%zu,\"ratio_sure\":%.17g",
                   ranked->score.ratio, ranked->score.ci95, ranked->score.seeds, ranked->sure);
        }
        if (isfinite(ranked->verifiers))
            printf(",\"ratio_verifiers\":%.17g", ranked->verifiers);
        if (isfinite(ranked->privately))
            printf(",\"ratio_private\":%.17g", ranked->privately);
        printf(",\"confirmed_by\":%u,\"copies\":%u,\"entry\":", ranked->agreeing, ranked->copies);
        json_print(stdout, ranked->entry.raw, false);
        putchar('}');
    }
    puts("]");
}

static void print_standing(const struct ranking *ranking, size_t count)
{
    const char *subject = ranking->subject->name;
    if (count > 0)
        print_ranking(ranking, count);
    else if (ranking->count == 0)
        printf("No claim of %s is confirmed by two other AIs yet.\n", subject);
    else
        printf("No claim of %s that others have confirmed holds here.\n", subject);
    printf("%s%u more claimed, %u contested, %u refuted.\n", count > 0 ? "\n" : "",
           ranking->claimed, ranking->contested, ranking->refuted);
    if (count == 0)
        return;
    options_fill(stdout,
                 "RATIO to the textbook's cost, lower is better: measured here and now, on ON "
                 "synthetic workloads that nobody knew before, with its 95 % interval. SURE: it is "
                 "no higher than that, with 95 % certainty (Student's t); who is first by it is "
                 "first. BY others have confirmed the claim, and its own number was found again "
                 "here. COPIES are claims of the same, the one shown among them. A module is C of "
                 "its author's, compiled and run in a sandbox.",
                 0, HELP_WIDTH);
    printf("To measure on the same workloads again: --nonce %s\n", ranking->nonce);
}

/* What is shown and was not run, and why: mostly one reason for all. */
static void note_unrun(const struct ranking *ranking, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct ranked *ranked = &ranking->at[i];
        if (ranked->unrun && (i == 0 || !ranking->at[i - 1].unrun ||
                              strcmp(ranking->at[i - 1].unrun, ranked->unrun) != 0))
            complain("kb", "not run here: %s: %s", text_or_empty(ranked->id), ranked->unrun);
    }
}

/* What others have confirmed and is not shown. */
static void note_left_out(const struct ranking *ranking, long most)
{
    if (ranking->untrue > NOT_SHOWN_NAMED)
        complain("kb", "not shown: %u more whose number is not found here.",
                 ranking->untrue - NOT_SHOWN_NAMED);
    if (ranking->foreign > 0)
        complain("kb",
                 "not shown: %u confirmed %s whose parameters or C are not those of %s, version "
                 "%s, or out of range.",
                 ranking->foreign, word_of(ranking->foreign, "claim", "claims"),
                 ranking->subject->name, ranking->subject->version);
    if (ranking->unrun > 0)
        complain("kb",
                 "not run: %u more confirmed %s, since %ld %s of parameters or C %s run at the "
                 "most, each owner's best first; --run N runs more.",
                 ranking->unrun, word_of(ranking->unrun, "claim", "claims"), most,
                 word_of((unsigned)most, "set", "sets"), word_of((unsigned)most, "is", "are"));
}

/* The nonce that was asked for, or one that nobody could know. 0, or -1. */
static int choose_nonce(const struct kb_settings *settings, char ret_nonce[NONCE_LENGTH + 1])
{
    uint8_t random[NONCE_LENGTH / 2];
    if (settings->nonce) {
        memcpy(ret_nonce, settings->nonce, NONCE_LENGTH + 1); /* check_operands has looked */
        return 0;
    }
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return -1;
    hex_format(random, sizeof random, ret_nonce);
    return 0;
}

int kb_top(const struct kb_settings *settings, struct json_value sync)
{
    struct ranking ranking = {.subject = subject_find(settings->id)};
    size_t limit = settings->limit > 0 ? (size_t)settings->limit : KB_FOUND;
    if (choose_nonce(settings, ranking.nonce) < 0)
        return complain("kb", "no random numbers: %s", strerror(errno));
    kb_each_claim(sync, settings->id, rank_claim, &ranking);
    keep_to_run(&ranking, (size_t)(settings->run > 0 ? settings->run : KB_RUN));
    measure_all(&ranking);
    size_t count = keep_best(&ranking, limit);
    if (settings->json)
        print_ranking_json(&ranking, count);
    else
        print_standing(&ranking, count);
    note_unrun(&ranking, count);
    note_left_out(&ranking, settings->run > 0 ? settings->run : KB_RUN);
    for (size_t i = 0; i < ranking.count; i++)
        ranked_free(&ranking.at[i]);
    free(ranking.at);
    return ranking.failed ? complain("kb", "out of memory: the ranking is not whole") : EXIT_WORKED;
}

/* ── the ledger ── */

int kb_ledger(const struct kb_settings *settings, struct json_value sync)
{
    static const char *const counts[] = {"commitments", "nonces",    "claims",    "confirmed",
                                         "refuted",     "contested", "mismatched"};
    static const struct column columns[] = {
        {.title = "AI", .shrinks = true},        {.title = "OWNER", .shrinks = true},
        {.title = "COMMITMENTS", .right = true}, {.title = "NONCES", .right = true},
        {.title = "CLAIMS", .right = true},      {.title = "CONFIRMED", .right = true},
        {.title = "REFUTED", .right = true},     {.title = "CONTESTED", .right = true},
        {.title = "MISMATCHED", .right = true},
    };
    struct json_value ledger = json_get(sync, "ledger"), name, account;
    struct json_iterator iterator = {.rest = ledger.raw};
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct table table;
    if (settings->json) {
        json_print(stdout, ledger.kind == JSON_KIND_OBJECT ? ledger.raw : slice_of("{}"), true);
        putchar('\n');
        return EXIT_WORKED;
    }
    if (field_count(ledger) == 0) {
        puts("No AI has claimed anything yet.");
        return EXIT_WORKED;
    }
    table_begin(&table, TABLE_COLUMNS(columns));
    while (json_next_member(&iterator, &name, &account)) {
        OWNED char *ai_id = field_text(name), *owner = field_string(account, "owner");
        table_add(&table, ai_id);
        table_add(&table, owner);
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
            if (json_get(account, counts[i]).kind == JSON_KIND_NUMBER)
                table_addf(&table, "%.0f", field_number(account, counts[i], 0));
            else
                table_add(&table, "-"); /* of an earlier hub */
    }
    table_print(&table, &terminal, stdout);
    table_free(&table);
    return EXIT_WORKED;
}

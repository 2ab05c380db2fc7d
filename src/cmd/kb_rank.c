/* What is proved: the ranking of a subject's claims, and the ledger of who claimed what. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/kb.h"
#include "cmd/table.h"
#include "cmd/visit.h"

struct ranked {
    char *id, *author;
    char *parameters; /* kb_parameters_text */
    bool pattern;
    unsigned copies;     /* claims with the same parameters, this one among them */
    double own, claimed; /* own: mean over the verifiers' own workloads; NAN: none told */
    unsigned agreeing;
    struct json_value entry;
};

struct ranking {
    struct ranked *at;
    size_t count, capacity;
    unsigned claimed, refuted, contested; /* not ranked */
    bool failed;                          /* out of memory */
};

struct parameter {
    char *name;
    double value;
};

static int compare_parameters(const void *left, const void *right)
{
    return strcmp(((const struct parameter *)left)->name, ((const struct parameter *)right)->name);
}

char *kb_parameters_text(struct json_value body)
{
    struct json_value given = json_get(body, "parameters"), name, value;
    struct json_iterator iterator = {.rest = given.raw};
    size_t count = field_count(given), filled = 0;
    if (given.kind != JSON_KIND_OBJECT || count == 0)
        return NULL;
    struct parameter *parameters = calloc(count, sizeof(*parameters));
    struct text text = {0};
    while (parameters && json_next_member(&iterator, &name, &value)) {
        parameters[filled].name = field_text(name);
        if (json_number(value, &parameters[filled].value) < 0)
            parameters[filled].value = (double)NAN;
        filled++;
    }
    if (filled > 0)
        qsort(parameters, filled, sizeof(*parameters), compare_parameters);
    for (size_t i = 0; i < filled; i++) {
        text_addf(&text, "%s=%a\n", parameters[i].name, parameters[i].value);
        free(parameters[i].name);
    }
    free(parameters);
    text_add(&text, (struct slice){"", 1}); /* its NUL */
    if (!text.failed)
        return text.at;
    text_free(&text);
    return NULL;
}

/* Means over those who agree: one who disagrees measured something else. */
static void read_verifiers(struct json_value verifiers, struct ranked *ranked)
{
    struct json_iterator iterator = {.rest = verifiers.raw};
    struct json_value verifier;
    double sum = 0;
    unsigned told = 0;
    while (verifiers.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &verifier)) {
        if (json_get(verifier, "agrees").kind != JSON_KIND_TRUE)
            continue;
        double own = field_number(verifier, "ratio_own", (double)NAN);
        ranked->agreeing++;
        if (isfinite(own)) {
            sum += own;
            told++;
        }
    }
    ranked->own = told > 0 ? sum / told : (double)NAN;
}

static void rank_claim(void *data, const struct kb_claim *claim)
{
    struct ranking *ranking = data;
    OWNED char *status = field_string(claim->verification, "status");
    if (strcmp(status, "confirmed") != 0) {
        ranking->claimed += strcmp(status, "claimed") == 0;
        ranking->refuted += strcmp(status, "refuted") == 0;
        ranking->contested += strcmp(status, "contested") == 0;
        return;
    }
    if (ranking->count == ranking->capacity) {
        size_t capacity = ranking->capacity ? ranking->capacity * 2 : 64;
        struct ranked *more = reallocarray(ranking->at, capacity, sizeof *more);
        ranking->failed = ranking->failed || !more;
        if (!more)
            return;
        ranking->at = more;
        ranking->capacity = capacity;
    }
    struct ranked *ranked = &ranking->at[ranking->count++];
    *ranked = (struct ranked){.id = strdup(claim->id),
                              .author = field_string(claim->entry, "contributor"),
                              .parameters = kb_parameters_text(claim->body),
                              .pattern = claim->pattern,
                              .copies = 1,
                              .claimed = field_number(claim->body, "ratio_heldout", (double)NAN),
                              .entry = claim->entry};
    read_verifiers(json_get(claim->verification, "verifiers"), ranked);
}

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* By the verifiers' workloads; who told none comes last; then by id, so that the order is one. */
static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    double x = isfinite(a->own) ? a->own : HUGE_VAL, y = isfinite(b->own) ? b->own : HUGE_VAL;
    if (x != y)
        return x < y ? -1 : 1;
    return strcmp(text_or_empty(a->id), text_or_empty(b->id));
}

/* Copies side by side, and of these the one that most agree on first. */
static int compare_copies(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    int order = strcmp(text_or_empty(a->parameters), text_or_empty(b->parameters));
    if (order == 0)
        order = a->agreeing != b->agreeing ? (a->agreeing > b->agreeing ? -1 : 1)
                                           : compare_ranked(left, right);
    return order;
}

static void free_ranked(struct ranked *ranked)
{
    free(ranked->id);
    free(ranked->author);
    free(ranked->parameters);
}

/* Whoever confirms what another found and shares it again adds nothing: one row for all of them. */
static void merge_copies(struct ranking *ranking)
{
    size_t kept = 0;
    qsort(ranking->at, ranking->count, sizeof ranking->at[0], compare_copies);
    for (size_t i = 1; i < ranking->count; i++) {
        struct ranked *next = &ranking->at[i];
        const char *parameters = ranking->at[kept].parameters;
        if (parameters && next->parameters && strcmp(parameters, next->parameters) == 0) {
            ranking->at[kept].copies++;
            free_ranked(next);
        } else {
            ranking->at[++kept] = *next;
        }
    }
    ranking->count = kept + 1;
    qsort(ranking->at, ranking->count, sizeof ranking->at[0], compare_ranked);
}

static void print_ranking(const struct ranking *ranking)
{
    static const struct column columns[] = {
        {.title = "#", .right = true},
        {.title = "ID", .wraps = true},
        {.title = "KIND"},
        {.title = "AUTHOR", .shrinks = true},
        {.title = "COPIES", .right = true},
        {.title = "RATIO", .right = true},
        {.title = "CLAIMED", .right = true},
        {.title = "BY", .right = true},
    };
    struct terminal terminal = terminal_of(STDOUT_FILENO, "auto");
    struct table table;
    table_begin(&table, TABLE_COLUMNS(columns));
    for (size_t i = 0; i < ranking->count; i++) {
        const struct ranked *ranked = &ranking->at[i];
        table_addf(&table, "%zu", i + 1);
        table_add(&table, text_or_empty(ranked->id));
        table_add(&table, ranked->pattern ? "pattern" : "component");
        table_add(&table, ranked->author);
        table_addf(&table, "%u", ranked->copies);
        table_add_number(&table, ranked->own, 3, "");
        table_add_number(&table, ranked->claimed, 3, "");
        table_addf(&table, "%u", ranked->agreeing);
    }
    table_print(&table, &terminal, stdout);
    table_free(&table);
}

static void print_ranking_json(const struct ranking *ranking)
{
    putchar('[');
    for (size_t i = 0; i < ranking->count; i++) {
        const struct ranked *ranked = &ranking->at[i];
        printf("%s{\"id\":", i ? ",\n" : "");
        json_print_string(stdout, slice_of(text_or_empty(ranked->id)));
        if (isfinite(ranked->own))
            printf(",\"ratio_verifiers\":%.17g", ranked->own);
        printf(",\"confirmed_by\":%u,\"copies\":%u,\"entry\":", ranked->agreeing, ranked->copies);
        json_print(stdout, ranked->entry.raw, false);
        putchar('}');
    }
    puts("]");
}

static void print_standing(const struct ranking *ranking, const char *subject)
{
    if (ranking->count > 0)
        print_ranking(ranking);
    else
        printf("No claim of %s is confirmed by two other AIs yet.\n", subject);
    printf("%s%u more claimed, %u contested, %u refuted.\n", ranking->count > 0 ? "\n" : "",
           ranking->claimed, ranking->contested, ranking->refuted);
    if (ranking->count > 0)
        options_fill(
            stdout,
            "RATIO to the textbook's cost, lower is better: the mean on the own workloads (all "
            "synthetic) of those who confirmed the claim, and of how many (BY). CLAIMED is the "
            "author's. COPIES are claims with these parameters, the one shown among them.",
            0, HELP_WIDTH);
}

int kb_top(const struct kb_settings *settings, struct json_value sync)
{
    struct ranking ranking = {0};
    kb_each_claim(sync, settings->id, rank_claim, &ranking);
    if (ranking.count > 0)
        merge_copies(&ranking);
    size_t all = ranking.count;
    if (settings->limit > 0 && (size_t)settings->limit < all)
        ranking.count = (size_t)settings->limit;
    if (settings->json)
        print_ranking_json(&ranking);
    else
        print_standing(&ranking, settings->id);
    for (size_t i = 0; i < all; i++)
        free_ranked(&ranking.at[i]);
    free(ranking.at);
    return ranking.failed ? complain("kb", "out of memory: the ranking is not whole") : EXIT_WORKED;
}

/* ── the ledger ── */

int kb_ledger(const struct kb_settings *settings, struct json_value sync)
{
    static const char *const counts[] = {"commitments", "claims",    "confirmed",
                                         "refuted",     "contested", "mismatched"};
    static const struct column columns[] = {
        {.title = "AI", .shrinks = true},       {.title = "COMMITMENTS", .right = true},
        {.title = "CLAIMS", .right = true},     {.title = "CONFIRMED", .right = true},
        {.title = "REFUTED", .right = true},    {.title = "CONTESTED", .right = true},
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
        OWNED char *ai_id = field_text(name);
        table_add(&table, ai_id);
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
            table_addf(&table, "%.0f", field_number(account, counts[i], 0));
    }
    table_print(&table, &terminal, stdout);
    table_free(&table);
    return EXIT_WORKED;
}

/* khub kb: the knowledge that a hub keeps. */
#include <assert.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/fields.h"
#include "cmd/json_out.h"
#include "cmd/kb.h"
#include "cmd/subject_named.h"
#include "cmd/terminal.h"
#include "cmd/visit.h"
#include "wire/nearest.h"

const struct kb_section kb_sections[KB_SECTIONS] = {
    {"patterns", "pattern", "shared_patterns"},
    {"components", "component", "collective_features"},
    {"code", "code", "shared_components"},
    {"reports", "report", "performance_benchmarks"},
};
static const char *const section_choices[] = {"all",  "patterns", "components",
                                              "code", "reports",  NULL};
static const char *const actions[] = {"list",   "get",    "search", "top", "history",
                                      "ledger", "export", "import", NULL};

static const char *const orders[] = {"newest", "oldest", "id", "relevance", NULL};

/* What get looks for, and has found. */
struct search {
    const struct kb_settings *settings;
    struct nearest nearest;
    char *names[NEAREST_MAX]; /* copies of those in nearest */
    bool found;
    int code;                /* of what was found */
    struct json_value claim; /* the entry that was found, if it is one */
};

void kb_each_entry(const char *section, struct json_value sync,
                   void (*visit)(void *data, const struct kb_entry *entry), void *data)
{
    struct json_value knowledge = json_get(sync, "global_knowledge_base");
    for (size_t i = 0; i < KB_SECTIONS; i++) {
        struct json_value entries = json_get(knowledge, kb_sections[i].member), name;
        struct json_iterator iterator = {.rest = entries.raw};
        struct kb_entry entry = {.section = &kb_sections[i]};
        bool wanted = strcmp(section, "all") == 0 || strcmp(section, kb_sections[i].name) == 0;
        while (wanted && entries.kind == JSON_KIND_OBJECT &&
               json_next_member(&iterator, &name, &entry.value)) {
            OWNED char *id = field_text(name);
            entry.id = id;
            visit(data, &entry);
        }
    }
}

void kb_each_claim(struct json_value sync, const char *subject,
                   void (*visit)(void *data, const struct kb_claim *claim), void *data)
{
    static const struct {
        const char *section, *body;
    } holders[] = {{"shared_patterns", "pattern"}, {"collective_features", "component"}};
    struct json_value knowledge = json_get(sync, "global_knowledge_base");
    for (size_t i = 0; i < sizeof(holders) / sizeof(holders[0]); i++) {
        struct json_value section = json_get(knowledge, holders[i].section), name, entry;
        struct json_iterator iterator = {.rest = section.raw};
        while (section.kind == JSON_KIND_OBJECT && json_next_member(&iterator, &name, &entry)) {
            struct kb_claim claim = {.pattern = i == 0,
                                     .entry = entry,
                                     .body = json_get(entry, holders[i].body),
                                     .verification = json_get(entry, "verification")};
            OWNED char *id = field_text(name);
            claim.id = id;
            if (claim.verification.kind == JSON_KIND_OBJECT &&
                json_string_is(json_get(claim.body, "subject"), slice_of(subject)))
                visit(data, &claim);
        }
    }
}

struct json_value kb_body(struct json_value entry)
{
    struct json_value component = json_get(entry, "component");
    return component.kind == JSON_KIND_OBJECT ? component : json_get(entry, "pattern");
}

void kb_print_entry(const struct kb_entry *entry, const struct json_value *snippet)
{
    fputs("{\"id\":", stdout);
    json_print_string(stdout, slice_of(entry->id));
    printf(",\"section\":\"%s\",\"entry\":", entry->section->member);
    json_print(stdout, entry->value.raw, false);
    if (snippet && snippet->kind != JSON_KIND_ABSENT) {
        fputs(",\"snippet\":", stdout);
        json_print(stdout, snippet->raw, false);
    }
    putchar('}');
}

/* A component is known by the hub's key, and to the AIs by its own id. */
static bool entry_is(const struct kb_entry *entry, const char *id)
{
    struct json_value own_id = json_get(json_get(entry->value, "component"), "id");
    return strcmp(entry->id, id) == 0 ||
           (own_id.kind == JSON_KIND_STRING && json_string_is(own_id, slice_of(id)));
}

static void get_entry(void *data, const struct kb_entry *entry)
{
    struct search *search = data;
    if (!entry_is(entry, search->settings->id))
        return;
    if (search->settings->source) {
        if (!search->found)
            search->code = kb_print_source(entry->value);
    } else if (search->settings->json) {
        fputs(search->found ? ",\n" : "[", stdout);
        kb_print_entry(entry, NULL);
    } else {
        printf("%s%s:\n", search->found ? "\n" : "", entry->section->one);
        json_print(stdout, entry->value.raw, true);
        putchar('\n');
    }
    search->found = true;
    if (json_get(entry->value, "verification").kind == JSON_KIND_OBJECT)
        search->claim = entry->value;
}

struct copies {
    const char *id;
    char *parameters;  /* kb_parameters_text */
    struct text names; /* of the others that have them */
};

static void name_copy(void *data, const struct kb_claim *claim)
{
    struct copies *copies = data;
    OWNED char *parameters = kb_parameters_text(claim->body);
    if (parameters && strcmp(claim->id, copies->id) != 0 &&
        strcmp(parameters, copies->parameters) == 0)
        text_addf(&copies->names, "%s%s", copies->names.len > 0 ? ", " : "", claim->id);
}

/* top shows one of those that have the same parameters. */
static void print_copies(const char *id, struct json_value claim, struct json_value sync)
{
    OWNED char *subject = field_string(kb_body(claim), "subject");
    struct copies copies = {.id = id, .parameters = kb_parameters_text(kb_body(claim))};
    if (copies.parameters)
        kb_each_claim(sync, subject, name_copy, &copies);
    output_flush();
    if (copies.names.len > 0)
        complain("kb", "the same parameters: %.*s", SLICE_FORMAT(text_slice(&copies.names)));
    text_free(&copies.names);
    free(copies.parameters);
}

/* nearest keeps no copies, and an entry's id is gone after the call. */
static void offer_entry(void *data, const struct kb_entry *entry)
{
    struct search *search = data;
    char *copy = strdup(entry->id);
    if (!copy)
        return;
    nearest_offer(&search->nearest, slice_of(copy));
    bool kept = false;
    for (size_t i = 0; i < search->nearest.count; i++)
        kept = kept || search->nearest.best[i].name.at == copy;
    for (size_t i = 0; i < NEAREST_MAX && kept; i++) {
        bool still = false;
        for (size_t j = 0; j < search->nearest.count; j++)
            still = still || search->nearest.best[j].name.at == search->names[i];
        if (!still) {
            free(search->names[i]);
            search->names[i] = copy;
            return;
        }
    }
    free(copy);
}

static int get(const struct kb_settings *settings, struct json_value sync)
{
    assert(settings->id); /* kb get asks for one */
    struct search search = {.settings = settings, .nearest = {.word = slice_of(settings->id)}};
    kb_each_entry(settings->section, sync, get_entry, &search);
    if (search.found) {
        fputs(settings->json && !settings->source ? "]\n" : "", stdout);
        if (!settings->json && !settings->source)
            print_copies(settings->id, search.claim, sync);
        return search.code;
    }
    kb_each_entry(settings->section, sync, offer_entry, &search);
    complain("kb", "there is no entry '%s'.", settings->id);
    for (size_t i = 0; i < search.nearest.count; i++)
        complain("kb", "did you mean '%s'?", search.nearest.best[i].name.at);
    for (size_t i = 0; i < NEAREST_MAX; i++)
        free(search.names[i]);
    return EXIT_FAILED;
}

/* What an action wants behind it; NULL: nothing. */
static const struct action {
    const char *name, *wants;
} wants[] = {
    {"list", NULL},
    {"get", "get wants an ID; 'khub kb list' shows them."},
    {"top", "top wants a SUBJECT; 'khub subjects' lists them."},
    {"history", "history wants an ID; 'khub kb list' shows them."},
    {"import", "import wants a FILE, or - for stdin."},
    {"ledger", NULL},
    {"search", "search wants WORDS."},
    {"export", NULL},
};

/* What list and search alone know of. */
static int check_selection(const struct kb_settings *settings)
{
    const char *const said[] = {settings->specialization, settings->subject, settings->order};
    static const char *const names[] = {"specialization", "subject", "order"};
    bool lists = strcmp(settings->action, "list") == 0;
    if (lists && settings->order && strcmp(settings->order, "relevance") == 0) {
        complain("kb", "--order relevance goes with search; list has no words to be relevant to.");
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
        if (said[i] && !lists && strcmp(settings->action, "search") != 0) {
            complain("kb", "--%s goes with list and search, and not with %s.", names[i],
                     settings->action);
            return EXIT_USAGE;
        }
    return EXIT_WORKED;
}

static int check_operands(const struct kb_settings *settings)
{
    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
        if (strcmp(settings->action, wants[i].name) != 0)
            continue;
        if (!settings->id && wants[i].wants) {
            complain("kb", "%s", wants[i].wants);
            return EXIT_USAGE;
        }
        if (settings->id && !wants[i].wants) {
            complain("kb", "%s takes no ID.", settings->action);
            return EXIT_USAGE;
        }
    }
    if (settings->source && strcmp(settings->action, "get") != 0) {
        complain("kb", "--source goes with get, and not with %s.", settings->action);
        return EXIT_USAGE;
    }
    if (settings->revision > 0 && strcmp(settings->action, "get") != 0) {
        complain("kb", "--revision goes with get, and not with %s.", settings->action);
        return EXIT_USAGE;
    }
    if (settings->as && strcmp(settings->action, "import") != 0) {
        complain("kb", "--as goes with import, and not with %s.", settings->action);
        return EXIT_USAGE;
    }
    bool ranks = strcmp(settings->action, "top") == 0;
    bool searches = strcmp(settings->action, "search") == 0;
    if (settings->limit > 0 && !ranks && !searches && strcmp(settings->action, "list") != 0) {
        complain("kb", "--limit goes with list, search and top, and not with %s.",
                 settings->action);
        return EXIT_USAGE;
    }
    if (searches && settings->limit > KB_FOUND_MAX) {
        complain("kb", "--limit %ld: search shows at most %d.", settings->limit, KB_FOUND_MAX);
        return EXIT_USAGE;
    }
    if (settings->words.count > 1 && !searches) {
        complain("kb", "'%s' is one argument too many.", settings->words.at[1]);
        return EXIT_USAGE;
    }
    if (settings->nonce && !ranks) {
        complain("kb", "--nonce goes with top, and not with %s.", settings->action);
        return EXIT_USAGE;
    }
    if (settings->run > 0 && !ranks) {
        complain("kb", "--run goes with top, and not with %s.", settings->action);
        return EXIT_USAGE;
    }
    if (settings->nonce && !nonce_valid(settings->nonce)) {
        complain("kb", "--nonce has %u lower-case hex digits, unlike '%s'.", NONCE_LENGTH,
                 settings->nonce);
        return EXIT_USAGE;
    }
    if (ranks && !subject_named("kb", settings->id))
        return EXIT_USAGE;
    return check_selection(settings);
}

/* The hub cuts what it tells; list says so itself, and how much. */
static void note_truncated(struct json_value sync)
{
    if (json_get(sync, "truncated").kind == JSON_KIND_TRUE)
        complain("kb", "the hub told only the newest of its entries (its --sync-limit).");
}

static int act(const struct kb_settings *settings, struct visit *visit)
{
    struct json_value sync = visit->sync;
    int code;
    if (strcmp(settings->action, "list") == 0)
        return kb_list(settings, sync);
    if (strcmp(settings->action, "search") == 0)
        return kb_found(settings, sync);
    if (strcmp(settings->action, "history") == 0)
        return kb_history(settings, sync);
    if (strcmp(settings->action, "import") == 0)
        return kb_import(settings, visit);
    if (settings->revision > 0)
        return kb_get_revision(settings, sync);
    if (strcmp(settings->action, "export") == 0)
        return kb_export(settings, sync);
    if (strcmp(settings->action, "get") == 0)
        code = get(settings, sync);
    else if (strcmp(settings->action, "top") == 0)
        code = kb_top(settings, sync);
    else
        code = kb_ledger(settings, sync);
    if (code != EXIT_WORKED || strcmp(settings->action, "get") != 0)
        note_truncated(sync);
    return code;
}

/* What the action needs beyond the sync. */
static int ask(struct visit *visit, const struct kb_settings *settings)
{
    if (strcmp(settings->action, "search") == 0)
        return kb_search(visit, settings);
    if (settings->revision > 0 || strcmp(settings->action, "history") == 0)
        return kb_revisions(visit, settings);
    return kb_sifts(settings) || settings->order ? kb_select(visit, settings) : kb_complete(visit);
}

/* An import goes on when the hub is back. */
static void say_changed(struct visit *visit, const char *why)
{
    if (why)
        complain(visit->command, "lost the hub at %s: %s; trying again, Ctrl-C stops.",
                 visit->address, why);
    else
        complain(visit->command, "joined again.");
}

static int visit_and_act(const struct kb_settings *settings)
{
    bool imports = strcmp(settings->action, "import") == 0;
    struct visit visit = {.command = "kb",
                          .address = settings->hub,
                          .token_file = settings->token_file,
                          .room = settings->room,
                          .ai_id = settings->as,
                          .observer = !imports,
                          .acks = imports,
                          .keeps_trying = imports,
                          .knowing = true,
                          .message = kb_pages_message,
                          .changed = imports ? say_changed : NULL};
    int code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = ask(&visit, settings);
    if (code == EXIT_WORKED)
        code = act(settings, &visit);
    visit_end(&visit);
    return code;
}

static int run(const void *data)
{
    struct kb_settings settings = *(const struct kb_settings *)data;
    struct text text = {0};
    for (size_t i = 0; i < settings.words.count; i++)
        text_addf(&text, "%s%s", i ? " " : "", settings.words.at[i]);
    text_add(&text, (struct slice){"", 1});
    settings.text = text.at;
    settings.id = settings.words.count > 0 ? settings.words.at[0] : NULL;
    int code = text.failed ? complain("kb", "out of memory") : check_operands(&settings);
    if (code == EXIT_WORKED && strcmp(settings.action, "import") == 0)
        code = kb_lines_read(&settings);
    if (code == EXIT_WORKED)
        code = visit_and_act(&settings);
    kb_lines_free(settings.lines);
    text_free(&text);
    return code;
}

#define AT(member) .offset = offsetof(struct kb_settings, member)
static const struct setting options[] = {
    HUB_SETTING(struct kb_settings),
    {.name = "section",
     .letter = 's',
     .kind = SETTING_CHOICE,
     AT(section),
     .argument = "SECTION",
     .fallback = "all",
     .choices = section_choices,
     .help = "Only those."},
    {.name = "specialization",
     .kind = SETTING_TEXT,
     AT(specialization),
     .argument = "NAME",
     .help = "Of list and search: only what AIs of that specialization shared, as they said last "
             "what they are for."},
    {.name = "subject",
     .kind = SETTING_TEXT,
     AT(subject),
     .argument = "SUBJECT",
     .help = "Of list and search: only what is of that subject by its own word."},
    {.name = "order",
     .kind = SETTING_CHOICE,
     AT(order),
     .argument = "ORDER",
     .choices = orders,
     .help = "Of list and search: newest (the last changed first; list's own), oldest, id, or of "
             "search relevance (its own)."},
    {.name = "limit",
     .letter = 'n',
     .kind = SETTING_WHOLE,
     AT(limit),
     .argument = "N",
     .low = 1,
     .high = 1e9,
     .help = "Of list: the first N of each kind, 20 without it (with --json all); of search: the "
             "first N, 20 without it; of top: the best N, 20 without it."},
    JSON_SETTING(
        struct kb_settings,
        "As JSON: an array of {\"id\", \"section\", \"entry\"}, sections named as on the wire; an "
        "ID may stand in several. Of search with a \"snippet\", in which every second part is what was found. Of top: of {\"id\", \"ratio\", \"ci95\", \"workloads\", "
        "\"ratio_sure\", \"nonce\", \"ratio_verifiers\", \"ratio_private\", \"confirmed_by\", \"copies\", \"entry\"}; ledger: the hub's object."),
    {.name = "revision",
     .kind = SETTING_WHOLE,
     AT(revision),
     .argument = "N",
     .low = 1,
     .high = 9e15,
     .help = "Of get: what the entry said as its N-th revision (history lists them)."},
    {.name = "nonce",
     .kind = SETTING_TEXT,
     AT(nonce),
     .argument = "NONCE",
     .help = "Of top: measure on the workloads of that nonce (32 hex digits), to see the same "
             "ranking again; without it on those of a fresh one."},
    {.name = "run",
     .kind = SETTING_WHOLE,
     AT(run),
     .argument = "N",
     .low = 1,
     .high = 1e6,
     .help = "Of top: so many sets of parameters, and modules, are run at the most, each owner's "
             "best first; 64 without it; each takes up to a second."},
    {.name = "as",
     .kind = SETTING_TEXT,
     AT(as),
     .argument = "AI_ID",
     .bytes = WIRE_ID_MAX,
     .help = "Of import: the name to share under. Without it: user@host/kb and a number."},
    {.name = "source",
     .kind = SETTING_FLAG,
     AT(source),
     .help = "Of get: only the C source, fit to paste; a pattern's is made of its parameters, a "
             "module's is its author's. What "
             "others have refuted or contested comes with a warning."},
    {0},
};

static const struct setting operands[] = {
    {.name = "ACTION",
     .kind = SETTING_CHOICE,
     AT(action),
     .required = true,
     .choices = actions,
     .help = "What to do."},
    {.name = "ID",
     .kind = SETTING_LIST,
     AT(words),
     .help = "Of get and history: the entry; of top: the subject ('khub subjects' lists them); of "
             "search: the words; of import: the file, - for stdin."},
    {0},
};

const struct command command_kb = {
    .name = "kb",
    .summary = "list, search, rank or get what the AIs have shared",
    .about =
        "Reads what a hub knows: patterns (parameters found), components (whole parts of an OS), "
        "code (pieces of source) and reports (what was measured of the others).\n\n"
        "list: USED counts reports by other AIs. SCORE is the mean of what these measured, from "
        "0 to 1, the latest of each; the author's own does not count. STATUS is what became "
        "of a claim: claimed, confirmed or refuted by two others, contested; tested is no "
        "claim, but another AI has run it. AGE is the author's word (of components the hub's), '?' "
        "when its timestamp has no zone.\n\n"
        "top ranks the claims of one subject that two other AIs have measured again and found "
        "true. It believes neither them nor the author: it shows parameters that are known "
        "here and in range, and modules, others' C, which it compiles and runs in a sandbox, if "
        "the claim's own number is found again here on its own nonce; and ranks them by a ratio "
        "measured now, on 64 workloads that nobody could know: by the end of its interval that is "
        "sure (95 %, Student's t), not by its mean. "
        "What is the same is one row; of parameters get names the others. A module that this "
        "machine can't run has a row without a place.\n\n"
        "search finds what has all the words in its id, its author's name or its text, the most "
        "relevant first without --order; word* finds what begins so, and what stands in quotes (which a shell has "
        "to be given in quotes of its own) is found as it stands. Case does not matter. export "
        "writes all, an entry a line (--section: only those), as JSON Lines.\n\n"
        "import shares what a file of export's lines holds, each entry anew under the importer's "
        "name; what the hub knows already is not shared again. It waits until the hub has acked "
        "all, and counts what was taken, known already and refused, with the reasons. A claim is "
        "shared without its commitment, and so claims nothing here.\n\n"
        "history lists the revisions of an entry that the hub keeps, the newest first: AGE is the "
        "author's word, REPLACED the hub's; CHANGED names the members that are new (+), different "
        "(~) or gone (-) against the one before.\n\n"
        "ledger shows what each AI has claimed and what came of it.",
    .example = "  khub kb list --section components\n"
               "  khub kb search round robin sched*\n"
               "  khub kb search '\"page cache\" writeback'\n"
               "  khub kb list --subject audio --order oldest\n"
               "  khub kb top networking\n"
               "  khub kb export > all.jsonl\n"
               "  khub kb import all.jsonl --hub other:6000\n"
               "  khub kb get AI_Node_1_pattern_1 --json\n"
               "  khub kb history AI_Node_1_pattern_1\n"
               "  khub kb get AI_Node_1_component_3 --source > policy.c",
    .worked = "printed",
    .failed =
        "there is no such entry, not all could be exported, something imported was refused, its source is not what its parameters render to, or the "
        "hub could not be reached",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct kb_settings),
    .run = run,
};

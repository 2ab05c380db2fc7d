/* See summary.h. Payloads are the AIs' own: any member may be absent, of another kind, or megabytes
 * long, and a summary is then poorer but never wrong. Members are read with wire's cursor, which
 * converts no number that is not shown. */
#include "cmd/summary.h"

#include <math.h>

#include "cmd/fields.h"
#include "wire/bounds.h"
#include "wire/json.h"

#define BAR_COLUMNS      10u
#define NAMES_SHOWN_MAX  4u
#define SESSION_SHOWN    8u
#define ESCAPE_BYTES_MAX 12u /* of one escaped character: a surrogate pair */
#define LANGUAGE_COLUMNS 8u  /* kept for a language behind the id of a piece of code */
#define ID_COLUMNS_LEAST 12u /* an id is cut in the middle to no less */

bool line_is_roomy(const struct line *line)
{
    return line->width == 0 || line->width >= ROOMY_WIDTH;
}

/* The start of an escaped string, at most SUMMARY_TEXT_MAX - ESCAPE_BYTES_MAX bytes of it, cut
 * between two characters. */
static struct json_value string_start(struct json_value string)
{
    size_t at = 0;
    while (at < string.raw.len && at < SUMMARY_TEXT_MAX - ESCAPE_BYTES_MAX) {
        if (string.raw.at[at] != '\\') {
            at++;
            continue;
        }
        bool unicode = at + 1 < string.raw.len && string.raw.at[at + 1] == 'u';
        bool high = unicode && at + 3 < string.raw.len && (string.raw.at[at + 2] | 0x20) == 'd' &&
                    strchr("89abAB", string.raw.at[at + 3]);
        at += high ? 12 : unicode ? 6 : 2;
    }
    string.raw.len = at < string.raw.len ? at : string.raw.len;
    return string;
}

/* A string's text, or another value as it is written; objects and arrays only as … */
static void add_value(struct line *line, struct json_value value)
{
    char decoded[SUMMARY_TEXT_MAX];
    if (value.kind == JSON_KIND_STRING && value.escaped) {
        long len = json_decode(string_start(value), decoded, sizeof(decoded));
        if (len >= 0)
            line_add(line, (struct slice){decoded, (size_t)len});
    } else if (value.kind == JSON_KIND_OBJECT) {
        line_add(line, slice_of("{…}"));
    } else if (value.kind == JSON_KIND_ARRAY) {
        line_add(line, slice_of("[…]"));
    } else if (value.kind != JSON_KIND_ABSENT) {
        value.raw.len = value.raw.len < SUMMARY_TEXT_MAX ? value.raw.len : SUMMARY_TEXT_MAX;
        line_add(line, value.raw);
    }
}

static unsigned columns_left(const struct line *line)
{
    return line->width > line->column ? line->width - line->column : 0;
}

/* An id, or a name like one, in what is left of the line but `reserved` columns. Their authors put
 * what tells them apart at both ends: they are cut in the middle. */
static void add_id(struct line *line, struct json_value value, unsigned reserved)
{
    unsigned left = columns_left(line), most = left > reserved ? left - reserved : 0;
    struct slice id = value.raw;
    bool plain = value.kind == JSON_KIND_STRING && !value.escaped;
    for (size_t i = 0; plain && i < id.len; i++)
        plain = id.at[i] >= ' ' && id.at[i] <= '~';
    if (!plain || line->width == 0 || id.len <= most || most < ID_COLUMNS_LEAST) {
        add_value(line, value);
        return;
    }
    size_t tail = (most - 1) / 2, head = most - 1 - tail;
    line_add(line, (struct slice){id.at, head});
    line_add(line, slice_of(line->terminal->unicode ? "…" : "~"));
    line_add(line, (struct slice){id.at + id.len - tail, tail});
}

static bool says_something(struct json_value value)
{
    return value.kind != JSON_KIND_ABSENT && value.kind != JSON_KIND_NULL &&
           !(value.kind == JSON_KIND_STRING && value.raw.len == 0);
}

static struct json_value first_of(struct json_value object, const char *name, const char *otherwise)
{
    struct json_value value = json_get(object, name);
    return says_something(value) ? value : json_get(object, otherwise);
}

/* Adds "before", the member, "behind", when there is such a member. */
static void add_member(struct line *line, const char *before, struct json_value value,
                       const char *behind)
{
    if (!says_something(value))
        return;
    line_add(line, slice_of(before));
    add_value(line, value);
    line_add(line, slice_of(behind));
}

static void add_number(struct line *line, const char *before, struct json_value value)
{
    double number;
    if (json_number(value, &number) == 0)
        line_addf(line, fabs(number) < 1000 ? "%s%.3f  " : "%s%.4g  ", before, number);
}

/* Names but that of `except`, which stands there already. */
static void add_names(struct line *line, const char *before, struct json_value array,
                      struct slice except)
{
    struct json_iterator iterator = {.rest = array.raw};
    struct json_value name;
    unsigned count = 0;
    if (array.kind != JSON_KIND_ARRAY)
        return;
    while (!line->full && json_next_element(&iterator, &name)) {
        if (except.len > 0 && slice_equal(name.raw, except))
            continue;
        if (count < NAMES_SHOWN_MAX) {
            line_add(line, slice_of(count == 0 ? before : ", "));
            add_value(line, name);
        }
        count++;
    }
    if (count > NAMES_SHOWN_MAX)
        line_addf(line, " and %u more", count - NAMES_SHOWN_MAX);
}

static unsigned count_elements(struct json_value value)
{
    struct json_iterator iterator = {.rest = value.raw};
    struct json_value name, element;
    unsigned count = 0;
    if (value.kind == JSON_KIND_ARRAY) {
        while (json_next_element(&iterator, &element))
            count++;
    } else if (value.kind == JSON_KIND_OBJECT) {
        while (json_next_member(&iterator, &name, &element))
            count++;
    }
    return count;
}

struct slice session_short(struct slice session_id)
{
    size_t len = 0;
    while (len < session_id.len && len < SESSION_SHOWN && (session_id.at[len] & 0x80) == 0)
        len++;
    return (struct slice){session_id.at, len};
}

static void add_session(struct line *line, struct json_value payload)
{
    struct json_value session = json_get(payload, "session_id");
    if (session.kind == JSON_KIND_STRING && !session.escaped)
        line_add(line, session_short(session.raw));
    else
        add_value(line, session);
}

static void add_status(struct line *line, struct json_value status)
{
    static const struct {
        const char *text;
        enum style style;
    } looks[] = {{"completed", STYLE_GREEN},  {"active", STYLE_CYAN},     {"pending", STYLE_DIM},
                 {"declined", STYLE_YELLOW},  {"expired", STYLE_DIM},     {"failed", STYLE_RED},
                 {"cancelled", STYLE_YELLOW}, {"abandoned", STYLE_YELLOW}};
    enum style before = line->style;
    if (!says_something(status))
        return;
    line_add(line, slice_of(" "));
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        if (json_string_is(status, slice_of(looks[i].text)))
            line_style(line, looks[i].style);
    }
    add_value(line, status);
    line_style(line, before);
}

static void say_hello(struct line *line, struct json_value payload)
{
    unsigned count = count_elements(json_get(payload, "capabilities"));
    add_member(line, "", json_get(payload, "specialization"), ", ");
    line_addf(line, "%u %s", count, word_of(count, "capability", "capabilities"));
    if (json_string_is(json_get(payload, "role"), slice_of("observer")))
        line_add(line, slice_of(", observer"));
}

/* Numbers by which patterns and components are judged, wherever their makers put them; those that
 * only describe them when there are no better. They stand first in a summary: names are long, and
 * cut. */
static void add_measures(struct line *line, struct json_value thing)
{
    enum { MEASURES_FIRST = 2 }; /* one of these is enough where columns are rare */
    static const struct {
        const char *name, *before;
        bool describes;
    } measures[] = {{"ratio", "ratio ", false},
                    {"ratio_heldout", "ratio ", false},
                    {"gain", "gain ", false},
                    {"score", "score ", false},
                    {"ratio_train", "in training ", true},
                    {"confidence", "confidence ", true},
                    {"development_level", "level ", true}};
    struct json_value holders[] = {thing, json_get(thing, "measured"), json_get(thing, "metrics"),
                                   json_get(thing, "data")};
    unsigned before = line->column;
    for (size_t i = 0; i < sizeof(holders) / sizeof(holders[0]); i++) {
        if (holders[i].kind != JSON_KIND_OBJECT)
            continue;
        for (size_t j = 0; j < sizeof(measures) / sizeof(measures[0]); j++) {
            bool rare = measures[j].describes || (!line_is_roomy(line) && j >= MEASURES_FIRST);
            if (!rare || line->column == before)
                add_number(line, measures[j].before, json_get(holders[i], measures[j].name));
        }
    }
}

/* Of a claim of a module, that it is one; its C is no line. */
static void add_module(struct line *line, struct json_value body)
{
    OWNED char *source = field_module(body);
    if (*source && says_something(json_get(body, "commitment_id")))
        line_addf(line, "module, %zu bytes of C  ", strlen(source));
}

static void say_pattern(struct line *line, struct json_value payload)
{
    struct json_value pattern = json_get(payload, "pattern");
    add_measures(line, pattern);
    add_module(line, pattern);
    add_member(line, "", first_of(pattern, "subject", "specialization"), "  ");
    add_id(line, first_of(pattern, "id", "name"), 0);
}

static void say_code(struct line *line, struct json_value payload)
{
    struct json_value code = json_get(payload, "code");
    add_measures(line, code);
    struct json_value language = json_get(code, "language");
    add_id(line, first_of(code, "id", "name"), language.raw.len > 0 ? LANGUAGE_COLUMNS : 0);
    add_member(line, "  ", language, "");
}

static void say_feature_request(struct line *line, struct json_value payload)
{
    add_member(line, "wants ", json_get(payload, "feature"), "");
    unsigned count = count_elements(json_get(payload, "requirements"));
    if (count > 0)
        line_addf(line, "  (%u %s)", count, word_of(count, "requirement", "requirements"));
}

static void say_feature_response(struct line *line, struct json_value payload)
{
    struct json_value request = json_get(payload, "original_request");
    struct json_value asked = json_get(payload, "asked");
    add_member(line, "", json_get(payload, "requestor"), " ");
    add_member(line, "wants ", json_get(request, "feature"), "");
    if (asked.kind == JSON_KIND_ARRAY && count_elements(asked) == 0)
        line_add(line, slice_of("; nobody offers that"));
    add_names(line, "; asked: ", asked, (struct slice){0});
}

static void say_collaboration_request(struct line *line, struct json_value payload)
{
    if (says_something(json_get(payload, "session_id"))) {
        add_session(line, payload);
        line_add(line, slice_of(" "));
    }
    add_member(line, "", json_get(payload, "type"), ": ");
    add_value(line, json_get(payload, "description"));
}

static void say_collaboration_response(struct line *line, struct json_value payload)
{
    bool accepted = json_get(payload, "accepted").kind == JSON_KIND_TRUE;
    add_session(line, payload);
    line_style(line, accepted ? STYLE_GREEN : STYLE_YELLOW);
    line_add(line, slice_of(accepted ? " accepted" : " declined"));
    line_style(line, STYLE_PLAIN);
    add_member(line, ": ", json_get(payload, "reason"), "");
}

static bool names_itself(struct slice note, struct slice by)
{
    return by.len > 0 && by.len < note.len && memcmp(note.at, by.at, by.len) == 0 &&
           note.at[by.len] == ' ';
}

/* While it goes on, how far and who found what last: who comes first, for a note is long and may be
 * cut. At its turns, status and participants. */
static void say_collaboration_update(struct line *line, struct json_value payload)
{
    struct json_value status = json_get(payload, "status");
    double progress = 0;
    add_session(line, payload);
    bool told = json_number(json_get(payload, "progress"), &progress) == 0;
    bool turns = !(progress > 0) || !json_string_is(status, slice_of("active"));
    if (told && (!turns || line_is_roomy(line)))
        line_addf(line, " %3.0f %%", 100 * fmin(fmax(progress, 0), 1));
    if (told && line_is_roomy(line)) {
        line_add(line, slice_of(" "));
        line_style(line, STYLE_CYAN);
        line_bar(line, progress, BAR_COLUMNS);
        line_style(line, STYLE_PLAIN);
    }
    if (turns)
        add_status(line, status);
    struct json_value note = first_of(payload, "note", "reason"), by = json_get(payload, "by");
    bool noted = note.kind == JSON_KIND_STRING && says_something(note);
    if (!noted || !names_itself(note.raw, by.raw))
        add_member(line, noted ? " " : " by ", by, noted ? ":" : "");
    add_member(line, " ", note, "");
    if (line_is_roomy(line))
        by.raw.len = 0; /* then all participants are named */
    if (turns)
        add_names(line, " with ", json_get(payload, "participants"), by.raw);
}

static void say_workspace(struct line *line, struct json_value payload)
{
    add_session(line, payload);
    add_member(line, " ", json_get(payload, "key"), "");
    add_member(line, " v", first_of(payload, "version", "base_version"), "");
    line_add(line, slice_of("  "));
    add_measures(line, json_get(payload, "value"));
}

static void say_artifact(struct line *line, struct json_value payload)
{
    add_session(line, payload);
    add_member(line, " ", json_get(payload, "name"), "");
    add_member(line, " v", json_get(payload, "version"), "");
    add_member(line, " ", json_get(payload, "status"), "");
    add_member(line, "  ", json_get(payload, "size"), " bytes");
    add_member(line, " by ", json_get(payload, "by"), "");
    add_member(line, ": ", json_get(payload, "reason"), "");
}

static void say_component(struct line *line, struct json_value payload)
{
    struct json_value component = json_get(payload, "component");
    bool complete = json_get(payload, "collaboration_complete").kind == JSON_KIND_TRUE;
    add_measures(line, component);
    add_module(line, component);
    if (complete) {
        line_style(line, STYLE_GREEN);
        line_add(line, slice_of("completes "));
        add_session(line, payload);
        line_style(line, STYLE_PLAIN);
        line_add(line, slice_of("  "));
    }
    struct json_value requestor = json_get(payload, "original_requestor");
    add_id(line, first_of(component, "name", "id"),
           says_something(requestor) ? columns_left(line) / 2 : 0);
    add_member(line, "  for ", requestor, "");
    add_member(line, "'s ", json_get(payload, "feature_name"), "");
}

static void say_performance(struct line *line, struct json_value payload)
{
    struct json_value performance = json_get(payload, "performance");
    add_measures(line, performance);
    if (json_get(performance, "integration_tested").kind == JSON_KIND_TRUE) {
        enum style before = line->style;
        line_style(line, STYLE_GREEN);
        line_add(line, slice_of("tested  "));
        line_style(line, before);
    }
    struct json_value why = first_of(performance, "why", "reason");
    add_id(line, json_get(payload, "component_id"),
           says_something(why) ? columns_left(line) / 2 : 0);
    add_member(line, ": ", why, "");
}

static void say_sync(struct line *line, struct json_value payload)
{
    static const char *const sections[] = {"shared_patterns", "shared_components",
                                           "collective_features", "performance_benchmarks"};
    struct json_value knowledge = json_get(payload, "global_knowledge_base");
    unsigned entries = 0, ais = count_elements(json_get(payload, "active_ais"));
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        entries += count_elements(json_get(knowledge, sections[i]));
    line_addf(line, "%u %s, %u knowledge %s", ais, word_of(ais, "AI", "AIs"), entries,
              word_of(entries, "entry", "entries"));
}

static void say_presence(struct line *line, struct json_value payload)
{
    add_member(line, "", json_get(payload, "ai_id"), " ");
    add_value(line, json_get(payload, "status"));
    add_member(line, ": ", json_get(payload, "reason"), "");
}

static void say_chat(struct line *line, struct json_value payload)
{
    add_value(line, first_of(payload, "text", "message"));
}

static void say_error(struct line *line, struct json_value payload)
{
    line_style(line, STYLE_RED);
    add_value(line, json_get(payload, "code"));
    line_style(line, STYLE_PLAIN);
    add_member(line, ": ", json_get(payload, "detail"), "");
}

static void say_heartbeat(struct line *line, struct json_value payload)
{
    add_member(line, "seq ", json_get(payload, "seq"), "");
}

static void say_commitment(struct line *line, struct json_value payload)
{
    struct json_value sha256 = json_get(payload, "sha256");
    add_member(line, "", json_get(payload, "subject"), "  ");
    if (sha256.kind == JSON_KIND_STRING && !sha256.escaped)
        line_add(line, session_short(sha256.raw));
}

static void say_challenge(struct line *line, struct json_value payload)
{
    struct json_value nonce = json_get(payload, "nonce");
    add_member(line, "", json_get(payload, "subject"), "  ");
    if (nonce.kind != JSON_KIND_STRING || nonce.escaped)
        return;
    line_add(line, slice_of("nonce "));
    line_add(line, session_short(nonce.raw));
}

/* "  2 agree"; where columns are rare, not of nobody. */
static void add_camp(struct line *line, const char *before, struct json_value count,
                     const char *behind)
{
    double number;
    if (line_is_roomy(line) || json_number(count, &number) < 0 || number > 0)
        add_member(line, before, count, behind);
}

/* Who claims is named behind how it went: ids are long, and mostly begin with the name. */
static void say_verification(struct line *line, struct json_value payload)
{
    struct json_value status = json_get(payload, "status");
    line_style(line, json_string_is(status, slice_of("confirmed")) ? STYLE_GREEN
                     : json_string_is(status, slice_of("refuted")) ? STYLE_RED
                                                                   : STYLE_YELLOW);
    add_value(line, status);
    line_style(line, STYLE_PLAIN);
    add_camp(line, "  ", json_get(payload, "agreeing"), " agree");
    add_camp(line, ", ", json_get(payload, "disagreeing"), " disagree");
    double ratio;
    if (line_is_roomy(line) &&
        json_number(json_get(json_get(payload, "verification"), "ratio"), &ratio) == 0)
        line_addf(line, "  ratio %.3f", ratio);
    line_add(line, slice_of("  "));
    add_id(line, json_get(payload, "id"), 0);
    if (line_is_roomy(line))
        add_member(line, " of ", json_get(payload, "author"), "");
}

/* What somebody wants to work on, or no longer does. */
static void say_lease_request(struct line *line, struct json_value payload)
{
    add_value(line, json_get(payload, "key"));
    add_member(line, ": ", json_get(payload, "intent"), "");
}

/* "granted feature:paging of ada: its intent" */
static void say_lease(struct line *line, struct json_value payload)
{
    struct json_value status = json_get(payload, "status");
    bool held = json_string_is(status, slice_of("held"));
    line_style(line, json_string_is(status, slice_of("expired")) ? STYLE_YELLOW : STYLE_GREEN);
    add_value(line, status);
    line_style(line, STYLE_PLAIN);
    add_member(line, " ", json_get(payload, "key"), "");
    add_member(line, held ? " by " : " of ", json_get(payload, "holder"), "");
    if (line_is_roomy(line))
        add_member(line, ": ", json_get(payload, "intent"), "");
}

/* "a12 yes or no? (no in 600 s) Deploy?"; "a12 yes by pia: go on" */
static void say_approval(struct line *line, struct json_value payload)
{
    struct json_value status = json_get(payload, "status");
    bool answered = json_string_is(status, slice_of("answered"));
    line_style(line, answered ? STYLE_GREEN : STYLE_YELLOW);
    add_value(line, json_get(payload, "approval_id"));
    line_style(line, STYLE_PLAIN);
    if (json_string_is(status, slice_of("pending"))) {
        add_member(line, " wants a person within ", json_get(payload, "timeout_s"), " s");
        add_member(line, ", else ", json_get(payload, "default"), "");
    } else {
        line_add(line, slice_of(" "));
        add_value(line, status);
        add_member(line, ": ", json_get(payload, "choice"), "");
        add_member(line, " by ", json_get(payload, "by"), "");
    }
    if (line_is_roomy(line))
        add_member(line, ": ", first_of(payload, "note", "question"), "");
}

static void say_approval_request(struct line *line, struct json_value payload)
{
    add_value(line, first_of(payload, "question", "approval_id"));
}

static void say_approval_answer(struct line *line, struct json_value payload)
{
    add_value(line, json_get(payload, "approval_id"));
    add_member(line, ": ", json_get(payload, "choice"), "");
}

/* What somebody says of a task, and the hub of it: "claimed t17 (a title) by ada: its reason". */
static void say_task(struct line *line, struct json_value payload)
{
    struct json_value change = json_get(payload, "change");
    bool ended = json_string_is(change, slice_of("expired")) ||
                 json_string_is(json_get(payload, "evidence_status"), slice_of("refuted"));
    line_style(line, ended ? STYLE_YELLOW : STYLE_GREEN);
    add_value(line, first_of(payload, "change", "status"));
    line_style(line, STYLE_PLAIN);
    add_member(line, " ", first_of(payload, "id", "key"), "");
    add_member(line, " (", json_get(payload, "title"), ")");
    add_member(line, " by ", json_get(payload, "by"), "");
    add_member(line, ", evidence ", json_get(payload, "evidence_status"), "");
    if (line_is_roomy(line))
        add_member(line, ": ", json_get(payload, "why"), "");
}

/* "t17: exit 1". */
static void say_evidence(struct line *line, struct json_value payload)
{
    add_value(line, json_get(payload, "task"));
    add_member(line, ": exit ", json_get(payload, "exit"), "");
}

static void say_touch(struct line *line, struct json_value payload)
{
    OWNED char *paths = field_names(json_get(payload, "paths"));
    line_add(line, slice_of(paths));
    add_member(line, ": ", json_get(payload, "note"), "");
}

/* "ada src/a.c, where bob has src/, 2 more" */
static void say_path_warning(struct line *line, struct json_value payload)
{
    struct json_value who = json_get(payload, "who"), with = json_get(payload, "with"), other;
    struct json_iterator iterator = {.rest = with.raw};
    const char *before = ", where ";
    add_value(line, json_get(who, "ai_id"));
    add_member(line, " ", json_get(who, "path"), "");
    while (with.kind == JSON_KIND_ARRAY && json_next_element(&iterator, &other)) {
        add_member(line, before, json_get(other, "ai_id"), "");
        add_member(line, " has ", json_get(other, "path"), "");
        before = ", ";
    }
}

/* "ban ada by ops until 2026-…: its reason" */
static void say_moderation(struct line *line, struct json_value payload)
{
    struct json_value target = json_get(payload, "target");
    line_style(line, STYLE_RED);
    add_value(line, json_get(payload, "action"));
    line_style(line, STYLE_PLAIN);
    add_member(line, " ", json_get(target, "ai_id"), "");
    add_member(line, " token ", json_get(target, "owner"), "");
    add_member(line, " ", json_get(target, "id"), "");
    add_member(line, " seq ", json_get(target, "seq"), "");
    add_member(line, " by ", json_get(payload, "by"), "");
    add_member(line, " until ", json_get(payload, "until"), "");
    add_member(line, ": ", json_get(payload, "reason"), "");
}

static void say_other(struct line *line, struct json_value payload)
{
    payload.raw.len = payload.raw.len < SUMMARY_TEXT_MAX ? payload.raw.len : SUMMARY_TEXT_MAX;
    line_add(line, payload.raw);
}

static const struct {
    struct type_look look;
    void (*say)(struct line *line, struct json_value payload);
} types[MESSAGE_TYPE_COUNT + 1] = {
    [MESSAGE_HELLO] = {{"hello", STYLE_GREEN}, say_hello},
    [MESSAGE_PATTERN_SHARE] = {{"pattern", STYLE_CYAN}, say_pattern},
    [MESSAGE_CODE_SHARE] = {{"code", STYLE_CYAN}, say_code},
    [MESSAGE_FEATURE_REQUEST] = {{"request", STYLE_MAGENTA}, say_feature_request},
    [MESSAGE_FEATURE_RESPONSE] = {{"asks", STYLE_MAGENTA}, say_feature_response},
    [MESSAGE_COLLABORATION_REQUEST] = {{"invitation", STYLE_YELLOW}, say_collaboration_request},
    [MESSAGE_OS_COMPONENT_SHARE] = {{"component", STYLE_BLUE}, say_component},
    [MESSAGE_PERFORMANCE_REPORT] = {{"report", STYLE_DIM}, say_performance},
    [MESSAGE_TRAINING_SYNC] = {{"sync", STYLE_DIM}, say_sync},
    [MESSAGE_HEARTBEAT] = {{"heartbeat", STYLE_DIM}, say_heartbeat},
    [MESSAGE_ERROR] = {{"error", STYLE_RED}, say_error},
    [MESSAGE_ACK] = {{"ack", STYLE_DIM}, say_other},
    [MESSAGE_PRESENCE] = {{"presence", STYLE_DIM}, say_presence},
    [MESSAGE_LEAVE] = {{"leave", STYLE_DIM}, say_other},
    [MESSAGE_CHAT] = {{"chat", STYLE_BOLD}, say_chat},
    [MESSAGE_COLLABORATION_RESPONSE] = {{"answer", STYLE_YELLOW}, say_collaboration_response},
    [MESSAGE_COLLABORATION_UPDATE] = {{"session", STYLE_YELLOW}, say_collaboration_update},
    [MESSAGE_WORKSPACE_UPDATE] = {{"workspace", STYLE_DIM}, say_workspace},
    [MESSAGE_KNOWLEDGE_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_KNOWLEDGE_RESULT] = {{"knowledge", STYLE_DIM}, say_other},
    [MESSAGE_COMMITMENT] = {{"commitment", STYLE_DIM}, say_commitment},
    [MESSAGE_CHALLENGE] = {{"challenge", STYLE_DIM}, say_challenge},
    [MESSAGE_MEASUREMENT] = {{"measured", STYLE_DIM}, say_other},
    [MESSAGE_VERIFICATION] = {{"verdict", STYLE_BOLD}, say_verification},
    [MESSAGE_LEASE_REQUEST] = {{"wants", STYLE_DIM}, say_lease_request},
    [MESSAGE_LEASE_RELEASE] = {{"leaves", STYLE_DIM}, say_lease_request},
    [MESSAGE_CAUGHT_UP] = {{"caught up", STYLE_DIM}, say_other},
    [MESSAGE_LEASE] = {{"lease", STYLE_BOLD}, say_lease},
    [MESSAGE_DEAD_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_DEAD_LETTER] = {{"letter", STYLE_DIM}, say_other},
    [MESSAGE_DEAD_RESULT] = {{"dead", STYLE_DIM}, say_other},
    [MESSAGE_LOG_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_LOG_RESULT] = {{"log", STYLE_DIM}, say_other},
    [MESSAGE_MEMBER_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_MEMBER_RESULT] = {{"members", STYLE_DIM}, say_other},
    [MESSAGE_SESSION_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_SESSION_RESULT] = {{"sessions", STYLE_DIM}, say_other},
    [MESSAGE_MODERATION] = {{"order", STYLE_RED}, say_moderation},
    [MESSAGE_MODERATION_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_MODERATION_RESULT] = {{"bans", STYLE_DIM}, say_other},
    [MESSAGE_USAGE_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_USAGE_RESULT] = {{"usage", STYLE_DIM}, say_other},
    [MESSAGE_APPROVAL_REQUEST] = {{"asks", STYLE_BOLD}, say_approval_request},
    [MESSAGE_APPROVAL_ANSWER] = {{"decides", STYLE_BOLD}, say_approval_answer},
    [MESSAGE_APPROVAL] = {{"approval", STYLE_BOLD}, say_approval},
    [MESSAGE_TOUCH] = {{"touches", STYLE_DIM}, say_touch},
    [MESSAGE_PATH_WARNING] = {{"overlap", STYLE_YELLOW}, say_path_warning},
    [MESSAGE_APPROVAL_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_APPROVAL_RESULT] = {{"approvals", STYLE_DIM}, say_other},
    [MESSAGE_ARTIFACT_OFFER] = {{"file", STYLE_DIM}, say_artifact},
    [MESSAGE_ARTIFACT_CHUNK] = {{"chunk", STYLE_DIM}, say_artifact},
    [MESSAGE_ARTIFACT] = {{"file", STYLE_CYAN}, say_artifact},
    [MESSAGE_ARTIFACT_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_ARTIFACT_RESULT] = {{"files", STYLE_DIM}, say_other},
    [MESSAGE_TASK] = {{"task", STYLE_BOLD}, say_task},
    [MESSAGE_EVIDENCE_REPORT] = {{"evidence", STYLE_DIM}, say_evidence},
    [MESSAGE_TASK_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_TASK_RESULT] = {{"tasks", STYLE_DIM}, say_other},
    [MESSAGE_SENT_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_SENT_RESULT] = {{"sent", STYLE_DIM}, say_other},
    [MESSAGE_STATS_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_STATS_RESULT] = {{"stats", STYLE_DIM}, say_other},
    [MESSAGE_LEDGER_QUERY] = {{"query", STYLE_DIM}, say_other},
    [MESSAGE_LEDGER_RESULT] = {{"ledger", STYLE_DIM}, say_other},
    [MESSAGE_TYPE_COUNT] = {{"unknown", STYLE_DIM}, say_other},
};

const struct type_look *type_look(enum message_type type)
{
    return &types[type < MESSAGE_TYPE_COUNT ? type : MESSAGE_TYPE_COUNT].look;
}

void summary_add(struct line *line, enum message_type type, struct slice payload)
{
    size_t at;
    struct json_value value = {.raw = payload};
    if (json_check(payload, WIRE_DEPTH_MAX, &at) == JSON_FINE)
        value = json_value_of(payload);
    if (value.kind == JSON_KIND_OBJECT && type < MESSAGE_TYPE_COUNT)
        types[type].say(line, value);
    else
        say_other(line, value);
}

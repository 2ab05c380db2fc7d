/* khub measure: the number that a trainer would measure and report, for everybody who has none of
 * its code. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/json_out.h"
#include "cmd/stop.h"
#include "cmd/subject_named.h"
#include "cmd/traces_given.h"
#include "cmd/visit.h"
#include "policy/measure.h"
#include "probe/probe.h"
#include "wire/commitment.h"

struct measure_settings {
    const char *subject, *version, *nonce, *peer, *parameters, *module;
    struct trace_settings traces;
    long workloads;
    bool json;
};

/* ── what is to be committed ── */

static int sha256_of(struct slice bytes, char ret_sha256[COMMITMENT_DIGEST_SIZE])
{
    unsigned char digest[COMMITMENT_DIGEST_BYTES];
    if (EVP_Digest(bytes.at, bytes.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    commitment_digest_format(digest, ret_sha256);
    return 0;
}

/* Of a module when there is a source, else of the question's parameters. 0, or -1 when out of
 * memory. */
static int commitment_of(const struct khub_question *question, const char *source,
                         struct slice version, char ret_sha256[COMMITMENT_DIGEST_SIZE])
{
    struct committed_parameter parameters[SUBJECT_PARAMETERS_MAX];
    struct slice subject = slice_of(question->subject);
    struct text text = {0};
    char of_source[COMMITMENT_DIGEST_SIZE];
    int error;
    for (size_t i = 0; i < question->parameter_count; i++)
        parameters[i] = (struct committed_parameter){slice_of(question->parameters[i].name),
                                                     question->parameters[i].value};
    if (!source)
        error = commitment_write(subject, version, parameters, question->parameter_count, &text);
    else if ((error = sha256_of(slice_of(source), of_source)) == 0)
        error = commitment_write_module(subject, version, of_source, &text);
    if (error == 0)
        error = sha256_of(text_slice(&text), ret_sha256);
    text_free(&text);
    return error;
}

/* ── parameters ── */

/* Reads the object into parameters of the settings' subject; their names are the object's. 0, or
 * an exit code after a sentence. */
static int read_parameters(json_t *object, struct khub_parameter *ret_given, size_t *ret_count)
{
    const char *name;
    json_t *value;
    size_t count = 0;
    if (json_object_size(object) > SUBJECT_PARAMETERS_MAX) {
        complain("measure", "--parameters has %zu members; no subject has more than %d.",
                 json_object_size(object), SUBJECT_PARAMETERS_MAX);
        return EXIT_USAGE;
    }
    json_object_foreach(object, name, value)
    {
        if (!json_is_number(value)) {
            complain("measure", "--parameters: %.64s is no number.", name);
            return EXIT_USAGE;
        }
        ret_given[count++] = (struct khub_parameter){name, json_number_value(value)};
    }
    *ret_count = count;
    return EXIT_WORKED;
}

/* ── telling ── */

static json_t *measured_json(const struct measure_settings *settings,
                             const struct khub_measured *measured, const char *commitment)
{
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:s*,s:s*,s:i,s:f,s:f,s:f,s:i,s:f,s:f,s:s,s:f}", "subject",
                  measured->subject, "subject_version", measured->subject_version, "commitment",
                  commitment, "nonce", settings->nonce, "peer", settings->peer, "n",
                  (int)measured->workloads, "ratio", measured->ratio, "ci95", measured->ci95,
                  "cost", measured->cost, "wins", (int)measured->wins, "bound_ratio",
                  measured->bound_ratio, "gap_closed", measured->gap_closed, "baseline",
                  measured->baseline, "baseline_cost", measured->baseline_cost);
    if (json && measured->practice) {
        json_object_set_new(json, "practice", json_string(measured->practice));
        json_object_set_new(json, "practice_ratio", json_real(measured->practice_ratio));
    }
    return json;
}

static void print_measured(const struct measure_settings *settings,
                           const struct khub_measured *measured, const char *commitment)
{
    printf("%s, version %s, on the %zu workloads of %s %s\n\n", measured->subject,
           measured->subject_version, measured->workloads, settings->nonce ? "nonce" : "peer",
           settings->nonce ? settings->nonce : settings->peer);
    printf("  ratio         %.17g (95 %% interval: %.3f to %.3f)\n", measured->ratio,
           measured->ratio - measured->ci95, measured->ratio + measured->ci95);
    printf("  wins          %zu of %zu\n", measured->wins, measured->workloads);
    printf("  cost          %.6g; %.6g of %s, the textbook's\n", measured->cost,
           measured->baseline_cost, measured->baseline);
    if (measured->practice)
        printf("  best practice %.4f (%s)\n", measured->practice_ratio, measured->practice);
    printf("  bound         %.4f, gap closed %.1f %%\n", measured->bound_ratio,
           100 * measured->gap_closed);
    printf("  commitment    %s\n", commitment);
}

/* source: of a module; NULL: parameters were measured. */
static int tell(const struct measure_settings *settings, const struct khub_question *question,
                const char *source, int result, const struct khub_measured *measured,
                const char *why)
{
    char commitment[COMMITMENT_DIGEST_SIZE];
    if (result == KHUB_E_ARGUMENT) {
        complain("measure", "%s.", why);
        return EXIT_USAGE;
    }
    if (result < 0 ||
        commitment_of(question, source, slice_of(measured->subject_version), commitment) < 0)
        return complain("measure", "out of memory");
    if (settings->json)
        return json_print_result("measure", measured_json(settings, measured, commitment));
    print_measured(settings, measured, commitment);
    return EXIT_WORKED;
}

static int measure_parameters(const struct measure_settings *settings,
                              struct khub_question question, json_t *object)
{
    struct khub_parameter given[SUBJECT_PARAMETERS_MAX];
    struct khub_measured measured;
    char why[KHUB_WHY_SIZE];
    int code = read_parameters(object, given, &question.parameter_count);
    question.parameters = given;
    if (code != EXIT_WORKED)
        return code;
    return tell(settings, &question, NULL, khub_measure(&question, &measured, why), &measured, why);
}

/* ── modules ── */

/* The text of the file; NULL after a sentence. */
static char *read_source(const char *path)
{
    FILE *file = fopen(path, "re");
    char *source = file ? calloc(1, PROBE_SOURCE_MAX + 2) : NULL;
    size_t length = source ? fread(source, 1, PROBE_SOURCE_MAX + 1, file) : 0;
    bool failed = !source || ferror(file);
    if (failed)
        complain("measure", "can't read the module: %s: %s", path, strerror(errno));
    else if (strlen(source) < length)
        complain("measure", "the module has a NUL in it: %s", path);
    if (file)
        fclose(file);
    if (!failed && strlen(source) == length)
        return source;
    free(source);
    return NULL;
}

/* A module without a score. What this machine can't do is no word on the module, so nothing is told
 * of it in JSON. */
static int tell_unscored(const struct measure_settings *settings,
                         const struct khub_question *question, const struct subject *subject,
                         const char *source, size_t workloads, const struct probe_report *report)
{
    const char *result = probe_result_text(report->result);
    char commitment[COMMITMENT_DIGEST_SIZE];
    complain("measure", "the module has no score (%s): %s", result, report->why);
    if (!settings->json || report->result == PROBE_NO_COMPILER || report->result == PROBE_FAILED)
        return EXIT_FAILED;
    if (commitment_of(question, source, slice_of(subject->version), commitment) < 0)
        return complain("measure", "out of memory");
    json_t *why = json_of_bytes(report->why);
    json_print_result("measure", json_pack("{s:s,s:s,s:s,s:s*,s:s*,s:i,s:b,s:s,s:o}", "subject",
                                           subject->name, "subject_version", subject->version,
                                           "commitment", commitment, "nonce", settings->nonce,
                                           "peer", settings->peer, "n", (int)workloads,
                                           "claim_holds", false, "result", result, "reason", why));
    return EXIT_FAILED;
}

static int measure_module(const struct measure_settings *settings,
                          const struct khub_question *question)
{
    const struct subject *subject;
    struct khub_measured measured;
    struct probe_report report;
    char why[KHUB_WHY_SIZE];
    int result = question_check(question, &subject, why);
    if (result < 0)
        return tell(settings, question, NULL, result, NULL, why);
    char *source = read_source(settings->module);
    if (!source)
        return EXIT_FAILED;
    struct evaluation_set *set = question_workloads(question, subject);
    int code;
    if (!set)
        code = complain("measure", "out of memory");
    else {
        stop_catch();
        probe_on(subject, source, set, stop_flag(), &report);
        if (report.result != PROBE_RAN)
            code = tell_unscored(settings, question, subject, source, evaluation_set_size(set),
                                 &report);
        else
            code = tell(settings, question, source,
                        score_beside(&report.score, subject, set, &measured), &measured, why);
    }
    evaluation_set_free(set);
    free(source);
    return code;
}

static int measure(const struct measure_settings *settings, const char *version, json_t *object)
{
    struct khub_question question = {.subject = settings->subject,
                                     .subject_version = version,
                                     .nonce = settings->nonce,
                                     .peer = settings->peer,
                                     .workloads = (size_t)settings->workloads};
    return object ? measure_parameters(settings, question, object)
                  : measure_module(settings, &question);
}

/* object: the parameters; NULL: it is a module. With --trace it is the traces' subject that is
 * measured. An exit code. */
static int measure_given(const struct measure_settings *settings, const struct subject *subject,
                         json_t *object)
{
    struct traces_given given;
    const char *version = settings->version;
    int code = traces_give("measure", &settings->traces, &given, &subject);
    if (code == EXIT_WORKED && !subject->bound_cost)
        code = complain("measure", "nobody knows a bound of %s on traces.", subject->name);
    if (code == EXIT_WORKED && given.count > 0) {
        subject_add(subject, false);
        version = version ? version : subject->version;
    }
    if (code == EXIT_WORKED)
        code = measure(settings, version, object);
    traces_given_free(&given);
    return code;
}

static int run(const void *data)
{
    const struct measure_settings *settings = data;
    json_error_t error;
    const struct subject *subject = subject_named("measure", settings->subject);
    if (!subject)
        return EXIT_USAGE;
    if (!settings->nonce == !settings->peer) {
        complain("measure", "either --nonce or --peer says which workloads.");
        return EXIT_USAGE;
    }
    if (!settings->parameters && !settings->module) {
        complain("measure",
                 "--parameters is missing: an object {\"name\": number, …}; "
                 "'khub subjects %s' lists them.",
                 settings->subject);
        return EXIT_USAGE;
    }
    if (settings->parameters && settings->module) {
        complain("measure", "either --parameters or --module says what is measured.");
        return EXIT_USAGE;
    }
    if (settings->module)
        return measure_given(settings, subject, NULL);
    json_t *object = json_loads(settings->parameters, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) {
        json_decref(object);
        complain("measure", "--parameters is no JSON object: %s",
                 object ? "it is an array." : error.text);
        return EXIT_USAGE;
    }
    int code = measure_given(settings, subject, object);
    json_decref(object);
    return code;
}

#define AT(member) .offset = offsetof(struct measure_settings, member)
static const struct setting operands[] = {
    {.name = "SUBJECT",
     .kind = SETTING_TEXT,
     AT(subject),
     .required = true,
     .help = "What the parameters are of; 'khub subjects' lists them."},
    {0},
};
static const struct setting options[] = {
    {.name = "nonce",
     .kind = SETTING_TEXT,
     AT(nonce),
     .argument = "NONCE",
     .help = "On the workloads of a claim: the 32 hex digits of its challenge."},
    {.name = "peer",
     .kind = SETTING_TEXT,
     AT(peer),
     .argument = "AI_ID/SALT",
     .help =
         "On those on which that AI measures what others send (a report's ratio_own). A trainer "
         "says its salt at the end of its run; an AI without one has AI_ID alone."},
    {.name = "parameters",
     .kind = SETTING_TEXT,
     AT(parameters),
     .argument = "JSON",
     .help = "An object {\"name\": number, …} of all that the subject has."},
    {.name = "module",
     .kind = SETTING_TEXT,
     AT(module),
     .argument = "FILE",
     .help = "Instead of parameters: a C module, whoever wrote it. It is compiled and run so that "
             "it can do no more than answer (needs cc, and a kernel with Landlock)."},
    {.name = "workloads",
     .kind = SETTING_WHOLE,
     AT(workloads),
     .argument = "N",
     .low = KHUB_WORKLOADS_MIN,
     .high = KHUB_WORKLOADS_MAX,
     .help = "How many; without it 64 of a nonce, 16 of a peer."},
    {.name = "subject-version",
     .kind = SETTING_TEXT,
     AT(version),
     .argument = "VERSION",
     .help = "Only if that is the version built in here: another one's numbers differ."},
    TRACE_SETTINGS(struct measure_settings),
    JSON_SETTING(struct measure_settings,
                 "As a JSON object, with numbers that read back to the same bits. Of a module that "
                 "has no score, whatever machine runs it: claim_holds (false), result and reason; "
                 "of what can't be done on this machine, nothing."),
    {0},
};

const struct command command_measure = {
    .name = "measure",
    .summary = "measure parameters as a trainer would: on a claim's nonce",
    .about =
        "Measures the parameters of a policy, or its C, on the workloads that follow from a nonce, without a "
        "hub. The ratio is the number that every trainer finds for a claim with these parameters "
        "and that nonce: what an AI of yours tells the hub in the measurement of a commitment, "
        "or in a report on another's claim, as ratio. The commitment is the SHA-256 that an AI "
        "commits itself to before it claims what was measured.\n\n"
        "Who commits gets the nonce from the hub: docs/PROTOCOL.md, Honest scores, has the whole "
        "conversation, and examples/measuring_ai.py is an AI that lives by this command.",
    .example = "  khub measure size_classes --nonce 00112233445566778899aabbccddeeff \\\n"
               "      --parameters \"$(cat parameters.json)\" --json\n"
               "  khub measure audio --peer ada --parameters \"$(cat parameters.json)\"",
    .worked = "measured",
    .failed = "out of memory; the module has no score",
    .options = options,
    .operands = operands,
    .settings_size = sizeof(struct measure_settings),
    .run = run,
};

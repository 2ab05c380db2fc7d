/* Feature requests, and what is said of a claim in words.
 *
 * A specialization's capabilities are the seed's, and wider than what its subject gives: an AI
 * of `security` is asked for encryption, and has an anomaly detector. So each subject says for
 * what it is an answer; to anything else there is none, and who asks is told so. What is given
 * goes by its own name, whatever it was asked for. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "brain/policy/parts.h"
#include "brain/words.h"
#include "wire/shown.h"

#define ANY "os_development" /* a capability of all, and what they all do */

static const struct {
    const char *subject;
    const char *serves[8]; /* NULL-terminated */
} answers[] = {
    {"window_manager",
     {ANY, "window_manager", "window_management", "window_switching", "user_interface"}},
    {"file_system",
     {ANY, "file_system", "file_operations", "storage_management", "page_cache", "caching"}},
    {"process_manager",
     {ANY, "process_manager", "process_management", "process_scheduling", "cpu_scheduling"}},
    {"security", {ANY, "security_analysis", "anomaly_detection", "intrusion_detection"}},
    {"networking",
     {ANY, "networking", "network_stack", "network_protocols", "congestion_control",
      "communication"}},
    {"graphics",
     {ANY, "graphics_stack", "graphics_rendering", "display_management", "frame_pacing"}},
    {"audio", {ANY, "audio_stack", "audio_processing", "media_handling", "jitter_buffer"}},
    {"performance", {ANY, "optimization", "performance_tools", "locking", "mutex"}},
};

bool policy_can_answer(const void *state, const char *feature, char ret_why[BRAIN_TEXT_SIZE])
{
    const struct policy_brain *brain = state; /* of which its subject alone is read */
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (strcmp(answers[i].subject, brain->subject->name) == 0 &&
            words_match(feature, answers[i].serves))
            return true;
    snprintf(ret_why, BRAIN_TEXT_SIZE, "what it can make is this: %s", brain->subject->title);
    return false;
}

/* What the one who asked should know of it. */
static json_t *answer_note(const struct policy_brain *brain, const char *feature,
                           const json_t *requirements)
{
    char asked[FEATURE_BYTES_MAX + 1];
    const char *unread = json_is_object(requirements) && json_object_size(requirements) > 0
                             ? "; the requirements were not read"
                             : "";
    const char *author = brain->choice.author;
    words_cut(feature, asked, sizeof asked);
    return json_sprintf("for the request of '%s': %s, tuned for %s%s%s%s", asked,
                        brain->subject->title, brain->subject->cost, author[0] ? ", found by " : "",
                        author, unread);
}

/* The choice as a finding; ratio_train is measured on this AI's own workloads, whoever found it. 0,
 * or -1 when that can't be. */
static int finding_choice(struct policy_brain *brain, brain_stop *stop, struct finding *ret_finding)
{
    const struct choice *choice = &brain->choice;
    struct probe_report report;
    struct finding finding = finding_own(brain, &choice->solution);
    if (choice->author[0]) {
        json_decref(finding.parents);
        finding.parents = choice->id[0] ? json_pack("[s]", choice->id) : json_array();
        solution_measure(brain->subject, &choice->solution, brain->train.sets, 1, stop, &report);
        finding.ratio_train = report.score.ratio;
        finding.optimiser = outside_name(brain);
        if (report.result != PROBE_RAN) {
            json_decref(finding.parents);
            return -1;
        }
    }
    *ret_finding = finding;
    return 0;
}

json_t *policy_answer(void *state, const char *feature, const json_t *requirements,
                      brain_stop *stop)
{
    struct policy_brain *brain = state;
    if (policy_begin(brain, stop) < 0)
        return NULL;
    if (brain->search.evaluations < ANSWER_EVALUATIONS)
        search_run(&brain->search, &brain->train, ANSWER_EVALUATIONS - brain->search.evaluations,
                   stop);
    struct finding finding;
    if (!policy_choose(brain, stop) || atomic_load(stop) ||
        finding_choice(brain, stop, &finding) < 0)
        return NULL;
    json_t *component = claim_component(brain, &finding);
    if (component)
        json_object_set_new(component, "note", answer_note(brain, feature, requirements));
    return component;
}

/* ── in words ── */

static double number(const json_t *object, const char *name)
{
    double value;
    return member_number(object, name, &value) ? value : 0;
}

void policy_tell(const json_t *thing, const json_t *metrics, char ret_text[BRAIN_TEXT_SIZE])
{
    const char *module = member_string(thing, "module", 1024);
    const json_t *measured = json_object_get(thing, "measured");
    double heldout = number(measured, "ratio");
    if (!thing)
        snprintf(ret_text, BRAIN_TEXT_SIZE, "%.3f on its own workloads",
                 number(metrics, "ratio_own"));
    else if (metrics)
        snprintf(ret_text, BRAIN_TEXT_SIZE, "ratio %.3f held-out, %.3f on own workloads",
                 number(metrics, "ratio"), number(metrics, "ratio_own"));
    else if (json_object_get(thing, "ratio_session"))
        snprintf(ret_text, BRAIN_TEXT_SIZE, "ratio %.4f on the partners' workloads, %.4f held-out",
                 number(thing, "ratio_session"), heldout);
    else
        snprintf(ret_text, BRAIN_TEXT_SIZE,
                 "held-out ratio %.3f, bound %.3f: %.0f %% of the gap closed%s%s", heldout,
                 number(measured, "bound_ratio"), 100 * number(measured, "gap_closed"),
                 module ? "; its C: " : "", SHOWN(module ? module : ""));
}

json_t *policy_own_metrics(const json_t *component)
{
    static const char *const told[] = {"seeds", "nonce", "evaluations", "subject",
                                       "subject_version"};
    static const char *const found[] = {"ci95",       "wins",     "cost_heldout",  "bound_ratio",
                                        "gap_closed", "practice", "practice_ratio"};
    const json_t *measured = json_object_get(component, "measured");
    json_t *metrics = json_pack("{s:O*}", "ratio_heldout", json_object_get(measured, "ratio"));
    for (size_t i = 0; metrics && i < sizeof told / sizeof *told; i++)
        json_object_set(metrics, told[i], json_object_get(component, told[i]));
    for (size_t i = 0; metrics && i < sizeof found / sizeof *found; i++)
        json_object_set(metrics, found[i], json_object_get(measured, found[i]));
    return metrics;
}

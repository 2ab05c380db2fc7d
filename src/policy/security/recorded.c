/* Workloads out of recorded system calls. What the program does when all is well is learned from
 * all that was recorded for that, as nobody has tuned anything by it. The other sequences, normal
 * ones and attacks, are halved each in their order: a policy is tuned on some of the earlier ones,
 * and measured on later ones. Nobody knows which calls of an attacked process are the attacker's:
 * the sequence is judged, by its most suspicious call. */
#include <assert.h>
#include <stdlib.h>

#include "policy/random.h"
#include "policy/security/simulator.h"

/* Of a window. 2 % false alarms are 1.6 sequences: over many windows, an average. */
enum { NORMAL_SEQUENCES = 80, ATTACK_SEQUENCES = 20 };
enum { SEQUENCE, WHAT, CALL }; /* columns */

struct stretch {
    size_t first, count; /* records */
    int64_t what;        /* enum trace_calls */
};

struct recording {
    const struct trace *trace;
    struct stretch *at;
    size_t count;
};

/* The trace's sequences. */
static int find_sequences(struct recording *recording, const struct trace *trace)
{
    size_t room = 0;
    *recording = (struct recording){.trace = trace};
    for (size_t i = 0; i < trace->count; i++) {
        const int64_t *record = trace_record(trace, i);
        if (i == 0 || record[SEQUENCE] != trace_record(trace, i - 1)[SEQUENCE]) {
            if (recording->count == room) {
                room = room > 0 ? 2 * room : 1024;
                struct stretch *at = realloc(recording->at, room * sizeof *at);
                if (!at)
                    return -1;
                recording->at = at;
            }
            recording->at[recording->count++] = (struct stretch){i, 0, record[WHAT]};
        }
        recording->at[recording->count - 1].count++;
    }
    return 0;
}

/* Some of a kind: those whose number, counted among them, is in first .. first + count - 1. */
struct some {
    int64_t what;
    size_t first, count;
};

static struct some choose(const struct recording *recording, const struct trace_part *part,
                          int64_t what, size_t most, struct random *random)
{
    size_t all = 0;
    for (size_t i = 0; i < recording->count; i++)
        all += recording->at[i].what == what;
    bool later = part->first > 0;
    struct some some = {what, later ? all / 2 : 0, later ? all - all / 2 : all / 2};
    if (part->whole || some.count <= most)
        return some;
    some.first += random_below(random, some.count - most + 1);
    some.count = most;
    return some;
}

/* Calls f for each chosen sequence, in their order. -1 as soon as f says so. */
static int for_each(const struct recording *recording, const struct some *some,
                    int (*f)(const struct recording *recording, const struct stretch *stretch,
                             void *context),
                    void *context)
{
    size_t number = 0;
    for (size_t i = 0; i < recording->count; i++) {
        const struct stretch *stretch = &recording->at[i];
        if (stretch->what == some->what && number++ - some->first < some->count &&
            f(recording, stretch, context) < 0)
            return -1;
    }
    return 0;
}

static int measure(const struct recording *recording, const struct stretch *stretch, void *context)
{
    (void)recording;
    *(size_t *)context += stretch->count;
    return 0;
}

struct filling {
    struct grams *grams;
    struct security_workload *load; /* with what is in it by now */
};

static uint32_t call_of(const struct recording *recording, size_t record)
{
    return (uint32_t)trace_record(recording->trace, record)[CALL];
}

static int take(const struct recording *recording, const struct stretch *stretch, void *context)
{
    struct filling *filling = context;
    struct security_workload *load = filling->load;
    bool attack = stretch->what == TRACE_CALLS_ATTACK;
    grams_start(filling->grams);
    for (size_t i = 0; i < stretch->count; i++, load->count++) {
        uint32_t call = call_of(recording, stretch->first + i);
        if (grams_take(filling->grams, call, load->seen[load->count]) < 0)
            return -1;
        load->places[load->count] = (uint8_t)(i + 1 < PLACE_MOST ? i + 1 : PLACE_MOST);
        load->kinds[load->count] = attack ? CALL_ATTACK : CALL_NORMAL;
    }
    load->beliefs[load->sequences++] = (struct belief){.normal = !attack, .attack = attack};
    return 0;
}

static int learn(const struct recording *recording, const struct stretch *stretch, void *context)
{
    struct filling *filling = context;
    grams_start(filling->grams);
    for (size_t i = 0; i < stretch->count; i++)
        grams_learn(filling->grams, call_of(recording, stretch->first + i));
    return 0;
}

static struct security_workload *fill(const struct recording *recording, const struct some *normal,
                                      const struct some *attacks)
{
    static const struct some training = {TRACE_CALLS_TRAINING, 0, SIZE_MAX};
    size_t calls = 0;
    for_each(recording, normal, measure, &calls);
    for_each(recording, attacks, measure, &calls);
    struct filling filling = {grams_new(),
                              security_workload_new(calls, normal->count + attacks->count)};
    struct security_workload *load = filling.load;
    int result = filling.grams && load ? 0 : -1;
    if (result == 0) {
        load->count = load->sequences = 0;
        result = for_each(recording, normal, take, &filling);
    }
    if (result == 0)
        result = for_each(recording, attacks, take, &filling);
    if (result == 0) {
        for_each(recording, &training, learn, &filling);
        for (size_t i = 0; i < load->count; i++)
            grams_count(filling.grams, load->seen[i]);
    }
    grams_free(filling.grams);
    if (result == 0)
        return load;
    free(load);
    return NULL;
}

void *security_recorded(const struct trace_part *part, uint64_t seed)
{
    struct recording recording;
    struct random random;
    struct security_workload *load = NULL;
    random_seed(&random, seed);
    if (find_sequences(&recording, part->trace) == 0) {
        struct some normal =
            choose(&recording, part, TRACE_CALLS_NORMAL, NORMAL_SEQUENCES, &random);
        struct some attacks =
            choose(&recording, part, TRACE_CALLS_ATTACK, ATTACK_SEQUENCES, &random);
        assert(normal.count > 0 && attacks.count > 0);
        load = fill(&recording, &normal, &attacks);
    }
    free(recording.at);
    return load;
}

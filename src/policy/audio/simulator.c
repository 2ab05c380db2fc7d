/* audio: how long should a receiver hold back the packets of a call before playing them?
 *
 * The question. Packets leave every 20 ms and arrive whenever they do. If they are played at once,
 * each late one is a gap; if they are held back for long, nothing is late, but the two parties
 * begin to interrupt each other. The delay may change only between talkspurts, where silence hides
 * the change. What should it be?
 *
 * The cost is the E-model's (ITU-T G.107) in the form that Cole and Rosenbluth gave it for packets
 * (SIGCOMM CCR 2001): R = 94.2 - Id - Ie, with Id = 0.024 d + 0.11 (d - 177.3)+ for d ms from mouth
 * to ear and, for G.711 with concealment, Ie = 30 ln(1 + 15 e) if a share e is not played. Id is
 * averaged over packets; d is the playout delay plus 25 ms for coding; e counts lost and late
 * packets. So R is 90.6 at 150 ms and 73.5 at 300 ms without loss, and 75.0 at 5 % and 100 ms.
 *
 * The workload (synthetic; the priors are ours). Calls of 180 s with exponential talkspurts and
 * pauses of mean 1.004 and 1.587 s (ITU-T P.59). The network's delay is a base of 10..150 ms, a
 * queue that is lognormal AR(1), spikes of 30..300 ms that drain by 10..20 ms a packet, and now and
 * then a change of route. No packet overtakes another. One call in five loses up to 2 % of its
 * packets. A real receiver knows network delays only up to the offset between the two clocks; here
 * the clocks agree, and delays are absolute (the floor and the fixed buffers need that).
 *
 * The policy. Algorithm 4 of Ramjee, Kurose, Towsley and Schulzrinne (INFOCOM 1994): exponential
 * means of delay and deviation; during a spike the mean follows the packets. Here each mean has a
 * gain of its own, a spike has its own number of deviations, and there are a margin and a floor.
 *
 * What others do. Kurose and Ross teach gains of 0.01 and 4 deviations, without spikes; Ramjee 1 is
 * the same with gains of 0.002; Ramjee 4 has 0.125. Or one does not adapt at all: under the E-model
 * a delay below 177 ms is nearly free, so a fixed buffer of 150 ms beats all three. Sun and
 * Ifeachor found the same: where delays are small, losses are what matters. Hence the floor.
 *
 * Known answer. If jitter is independent and exponential with mean m above a base b, a fixed delay
 * loses e = e^(-(d-b)/m) and is best where 0.024 = 450 e / (m (1 + 15 e)), below 177.3 ms.
 *
 * The bound. The best choice of one delay for each talkspurt by somebody who knows all delays.
 * playout.c says why no policy that changes the delay only between talkspurts can beat it. */
#include "policy/audio/simulator.h"

#include <math.h>
#include <stdlib.h>

#include "policy/audio/program.h"
#include "policy/elementary.h"
#include "policy/module.h"
#include "policy/program.h"
#include "policy/random.h"
#include "policy/subject_table.h"

enum { SLOTS = 9000, SLOT_MS = 20 };          /* 180 s */
#define TALKSPURT_MS 1004.0                   /* mean */
#define TALKSPURT    (TALKSPURT_MS / SLOT_MS) /* in slots */
#define PAUSE_MS     1587.0
#define PAUSE        (PAUSE_MS / SLOT_MS)

enum {
    MEAN_GAIN,
    DEVIATION_GAIN,
    DEVIATIONS,
    SPIKE_THRESHOLD,
    SPIKE_EXIT,
    MARGIN,
    SPIKE_DEVIATIONS,
    FLOOR,
    PARAMETERS
};

static const struct parameter parameters[PARAMETERS] = {
    [MEAN_GAIN] = {"mean_gain", "", "share of the mean delay that a packet replaces", 0.001, 0.5,
                   true, false, 0.01},
    [DEVIATION_GAIN] = {"deviation_gain", "", "share of the deviation that a packet replaces",
                        0.001, 0.5, true, false, 0.01},
    [DEVIATIONS] = {"deviations", "", "deviations above the mean", 0.5, 12, false, false, 4},
    [SPIKE_THRESHOLD] = {"spike_threshold", "ms", "jump beyond two deviations that is a spike", 3,
                         300, true, false, 100},
    [SPIKE_EXIT] = {"spike_exit", "ms", "variation at which a spike is over", 0.5, 30, true, false,
                    7.875},
    [MARGIN] = {"margin", "ms", "constant reserve", 0, 40, false, false, 0},
    [SPIKE_DEVIATIONS] = {"spike_deviations", "", "deviations above the mean in a spike", 0, 12,
                          false, false, 4},
    [FLOOR] = {"floor", "ms", "least playout delay", 0, 220, false, false, 0},
};

/* A call and the memory it lies in. */
struct call_workload {
    struct audio_call call; /* of the arrays below */
    uint32_t *delays_us;    /* as many as there are slots */
    uint32_t *starts;       /* one more */
    uint32_t memory[];
};

static struct call_workload *call_new(size_t slots)
{
    struct call_workload *load = malloc(sizeof *load + (2 * slots + 1) * sizeof load->memory[0]);
    if (!load)
        return NULL;
    load->delays_us = load->memory;
    load->starts = load->memory + slots;
    return load;
}

static void call_ready(struct call_workload *load, uint32_t packets, uint32_t talkspurts)
{
    load->starts[talkspurts] = packets;
    load->call = (struct audio_call){packets, talkspurts, load->delays_us, load->starts};
}

/* The network at one moment; all in ms. */
struct network {
    double base, queue_scale, queue_sigma, queue_memory, queue;
    double spike_chance, spike, drain;
    double route_chance;
    double loss;
    double last; /* delay of the packet before */
};

static struct network network_new(struct random *random)
{
    struct network network = {.base = random_log_between(random, 10, 150)};
    network.queue_scale = random_log_between(random, 3, 20);
    network.queue_sigma = random_between(random, 0.3, 1);
    network.queue_memory = random_between(random, 0.8, 0.98);
    network.queue = random_normal(random);
    network.spike_chance = random_log_between(random, 0.0003, 0.008);
    network.route_chance = random_between(random, 0, 0.0015);
    if (random_uniform(random) < 0.2)
        network.loss = random_between(random, 0, 0.02);
    return network;
}

static double network_delay(struct network *network, struct random *random)
{
    if (random_uniform(random) < network->spike_chance) {
        network->spike += random_log_between(random, 30, 300);
        network->drain = random_between(random, 10, 20);
    }
    if (random_uniform(random) < network->route_chance)
        network->base = random_log_between(random, 10, 150);
    double memory = network->queue_memory;
    network->queue = memory * network->queue + sqrt(1 - memory * memory) * random_normal(random);
    double delay = network->base + network->spike +
                   network->queue_scale * elementary_exp(network->queue_sigma * network->queue);
    network->spike = network->spike > network->drain ? network->spike - network->drain : 0;
    if (delay < network->last - SLOT_MS)
        delay = network->last - SLOT_MS;
    return network->last = delay;
}

static void *workload_new(uint64_t seed)
{
    struct call_workload *load = call_new(SLOTS);
    if (!load)
        return NULL;
    struct random random;
    random_seed(&random, seed);
    struct network network = network_new(&random);
    uint32_t packets = 0, talkspurts = 0, slots_left = 0;
    bool speaks = false;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (slots_left-- == 0) {
            speaks = !speaks;
            slots_left = (uint32_t)random_exponential(&random, speaks ? TALKSPURT : PAUSE);
            if (speaks)
                load->starts[talkspurts++] = packets;
        }
        double delay = network_delay(&network, &random);
        if (speaks)
            load->delays_us[packets++] =
                random_uniform(&random) < network.loss ? AUDIO_LOST : (uint32_t)(delay * 1000);
    }
    call_ready(load, packets, talkspurts);
    return load;
}

/* ── calls of a trace ── */

enum { TRACE_LEAST = 500, CALL_MS = 180000 };

/* ms from one packet to the next. */
static double pace_of(const struct trace_part *part)
{
    const int64_t *first = trace_record(part->trace, part->first);
    const int64_t *last = trace_record(part->trace, part->first + part->count - 1);
    double pace = (double)(last[0] - first[0]) / 1000 / (double)(part->count - 1);
    return pace > 1 ? pace : 1;
}

/* Half of the part, or 180 s where that is shorter. A trace has a packet in every slot: when the
 * speaker pauses is drawn by the seed, as in a call that is generated. */
static void *workload_read(const struct trace_part *part, uint64_t seed)
{
    double pace = pace_of(part), most = CALL_MS / pace;
    size_t slots = part->count / 2 < (size_t)most ? part->count / 2 : (size_t)most;
    struct trace_part window = trace_window(part, seed, slots);
    struct call_workload *load = call_new(window.count);
    if (!load)
        return NULL;
    struct random random;
    random_seed(&random, ~seed); /* apart from the draw of the window */
    uint32_t packets = 0, talkspurts = 0, slots_left = 0;
    bool speaks = false;
    for (size_t slot = 0; slot < window.count; slot++) {
        if (slots_left-- == 0) {
            speaks = !speaks || packets == 0; /* somebody says something */
            slots_left =
                (uint32_t)random_exponential(&random, (speaks ? TALKSPURT_MS : PAUSE_MS) / pace);
            if (speaks)
                load->starts[talkspurts++] = packets;
        }
        int64_t delay = trace_record(window.trace, window.first + slot)[1];
        if (speaks)
            load->delays_us[packets++] = delay < 0 ? AUDIO_LOST : (uint32_t)delay;
    }
    call_ready(load, packets, talkspurts);
    return load;
}

static void rules_of(const double *p, void *ret_rules)
{
    *(struct audio_rules *)ret_rules = (struct audio_rules){
        .mean_gain = fixed_point(p[MEAN_GAIN], 0x1p20),
        .deviation_gain = fixed_point(p[DEVIATION_GAIN], 0x1p20),
        .deviations = fixed_point(p[DEVIATIONS], 0x1p20),
        .spike_deviations = fixed_point(p[SPIKE_DEVIATIONS], 0x1p20),
        .spike_threshold_us = fixed_point(p[SPIKE_THRESHOLD], 1000),
        .spike_exit_us = fixed_point(p[SPIKE_EXIT], 1000),
        .margin_us = fixed_point(p[MARGIN], 1000),
        .floor_us = fixed_point(p[FLOOR], 1000),
    };
}

RULES_FIT(audio_rules);
static const struct constant constants[] = {
    CONSTANT(audio_rules, mean_gain),          CONSTANT(audio_rules, deviation_gain),
    CONSTANT(audio_rules, deviations),         CONSTANT(audio_rules, spike_deviations),
    CONSTANT(audio_rules, spike_threshold_us), CONSTANT(audio_rules, spike_exit_us),
    CONSTANT(audio_rules, margin_us),          CONSTANT(audio_rules, floor_us),
};
extern const char audio_module[];

struct tuned {
    struct audio_rules rules;
    struct audio_state state;
};

static uint32_t tuned_playout_delay(void *context)
{
    const struct tuned *tuned = context;
    return audio_playout_delay(&tuned->rules, &tuned->state);
}

static void tuned_packet(void *context, uint32_t delay_us)
{
    struct tuned *tuned = context;
    audio_packet(&tuned->rules, &tuned->state, delay_us);
}

static double cost_of(const void *workload, const void *rules)
{
    struct tuned tuned = {.rules = *(const struct audio_rules *)rules};
    struct audio_policy policy = {tuned_playout_delay, tuned_packet, &tuned};
    return audio_impairment(&((const struct call_workload *)workload)->call, &policy);
}

static const char *const baseline_names[] = {"Kurose-Ross (u=.01, K=4)", "fixed 150 ms",
                                             "fixed 100 ms", "Ramjee 1", "Ramjee 4"};

static double baseline_cost(const void *workload, int which)
{
    enum { GAIN_KUROSE_ROSS = 10486, GAIN_RAMJEE_1 = 2095, GAIN_RAMJEE_4 = 131072, FOUR = 4 << 20 };
    static const struct audio_rules baselines[] = {
        {GAIN_KUROSE_ROSS, GAIN_KUROSE_ROSS, FOUR, 0, UINT32_MAX, 0, 0, 0},
        {.spike_threshold_us = UINT32_MAX, .floor_us = 150000},
        {.spike_threshold_us = UINT32_MAX, .floor_us = 100000},
        {GAIN_RAMJEE_1, GAIN_RAMJEE_1, FOUR, 0, UINT32_MAX, 0, 0, 0},
        {GAIN_RAMJEE_4, GAIN_RAMJEE_4, FOUR, FOUR, 100000, 7875, 0, 0},
    };
    return cost_of(workload, &baselines[which]);
}

static double bound_cost(const void *workload)
{
    return audio_least_impairment(&((const struct call_workload *)workload)->call);
}

enum { ASK_PLAYOUT_DELAY, TELL_PACKET };
static const struct operation operations[] = {
    [ASK_PLAYOUT_DELAY] =
        {"playout_delay_us", "uint32_t", "void *state",
         "How long after it was sent the talkspurt whose first packet just came shall be played, "
         "us."},
    [TELL_PACKET] =
        {"packet", "void", "void *state, uint32_t delay_us",
         "A packet came, this long after it was sent. To be told before the question above."},
};

static uint32_t asked_playout_delay(void *context)
{
    const struct module_state *state = context;
    struct module_call call = {.which = ASK_PLAYOUT_DELAY, .state = state->number};
    return (uint32_t)module_ask(state->module, &call);
}

static void told_packet(void *context, uint32_t delay_us)
{
    const struct module_state *state = context;
    struct module_call call = {
        .which = TELL_PACKET, .state = state->number, .arguments = {delay_us}};
    module_ask(state->module, &call);
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    struct module_state state;
    struct audio_policy policy = {asked_playout_delay, told_packet, &state};
    if (module_state_new(module, &state) < 0)
        return nan("");
    return audio_impairment(&((const struct call_workload *)workload)->call, &policy);
}

/* ── a program decides ── */

static const struct feature features[AUDIO_FEATURES] = {
    [AUDIO_MEAN] = {"mean", "us", "slow average of the network's delay, over 128 packets"},
    [AUDIO_DEVIATION] = {"deviation", "us", "slow average of the distance to it"},
    [AUDIO_FAST] = {"fast", "us", "fast average of the delay, over 8 packets"},
    [AUDIO_FAST_DEVIATION] = {"fast_deviation", "us", "fast average of the distance to that"},
    [AUDIO_HIGH] = {"high", "us", "about what 31 of 32 packets are below"},
    [AUDIO_HIGHEST] = {"highest", "us", "the highest, which falls by 1/256 a packet"},
    [AUDIO_LEAST] = {"least_delay", "us", "the least, which rises by 1/1024 a packet"},
    [AUDIO_LAST] = {"last", "us", "the last packet's"},
};

/* Kurose and Ross; a fixed buffer; and the two that are first thought of beyond them. */
static const char *const known[] = {"add mean scale 4096 deviation", "150000",
                                    "most 150000 add mean scale 4096 deviation", "high", NULL};

struct programmed {
    const struct program *program;
    struct audio_program state;
};

static uint32_t programmed_playout_delay(void *context)
{
    const struct programmed *programmed = context;
    int64_t f[AUDIO_FEATURES];
    audio_program_features(&programmed->state, f);
    return audio_program_answer(program_run(programmed->program, f));
}

static void programmed_packet(void *context, uint32_t delay_us)
{
    audio_program_packet(&((struct programmed *)context)->state, delay_us);
}

static double program_cost(const void *workload, const struct program *program)
{
    struct programmed programmed = {.program = program};
    struct audio_policy policy = {programmed_playout_delay, programmed_packet, &programmed};
    return audio_impairment(&((const struct call_workload *)workload)->call, &policy);
}

extern const char audio_program_text[];
static const struct program_frame frame = {.feature_count = AUDIO_FEATURES,
                                           .features = features,
                                           .text = audio_program_text,
                                           .known = known,
                                           .cost_of = program_cost};

const struct subject subject_audio = {
    .name = "audio",
    .specialization = "audio",
    .title = "playout delay of a call, between being late and being slow",
    .cost = "E-model impairment Id + Ie",
    .version = "3",
    .module = audio_module,
    .stateful = true,
    .frame = &frame,
    .workload_read = workload_read,
    .trace_kind = TRACE_DELAYS,
    .trace_least = TRACE_LEAST,
    SUBJECT_PARTS,
};

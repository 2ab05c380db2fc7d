/* graphics: when should a compositor start to draw the next frame?
 *
 * The question. The screen shows a new frame every 16.667 ms, at vblank. A compositor that starts
 * right after the last vblank is always in time, but shows what applications drew almost a period
 * ago. Starting late shows newer content (late latching), until a frame takes longer than expected:
 * then it comes a whole period late, and the eye sees a jerk. How long before vblank should it
 * start, if every frame costs something else and only the damaged area is known in advance?
 *
 * The model. Composing frame i takes c and starts L before its vblank, 0 <= L <= T. If c <= L, the
 * frame is shown at its vblank, and its content is L old. If not, it misses n = ceil((c-L)/T)
 * vblanks: its content is L + nT old, and the jank counts as T more. The cost is the mean of that
 * over all frames, in ms. Frames do not delay one another.
 *
 * The workload (synthetic; the priors are ours). One minute at 60 Hz.
 * c = (c0 + c1 * damaged share) * regime * noise, plus rare spikes. c0 is 0.5..4 ms, c1 is 1..14 ms
 * for a whole screen. What is shown changes every few seconds, and the damage with it, from a
 * cursor to the whole screen. The regime (the GPU's clock, and what else it is doing) changes less
 * often, to 0.7..1.8; the noise is lognormal AR(1); 0.15 to 1.2 % of frames take some 9 ms more (a
 * shader is compiled, a texture loaded).
 *
 * The policy. A frame's cost is predicted as a constant and so much for the damage, both learned by
 * normalised least mean squares (Widrow, Hoff 1960; Nagumo, Noda 1967). How far beyond that frames
 * go is counted in bins, and with this distribution the lead is a newsvendor's order: the least
 * expected cost by the model above, with one vblank missed or, for a frame that hardly fits into
 * any, two. What is tuned is how fast all that is learned, and what jank is taken to cost.
 *
 * Of a trace. Windows of its frames, a quarter of the half that they come from (10 s to a minute at
 * 60 Hz). A frame costs the time since the one before; nobody says what was damaged, so all was.
 *
 * What others do. Weston starts 7 ms before vblank. Mutter takes the greatest cost of recent frames
 * (originally of 16, as here; later of a second or two) plus 1 ms. KWin 5 takes the greatest in its
 * journal of 15, but no less than a share of the period that the user chooses, plus 3 ms: a quarter
 * here, its "low latency"; its default, half, would cost a third more than Weston.
 *
 * Known answer. If costs are independent and exponential with mean m, this is a newsvendor's
 * problem:
 * L + T e^(-L/m) (k + 1/(1 - e^(-T/m))), with a penalty of k = 1 periods, is least at
 * L* = m ln(T (k + 1/(1 - e^(-T/m))) / m).
 *
 * The bound. A clairvoyant starts exactly c before vblank. Since L + nT >= c, no frame costs less
 * than c. A frame with c > T misses whatever is done and costs at least c + T (by starting c - nT
 * before vblank). The mean of these is optimal on every trace. */
#include "policy/graphics/simulator.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "policy/elementary.h"
#include "policy/graphics/program.h"
#include "policy/module.h"
#include "policy/program.h"
#include "policy/random.h"
#include "policy/subject_table.h"

enum { FRAMES = 3600, SCREEN_PX = 1920 * 1080, PERIOD = GRAPHICS_PERIOD_US };

enum { RATE, DAMAGE_WEIGHT, SURPRISE, FORGET, JANK, PARAMETERS };

static const struct parameter parameters[PARAMETERS] = {
    [RATE] = {"rate", "", "share of an error that the next prediction takes back", 0.02, 1, true,
              false, 0.125},
    [DAMAGE_WEIGHT] = {"damage_weight", "", "how readily an error is put down to the damage", 0.5,
                       30, true, false, 1},
    [SURPRISE] = {"surprise", "", "a cost beyond the predicted by so much of it teaches no more",
                  0.1, 4, true, false, 4},
    [FORGET] = {"forget", "", "how much less a frame counts than the next", 0.0005, 0.1, true,
                false, 0.0625},
    [JANK] = {"jank", "periods", "what a late frame is taken to cost, besides its period", 0, 5,
              false, false, 1},
};

/* What the screen shows for some seconds: a cursor blinks, a page scrolls, a film runs. */
struct scene {
    uint32_t frames_left;
    double damage, flicker, full;
};

static uint32_t duration(struct random *random, double mean)
{
    return 1 + (uint32_t)random_exponential(random, mean);
}

static struct scene scene_new(struct random *random)
{
    struct scene scene = {.frames_left = duration(random, 150)};
    scene.damage = random_log_between(random, 0.025, 1);
    scene.flicker = random_between(random, 0, 0.6);
    scene.full = random_between(random, 0, 0.02);
    return scene;
}

static uint32_t damage_of(const struct scene *scene, struct random *random)
{
    double share = scene->damage * elementary_exp(scene->flicker * random_normal(random));
    if (random_uniform(random) < scene->full || share > 1)
        share = 1;
    return (uint32_t)(share * SCREEN_PX);
}

static void *workload_new(uint64_t seed)
{
    struct graphics_workload *load = malloc(sizeof *load + FRAMES * sizeof load->frames[0]);
    if (!load)
        return NULL;
    struct random random;
    random_seed(&random, seed);
    double fixed = random_log_between(&random, 0.5, 4);
    double screen = random_log_between(&random, 1, 14);
    double sigma = random_between(&random, 0.05, 0.18), memory = random_between(&random, 0.3, 0.9);
    double spikes = random_log_between(&random, 0.0015, 0.012);
    double regime = 1, noise = random_normal(&random);
    uint32_t regime_left = 0;
    struct scene scene = {0};
    load->count = FRAMES;
    for (uint32_t i = 0; i < FRAMES; i++) {
        if (scene.frames_left-- == 0)
            scene = scene_new(&random);
        if (regime_left-- == 0) {
            regime = random_log_between(&random, 0.7, 1.8);
            regime_left = duration(&random, 400);
        }
        noise = memory * noise + sqrt(1 - memory * memory) * random_normal(&random);
        uint32_t damage = damage_of(&scene, &random);
        double cost =
            (fixed + screen * damage / SCREEN_PX) * regime * elementary_exp(sigma * noise);
        if (random_uniform(&random) < spikes)
            cost += random_exponential(&random, 9);
        load->frames[i] = (struct graphics_frame){1 + (uint32_t)(cost * 1000), damage};
    }
    return load;
}

/* ── workloads of a trace ── */

enum { WINDOW_LEAST = 600, WINDOW_MOST = FRAMES, TRACE_LEAST = 100 };

static void *workload_read(const struct trace_part *part, uint64_t seed)
{
    size_t length = part->count / 4;
    length = length < WINDOW_LEAST ? WINDOW_LEAST : length > WINDOW_MOST ? WINDOW_MOST : length;
    struct trace_part window = trace_window(part, seed, length);
    struct graphics_workload *load = malloc(sizeof *load + window.count * sizeof load->frames[0]);
    if (!load)
        return NULL;
    load->count = (uint32_t)window.count;
    for (size_t i = 0; i < window.count; i++) {
        int64_t took = *trace_record(window.trace, window.first + i);
        load->frames[i] = (struct graphics_frame){(uint32_t)(took > 0 ? took : 1), SCREEN_PX};
    }
    return load;
}

double graphics_mean_cost(const struct graphics_workload *workload,
                          const struct graphics_policy *policy)
{
    assert(workload->count > 0);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < workload->count; i++) {
        const struct graphics_frame *frame = &workload->frames[i];
        uint32_t lead = policy->lead_us(policy->context, frame->damage_px), missed = 0;
        if (lead > PERIOD)
            lead = PERIOD;
        if (frame->cost_us > lead)
            missed = (frame->cost_us - lead + PERIOD - 1) / PERIOD;
        sum += lead + (uint64_t)missed * PERIOD + (missed ? PERIOD : 0);
        if (policy->done)
            policy->done(policy->context, frame->cost_us, missed);
    }
    return (double)sum / workload->count / 1000;
}

static void rules_of(const double *p, void *ret_rules)
{
    *(struct graphics_rules *)ret_rules = (struct graphics_rules){
        .rate = fixed_point(p[RATE], 0x1p20),
        .damage_weight = fixed_point(p[DAMAGE_WEIGHT], 0x1p16),
        .surprise = fixed_point(p[SURPRISE], 0x1p16),
        .forget = fixed_point(p[FORGET], 0x1p20),
        .jank_us = fixed_point(p[JANK], PERIOD),
    };
}

RULES_FIT(graphics_rules);
static const struct constant constants[] = {
    CONSTANT(graphics_rules, rate),     CONSTANT(graphics_rules, damage_weight),
    CONSTANT(graphics_rules, surprise), CONSTANT(graphics_rules, forget),
    CONSTANT(graphics_rules, jank_us),
};
extern const char graphics_module[];

struct tuned {
    struct graphics_rules rules;
    struct graphics_state state;
};

static uint32_t tuned_lead(void *context, uint32_t damage_px)
{
    struct tuned *tuned = context;
    return graphics_lead(&tuned->rules, &tuned->state, damage_px);
}

static void tuned_done(void *context, uint32_t cost_us, uint32_t missed)
{
    (void)missed;
    struct tuned *tuned = context;
    graphics_done(&tuned->rules, &tuned->state, cost_us);
}

static double cost_of(const void *workload, const void *rules)
{
    struct tuned tuned = {.rules = *(const struct graphics_rules *)rules};
    graphics_reset(&tuned.state);
    struct graphics_policy policy = {tuned_lead, tuned_done, &tuned};
    return graphics_mean_cost(workload, &policy);
}

/* The greatest cost of the last frames, not below `least`, and a constant on top. With nothing to
 * remember, and so nothing to take the greatest of, that is a fixed window. */
enum { JOURNAL_MAX = 16 };
struct journal {
    uint32_t size, constant, least;
    uint32_t count, costs[JOURNAL_MAX];
};

static uint32_t journal_lead(void *context, uint32_t damage_px)
{
    (void)damage_px;
    const struct journal *journal = context;
    uint32_t greatest = journal->least;
    for (uint32_t i = 0; i < journal->size; i++)
        if (journal->costs[i] > greatest)
            greatest = journal->costs[i];
    return greatest + journal->constant;
}

static void journal_done(void *context, uint32_t cost_us, uint32_t missed)
{
    (void)missed;
    struct journal *journal = context;
    if (journal->size > 0)
        journal->costs[journal->count++ % journal->size] = cost_us;
}

static const char *const baseline_names[] = {"7 ms window (Weston)", "max of 16 (Mutter-like)",
                                             "KWin-like", "compose at vblank"};

static double baseline_cost(const void *workload, int which)
{
    static const struct journal journals[] = {
        {.constant = 7000},
        {.size = 16, .constant = 1000},
        {.size = 15, .constant = 3000, .least = PERIOD / 4},
        {.constant = PERIOD},
    };
    struct journal journal = journals[which];
    struct graphics_policy policy = {journal_lead, journal_done, &journal};
    return graphics_mean_cost(workload, &policy);
}

static double bound_cost(const void *workload)
{
    const struct graphics_workload *load = workload;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        uint32_t cost = load->frames[i].cost_us;
        sum += cost + (cost > PERIOD ? PERIOD : 0);
    }
    return (double)sum / load->count / 1000;
}

enum { ASK_REPAINT_LEAD, TELL_FRAME_DONE };
static const struct operation operations[] = {
    [ASK_REPAINT_LEAD] =
        {"repaint_lead_us", "uint32_t", "void *state, uint32_t damage_px",
         "When to start composing a frame with that many pixels to draw: us before its vblank."},
    [TELL_FRAME_DONE] = {"frame_done", "void", "void *state, uint32_t cost_us, uint32_t missed",
                         "That frame took this long, and was shown this many vblanks too late."},
};

static uint32_t asked_lead(void *context, uint32_t damage_px)
{
    const struct module_state *state = context;
    struct module_call call = {
        .which = ASK_REPAINT_LEAD, .state = state->number, .arguments = {damage_px}};
    return (uint32_t)module_ask(state->module, &call);
}

static void told_done(void *context, uint32_t cost_us, uint32_t missed)
{
    const struct module_state *state = context;
    struct module_call call = {
        .which = TELL_FRAME_DONE, .state = state->number, .arguments = {cost_us, missed}};
    module_ask(state->module, &call);
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    struct module_state state;
    struct graphics_policy policy = {asked_lead, told_done, &state};
    return module_state_new(module, &state) < 0 ? nan("") : graphics_mean_cost(workload, &policy);
}

/* ── a program decides ── */

static const struct feature features[GRAPHICS_FEATURES] = {
    [GRAPHICS_DAMAGE] = {"damage", "1/1024 of a screen", "what is to be drawn"},
    [GRAPHICS_PREDICTED] = {"predicted", "us", "its cost, by a line over the damage"},
    [GRAPHICS_MEAN] = {"mean", "us", "slow average of costs, over 64 frames"},
    [GRAPHICS_DEVIATION] = {"deviation", "us", "what predictions were off by, over 32 frames"},
    [GRAPHICS_FAST] = {"fast", "us", "fast average of costs, over 4 frames"},
    [GRAPHICS_HIGH] = {"high", "us", "about what 15 of 16 frames stay below, over the prediction"},
    [GRAPHICS_HIGHEST] = {"highest", "us", "the highest cost, which falls by 1/32 a frame"},
    [GRAPHICS_LAST] = {"last", "us", "the last frame's cost"},
    [GRAPHICS_LATE] = {"late", "1/1024", "share of frames that came late, over 32"},
};

/* Weston's window; what Mutter does; and a prediction with a reserve. */
static const char *const known[] = {"7000", "add highest 1000", "add predicted high",
                                    "add predicted scale 2048 deviation", NULL};

struct programmed {
    const struct program *program;
    struct graphics_program state;
};

static uint32_t programmed_lead(void *context, uint32_t damage_px)
{
    struct programmed *programmed = context;
    int64_t f[GRAPHICS_FEATURES];
    graphics_program_asked(&programmed->state, damage_px, f);
    return graphics_program_answer(&programmed->state, program_run(programmed->program, f));
}

static void programmed_done(void *context, uint32_t cost_us, uint32_t missed)
{
    graphics_program_done(&((struct programmed *)context)->state, cost_us, missed);
}

static double program_cost(const void *workload, const struct program *program)
{
    struct programmed programmed = {.program = program};
    struct graphics_policy policy = {programmed_lead, programmed_done, &programmed};
    return graphics_mean_cost(workload, &policy);
}

extern const char graphics_program_text[];
static const struct program_frame frame = {.feature_count = GRAPHICS_FEATURES,
                                           .features = features,
                                           .text = graphics_program_text,
                                           .known = known,
                                           .cost_of = program_cost};

const struct subject subject_graphics = {
    .name = "graphics",
    .specialization = "graphics",
    .title = "start of composing before vblank, by predicted cost and its errors",
    .cost = "latency and jank, ms a frame",
    .version = "5",
    .module = graphics_module,
    .frame = &frame,
    .workload_read = workload_read,
    .trace_kind = TRACE_FRAMES,
    .trace_least = TRACE_LEAST,
    .stateful = true,
    SUBJECT_PARTS,
};

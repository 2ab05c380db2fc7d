/* size_classes: which object sizes an allocator should keep slabs for.
 *
 * The question. An allocator rounds a request up to one of a few sizes, so that freed memory fits
 * the next request. With few classes memory is wasted inside the objects (internal fragmentation);
 * with many, each class leaves a slab that is half empty. Which eleven sizes should there be below
 * the largest one?
 *
 * The model. 16,000 allocations and frees in a slab allocator (slab.c). The cost is wasted to
 * requested bytes: bytes in slabs that nobody asked for, over bytes requested and in use, both
 * summed over time. All sizes are multiples of 16 bytes. 8,192, the largest request, is always a
 * class.
 *
 * The workload (synthetic; the ranges are our choice). Most requests, 0.7..0.9 of them, are for 16
 * kinds of objects out of 32 whose sizes are like those Linux shows in /proc/slabinfo: spikes. The
 * rest come from two lognormals, names and buffers. Of each, 0.5..0.9 live long and keep slabs
 * open; the others are freed after 20..200 events on average.
 *
 * Known answers. On uniform sizes powers of two waste a quarter of what they reserve. Four classes
 * per doubling, jemalloc's choice, waste at most a fifth inside an object. Finding the best classes
 * for known requests takes no search but a dynamic programme, O(K n^2) for K classes out of n
 * sizes, exact for what is wasted inside objects and at the ends of slabs: `solve` runs it on the
 * training workloads. The bound runs it on the workload itself, for what is wasted inside objects
 * alone; slabs can only add to that, so nothing with twelve classes wastes less. jemalloc's 32
 * classes are a larger budget, shown for comparison: what it saves inside objects it pays for in
 * half-empty slabs. */
#include "policy/size_classes/simulator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "policy/elementary.h"
#include "policy/module.h"
#include "policy/random.h"
#include "policy/size_classes/class_programme.h"
#include "policy/size_classes/rules.h"
#include "policy/subject_table.h"

enum { EVENTS = 16000 };

#define CLASS(name, textbook)                                                                      \
    {                                                                                              \
        name, "bytes", "a class, rounded to a multiple of 16; in any order", SIZE_QUANTUM,         \
            SLAB_OBJECT_MAX, true, true, textbook                                                  \
    }
/* The textbook setting is that of Linux' kmalloc, whose twelfth class is 8,192 too. */
static const struct parameter parameters[SIZE_TUNED] = {
    CLASS("class_1", 16),   CLASS("class_2", 32),    CLASS("class_3", 64),   CLASS("class_4", 96),
    CLASS("class_5", 128),  CLASS("class_6", 192),   CLASS("class_7", 256),  CLASS("class_8", 512),
    CLASS("class_9", 1024), CLASS("class_10", 2048), CLASS("class_11", 4096)};

/* Where requests come from. */
struct source {
    double share;
    double median, sigma; /* of the sizes; a spike has no sigma */
    double stays;         /* share that lives long */
};

enum { KINDS = 32, KINDS_USED = 16, LOGNORMALS = 2, SOURCES = KINDS_USED + LOGNORMALS };
static const uint16_t kinds[KINDS] = {32,  40,  48,  56,  64,   72,   80,   104,  112,  128, 144,
                                      168, 192, 200, 232, 256,  288,  384,  448,  576,  600, 640,
                                      680, 704, 760, 832, 1024, 1088, 1152, 2112, 2304, 4160};

static void draw_sources(struct random *random, struct source *ret_sources)
{
    double spikes = random_between(random, 0.7, 0.9), total = 0;
    uint16_t order[KINDS];
    memcpy(order, kinds, sizeof kinds);
    for (int i = 0; i < KINDS_USED; i++) {
        int other = i + (int)random_below(random, (uint64_t)(KINDS - i));
        uint16_t kind = order[other];
        order[other] = order[i];
        ret_sources[i] = (struct source){.share = random_exponential(random, 1), .median = kind};
        total += ret_sources[i].share;
    }
    for (int i = 0; i < KINDS_USED; i++)
        ret_sources[i].share *= spikes / total;
    double names = random_between(random, 0.3, 0.7) * (1 - spikes);
    ret_sources[KINDS_USED] = (struct source){
        .share = names, .median = random_log_between(random, 32, 128), .sigma = 0.6};
    ret_sources[KINDS_USED + 1] = (struct source){
        .share = 1 - spikes - names, .median = random_log_between(random, 256, 2048), .sigma = 0.8};
    for (int i = 0; i < SOURCES; i++)
        ret_sources[i].stays = random_between(random, 0.5, 0.9);
}

static const struct source *draw_source(struct random *random, const struct source *sources)
{
    double dice = random_uniform(random);
    int i = 0;
    while (i < SOURCES - 1 && (dice -= sources[i].share) >= 0)
        i++;
    return &sources[i];
}

static uint16_t draw_size(struct random *random, const struct source *source)
{
    double size = source->median;
    if (source->sigma > 0)
        size *= elementary_exp(source->sigma * random_normal(random));
    return (uint16_t)(size < 1 ? 1 : size > SLAB_OBJECT_MAX ? SLAB_OBJECT_MAX : size);
}

/* One workload in the making. */
enum { NOBODY = UINT16_MAX };
struct generator {
    struct random random;
    struct source sources[SOURCES];
    double shortly, long_time;                /* mean lifetimes, in events */
    uint16_t due[EVENTS];                     /* one of the objects to be freed then, or later */
    uint16_t next_due[EVENTS], sizes[EVENTS]; /* of each object */
};

static void add_allocation(struct generator *g, struct size_workload *load, uint32_t now)
{
    const struct source *source = draw_source(&g->random, g->sources);
    uint32_t object = load->objects++, size = draw_size(&g->random, source);
    double mean = random_uniform(&g->random) < source->stays ? g->long_time : g->shortly;
    double end = now + 1 + random_exponential(&g->random, mean);
    if (end < EVENTS) {
        g->next_due[object] = g->due[(uint32_t)end];
        g->due[(uint32_t)end] = (uint16_t)object;
    }
    g->sizes[object] = (uint16_t)size;
    load->events[now] = (struct slab_event){size, object};
}

/* What is due is freed first. Whoever is allocated is counted to the end, and taken off again when
 * it is freed. */
static void generate(struct generator *g, struct size_workload *load)
{
    uint32_t over = 0; /* nobody is due earlier */
    memset(g->due, 0xff, sizeof g->due);
    for (uint32_t now = 0; now < EVENTS; now++) {
        while (over < now && g->due[over] == NOBODY)
            over++;
        uint16_t object = g->due[over];
        double left = EVENTS - now;
        if (object != NOBODY) {
            g->due[over] = g->next_due[object];
            load->events[now] = (struct slab_event){.object = object};
            left = -left;
        } else {
            add_allocation(g, load, now);
            object = load->events[now].object;
        }
        load->requested += g->sizes[object] * left;
        load->lifetimes[(g->sizes[object] - 1) / SIZE_QUANTUM] += left;
    }
}

static void *workload_new(uint64_t seed)
{
    struct size_workload *load = calloc(1, sizeof *load + EVENTS * sizeof load->events[0]);
    struct generator *g = malloc(sizeof *g);
    if (!load || !g) {
        free(load);
        free(g);
        return NULL;
    }
    load->count = EVENTS;
    random_seed(&g->random, seed);
    draw_sources(&g->random, g->sources);
    g->shortly = random_log_between(&g->random, 20, 200);
    g->long_time = random_log_between(&g->random, 10000, 40000);
    generate(g, load);
    free(g);
    return load;
}

/* ── workloads of a trace ── */

enum { TRACE_LEAST = 500, WINDOW_LEAST = 4000, WINDOW_MOST = 64000, WHOLE_MOST = SLAB_OBJECTS_MAX };

/* Takes over what the window has of objects for slabs: those that are too large are none, and of
 * those that were there before nothing is known. `known` has a place for each object of the window,
 * and what it is in the workload, or SLAB_OBJECTS_MAX. */
static void take_events(const struct trace_part *window, uint32_t *known,
                        struct size_workload *load)
{
    int64_t first = -1; /* object that is allocated in the window */
    for (size_t i = 0; i < window->count; i++) {
        const int64_t *record = trace_record(window->trace, window->first + i);
        int64_t object = record[0], size = record[1];
        if (size > 0) {
            first = first < 0 ? object : first;
            known[object - first] = size <= SLAB_OBJECT_MAX ? load->objects++ : SLAB_OBJECTS_MAX;
        }
        uint32_t local = first >= 0 && object >= first ? known[object - first] : SLAB_OBJECTS_MAX;
        if (local < SLAB_OBJECTS_MAX)
            load->events[load->count++] = (struct slab_event){(uint32_t)size & 0x3fff, local};
    }
}

/* What is asked for and for how long, as generate() counts it. */
static void count_requests(struct size_workload *load, uint32_t *sizes)
{
    for (uint32_t now = 0; now < load->count; now++) {
        const struct slab_event *event = &load->events[now];
        double left = load->count - now;
        if (event->size > 0)
            sizes[event->object] = event->size;
        else
            left = -left;
        uint32_t size = sizes[event->object];
        load->requested += size * left;
        load->lifetimes[(size - 1) / SIZE_QUANTUM] += left;
    }
}

static void *workload_read(const struct trace_part *part, uint64_t seed)
{
    size_t length = part->count / 4;
    length = length < WINDOW_LEAST ? WINDOW_LEAST : length > WINDOW_MOST ? WINDOW_MOST : length;
    struct trace_part window = trace_window(part, seed, length);
    if (window.count >= WHOLE_MOST)
        window.count = WHOLE_MOST - 1;
    struct size_workload *load = calloc(1, sizeof *load + window.count * sizeof load->events[0]);
    uint32_t *numbers = calloc(window.count, sizeof *numbers);
    if (load && numbers) {
        take_events(&window, numbers, load);
        count_requests(load, numbers);
    } else {
        free(load);
        load = NULL;
    }
    free(numbers);
    return load;
}

static void rules_of(const double *p, void *ret_rules)
{
    uint32_t *ret_sizes = ((struct size_table *)ret_rules)->sizes;
    for (uint32_t i = 0; i < SIZE_TUNED; i++) {
        uint32_t size = SIZE_QUANTUM * (uint32_t)floor(p[i] / SIZE_QUANTUM + 0.5), at = i;
        for (; at > 0 && ret_sizes[at - 1] > size; at--)
            ret_sizes[at] = ret_sizes[at - 1];
        ret_sizes[at] = size;
    }
    ret_sizes[SIZE_TUNED] = SLAB_OBJECT_MAX;
}

RULES_FIT(size_table);
static const struct constant constants[] = {
    CONSTANT(size_table, sizes),
};
extern const char size_classes_module[];

static double waste(const struct size_workload *load, const struct slab_policy *policy)
{
    int64_t reserved = slab_reserved(load->events, load->count, load->objects, policy);
    return reserved < 0 ? nan("") : ((double)reserved - load->requested) / load->requested;
}

static uint32_t ruled_class(const void *rules, uint32_t size)
{
    return size_classes_of(rules, size);
}

double size_classes_waste(const struct size_workload *load, const uint32_t *sizes, uint32_t count)
{
    struct size_classes_rules rules = {count, sizes};
    return waste(load, &(struct slab_policy){count, sizes, ruled_class, &rules});
}

static double cost_of(const void *workload, const void *rules)
{
    return size_classes_waste(workload, ((const struct size_table *)rules)->sizes, SIZE_CLASSES);
}

static const char *const baseline_names[] = {"powers of two", "kmalloc", "jemalloc, 32 classes"};
static const struct {
    uint32_t count, sizes[SLAB_CLASSES_MAX];
} baselines[] = {
    {10, {16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192}},
    {12, {16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192}},
    {32,
     {16,  32,  48,  64,   80,   96,   112,  128,  160,  192,  224,  256,  320,  384,  448,  512,
      640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192}},
};

static double baseline_cost(const void *workload, int which)
{
    return size_classes_waste(workload, baselines[which].sizes, baselines[which].count);
}

static uint32_t size_of_step(uint32_t step)
{
    return (step + 1) * SIZE_QUANTUM;
}

static double bound_cost(const void *workload)
{
    const struct size_workload *load = workload;
    double charges[SIZE_STEPS];
    uint32_t chosen[SIZE_CLASSES];
    for (uint32_t i = 0; i < SIZE_STEPS; i++)
        charges[i] = size_of_step(i);
    double reserved = class_programme(load->lifetimes, charges, SIZE_STEPS, SIZE_CLASSES, chosen);
    return (reserved - load->requested) / load->requested;
}

/* A score is the mean over workloads of the cost to the textbook's, so a byte weighs as much as it
 * does there. A byte of an object's class costs its share of a slab's tail too. */
static int solve(const void *const *workloads, size_t count, double *ret_parameters)
{
    double weights[SIZE_STEPS] = {0}, charges[SIZE_STEPS];
    uint32_t chosen[SIZE_CLASSES];
    for (uint32_t i = 0; i < SIZE_STEPS; i++) {
        uint32_t bytes = slab_bytes(size_of_step(i)), objects = bytes / size_of_step(i);
        charges[i] = (double)bytes / objects;
    }
    for (size_t w = 0; w < count; w++) {
        const struct size_workload *load = workloads[w];
        double textbook = baseline_cost(load, 0);
        if (isnan(textbook))
            return -1;
        for (uint32_t i = 0; i < SIZE_STEPS; i++)
            weights[i] += load->lifetimes[i] / load->requested / textbook;
    }
    if (isnan(class_programme(weights, charges, SIZE_STEPS, SIZE_CLASSES, chosen)))
        return -1;
    for (uint32_t i = 0; i < SIZE_TUNED; i++)
        ret_parameters[i] = size_of_step(chosen[i]);
    return 0;
}

enum { ASK_CLASS_COUNT, ASK_CLASS_SIZE, ASK_CLASS_OF };
static const struct operation operations[] = {
    [ASK_CLASS_COUNT] = {"class_count", "uint32_t", "void",
                         "The classes are numbered 0..class_count() - 1, the smallest first."},
    [ASK_CLASS_SIZE] = {"class_size", "uint32_t", "uint32_t which",
                        "The bytes of an object of this class."},
    [ASK_CLASS_OF] =
        {"class_of", "uint32_t", "uint32_t size",
         "The class that serves a request of so many bytes: the least that is large enough. What "
         "is larger than the largest class is not for slabs."},
};

/* What a compiled policy answers, made into classes that hold what is put into them. */
struct answers {
    uint32_t count, sizes[SIZE_CLASSES];
    const struct compiled_policy *module;
};

static uint32_t asked_class(const void *context, uint32_t size)
{
    const struct answers *answers = context;
    struct module_call call = {.which = ASK_CLASS_OF, .arguments = {size}};
    uint32_t class = (uint32_t)module_ask(answers->module, &call), fits = answers->count - 1;
    if (class < answers->count && answers->sizes[class] >= size)
        return class;
    for (uint32_t i = 0; i < answers->count; i++)
        if (answers->sizes[i] >= size && answers->sizes[i] < answers->sizes[fits])
            fits = i;
    return fits;
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    struct answers answers = {.module = module};
    struct module_call how_many = {.which = ASK_CLASS_COUNT};
    uint32_t count = (uint32_t)module_ask(module, &how_many);
    answers.count = count < 1 ? 1 : count < SIZE_CLASSES ? count : SIZE_CLASSES;
    for (uint32_t i = 0; i < answers.count; i++) {
        struct module_call call = {.which = ASK_CLASS_SIZE, .arguments = {i}};
        uint32_t size = (uint32_t)module_ask(module, &call);
        size = size < 1 ? 1 : size < SLAB_OBJECT_MAX ? size : SLAB_OBJECT_MAX;
        answers.sizes[i] = (size + SIZE_QUANTUM - 1) / SIZE_QUANTUM * SIZE_QUANTUM;
    }
    answers.sizes[answers.count - 1] = SLAB_OBJECT_MAX;
    return waste(workload,
                 &(struct slab_policy){answers.count, answers.sizes, asked_class, &answers});
}

const struct subject subject_size_classes = {
    .name = "size_classes",
    .specialization = "performance",
    .title = "size classes of a slab allocator",
    .cost = "waste to requested bytes",
    .version = "2",
    .solve = solve,
    .workload_read = workload_read,
    .trace_kind = TRACE_ALLOCATIONS,
    .trace_least = TRACE_LEAST,
    .module = size_classes_module,
    SUBJECT_PARTS,
};

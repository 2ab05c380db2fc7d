/* file_system: which page to evict when the page cache is full.
 *
 * The question. A page wanted once must not push out one that is wanted often, but nobody knows yet
 * which is which. With LRU a single long scan flushes everything. S3-FIFO makes newcomers prove
 * themselves in a small queue. How small should it be, how many hits are proof, how long is an
 * evicted page remembered, are hits right after the first just one visit, and which runs are scans?
 * And when does LRU do better?
 *
 * The model. Pages of one size, a cache of 128..1024 frames, 40,000 references. The cost is the
 * miss ratio, cold misses included. Every missed page is brought in (there is no bypass), by every
 * policy and by the bound.
 *
 * The workload (synthetic). Zipf (exponent 0.7..1.1) over 12,000 pages whose popularity drifts;
 * 2..15 % of references go to pages that are never seen again, up to 20 % to one of the last few
 * pages; sequential scans of 100..2,000 pages; loops over 0.3..1.6 times the cache. How often these
 * occur (below) is our choice, made so that LRU, CLOCK, ARC and S3-FIFO compare about as they do on
 * published traces. S3-FIFO: Yang et al., SOSP 2023; ARC: Megiddo, Modha 2003.
 *
 * Of a trace. Windows of its references, three quarters of the half that they come from (20,000 to
 * 200,000), each from an empty cache, of so many pages as one says, or of 1..10 % of the window's
 * distinct blocks.
 *
 * Known answers. Under independent references LRU follows Che's approximation, and FIFO the fixed
 * point of RANDOM (Gelenbe 1973). On a loop one page longer than the cache, LRU, FIFO and ARC
 * always miss. Belady's MIN is optimal on every trace: the bound. */
#include "policy/file_system/simulator.h"

#include <math.h>
#include <stdlib.h>

#include "policy/file_system/program.h"
#include "policy/module.h"
#include "policy/program.h"
#include "policy/random.h"
#include "policy/subject_table.h"
#include "policy/zipf.h"

enum { REFERENCES = 40000, POPULAR = 12000, FILES = 20000, RECENT = 32 };
enum { PAGES = POPULAR + FILES + REFERENCES };

enum {
    SMALL,
    PROMOTE,
    GHOST,
    CAP,
    CORRELATED,
    RUN,
    SMALL_LAG,
    MAIN_LAG,
    DUELS,
    MARGIN,
    PARAMETERS
};

static const struct parameter parameters[PARAMETERS] = {
    [SMALL] = {"small", "of the cache", "newcomers' queue", 0.01, 1, true, false, 0.1},
    [PROMOTE] = {"promote", "hits", "hits that prove a newcomer; 8: none do", 1, 8, true, true, 2},
    [GHOST] = {"ghost", "of the cache", "numbers of pages remembered after they left", 0.02, 4,
               true, false, 0.9},
    [CAP] = {"cap", "hits", "hits remembered of a page", 1, 7, false, true, 3},
    [CORRELATED] = {"correlated", "of small", "newcomers' share that must follow before hits count",
                    0, 0.95, false, false, 0},
    [RUN] = {"run", "pages", "sequential run from which on pages are dropped behind", 2, 512, true,
             true, 512},
    [SMALL_LAG] = {"small_lag", "of small",
                   "newcomers' share that must follow before a hit makes a page newest again", 0, 1,
                   false, false, 1},
    [MAIN_LAG] = {"main_lag", "of main", "the same of the main queue", 0, 1, false, false, 1},
    [DUELS] = {"duels", "of the cache",
               "references missed by S3-FIFO or LRU alone that are counted", 0.005, 16, true, false,
               1},
    [MARGIN] = {"margin", "deviations", "lead in them, of a coin's, that changes which is followed",
                0, 3, false, false, 2},
};

/* One workload in the making. */
struct generator {
    struct random random;
    struct zipf zipf;
    uint32_t *page_of_rank;
    uint32_t capacity, fresh; /* pages below are new; downwards, so that they make no runs */
    double one_hit, correlated, drift, scan, loop;
    uint32_t *pages, count;
};

static void add(struct generator *g, uint32_t page)
{
    if (g->count < REFERENCES)
        g->pages[g->count++] = page;
}

/* Passes over consecutive pages of some file. */
static void add_run(struct generator *g, uint32_t length, uint32_t passes)
{
    uint32_t start = POPULAR + (uint32_t)random_below(&g->random, FILES - length);
    for (uint32_t pass = 0; pass < passes; pass++)
        for (uint32_t i = 0; i < length; i++)
            add(g, start + i);
}

static void add_loop(struct generator *g)
{
    uint32_t length = (uint32_t)(g->capacity * random_between(&g->random, 0.3, 1.6));
    uint32_t passes = 3 + (uint32_t)random_below(&g->random, 6);
    add_run(g, length, passes);
}

static void add_popular(struct generator *g)
{
    /* Now and then somebody's page is forgotten and another comes up. */
    if (random_uniform(&g->random) < g->drift) {
        uint32_t a = zipf_draw(&g->zipf, &g->random);
        uint32_t b = (uint32_t)random_below(&g->random, POPULAR);
        uint32_t page = g->page_of_rank[a];
        g->page_of_rank[a] = g->page_of_rank[b];
        g->page_of_rank[b] = page;
    }
    add(g, g->page_of_rank[zipf_draw(&g->zipf, &g->random)]);
}

static void generate(struct generator *g)
{
    /* A random order, so that neighbours in rank are no run. */
    for (uint32_t rank = 0; rank < POPULAR; rank++) {
        uint32_t other = (uint32_t)random_below(&g->random, rank + 1);
        g->page_of_rank[rank] = g->page_of_rank[other];
        g->page_of_rank[other] = rank;
    }
    while (g->count < REFERENCES) {
        double dice = random_uniform(&g->random);
        if ((dice -= g->scan) < 0)
            add_run(g, 100 + (uint32_t)random_below(&g->random, 1901), 1);
        else if ((dice -= g->loop) < 0)
            add_loop(g);
        else if ((dice -= g->one_hit) < 0)
            add(g, --g->fresh);
        else if (dice < g->correlated && g->count >= RECENT)
            add(g, g->pages[g->count - 1 - random_below(&g->random, RECENT)]);
        else
            add_popular(g);
    }
}

static void *workload_new(uint64_t seed)
{
    struct file_workload *load = malloc(sizeof *load + REFERENCES * sizeof load->pages[0]);
    struct generator g = {.fresh = PAGES, .page_of_rank = malloc(POPULAR * sizeof(uint32_t))};
    random_seed(&g.random, seed);
    g.capacity = (uint32_t)random_log_between(&g.random, 128, 1024);
    if (!load || !g.page_of_rank ||
        zipf_init(&g.zipf, POPULAR, random_between(&g.random, 0.7, 1.1)) < 0) {
        free(load);
        free(g.page_of_rank);
        return NULL;
    }
    g.one_hit = random_between(&g.random, 0.02, 0.15);
    g.correlated = random_between(&g.random, 0, 0.2);
    g.drift = random_between(&g.random, 0, 0.01);
    g.scan = random_between(&g.random, 0, 0.4) / 1050;
    g.loop = random_between(&g.random, 0, 0.2) / (0.95 * 5.5 * g.capacity);
    g.pages = load->pages;
    generate(&g);
    load->trace = (struct references){
        .capacity = g.capacity, .page_count = PAGES, .count = REFERENCES, .pages = load->pages};
    zipf_clear(&g.zipf);
    free(g.page_of_rank);
    return load;
}

/* ── workloads of a trace ── */

enum { WINDOW_LEAST = 20000, WINDOW_MOST = 200000, TRACE_LEAST = 100 };

static int compare_blocks(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* The blocks of a window as pages: neighbours stay neighbours, and any gap between others becomes
 * one of a page that nobody asks for. */
struct numbering {
    int64_t *blocks; /* distinct, in order */
    uint32_t *pages; /* of each block */
    uint32_t count;
};

static int number_blocks(struct numbering *numbering, const struct trace_part *window)
{
    int64_t *blocks = malloc(window->count * sizeof *blocks);
    numbering->pages = malloc(window->count * sizeof *numbering->pages);
    numbering->blocks = blocks;
    if (!blocks || !numbering->pages)
        return -1;
    for (size_t i = 0; i < window->count; i++)
        blocks[i] = *trace_record(window->trace, window->first + i);
    qsort(blocks, window->count, sizeof *blocks, compare_blocks);
    uint32_t page = 0, count = 0;
    for (size_t i = 0; i < window->count; i++) {
        if (count > 0 && blocks[i] == blocks[count - 1])
            continue;
        if (count > 0)
            page += (uint64_t)blocks[i] - (uint64_t)blocks[count - 1] == 1 ? 1 : 2;
        blocks[count] = blocks[i];
        numbering->pages[count++] = page;
    }
    numbering->count = count;
    return 0;
}

static uint32_t page_of(const struct numbering *numbering, int64_t block)
{
    const int64_t *at = bsearch(&block, numbering->blocks, numbering->count,
                                sizeof *numbering->blocks, compare_blocks);
    return numbering->pages[at - numbering->blocks];
}

static uint32_t capacity_of(const struct trace_options *options, uint32_t blocks, uint64_t seed)
{
    struct random random;
    random_seed(&random, ~seed); /* apart from the draw of the window */
    double share =
        options->cache_share > 0 ? options->cache_share : random_log_between(&random, 0.01, 0.1);
    double frames = options->cache_pages > 0 ? options->cache_pages : floor(share * blocks);
    return frames < 1 ? 1 : frames > blocks ? blocks : (uint32_t)frames;
}

static void *workload_read(const struct trace_part *part, uint64_t seed)
{
    size_t length = part->count / 4 * 3;
    length = length < WINDOW_LEAST ? WINDOW_LEAST : length > WINDOW_MOST ? WINDOW_MOST : length;
    struct trace_part window = trace_window(part, seed, length);
    struct file_workload *load = malloc(sizeof *load + window.count * sizeof load->pages[0]);
    struct numbering numbering = {0};
    if (!load || number_blocks(&numbering, &window) < 0) {
        free(load);
        load = NULL;
    } else {
        for (size_t i = 0; i < window.count; i++)
            load->pages[i] = page_of(&numbering, *trace_record(window.trace, window.first + i));
        load->trace =
            (struct references){.capacity = capacity_of(window.options, numbering.count, seed),
                                .page_count = numbering.pages[numbering.count - 1] + 1,
                                .count = (uint32_t)window.count,
                                .pages = load->pages};
    }
    free(numbering.blocks);
    free(numbering.pages);
    return load;
}

static void rules_of(const double *p, void *ret_rules)
{
    *(struct file_system_rules *)ret_rules =
        (struct file_system_rules){.small = fixed_point(p[SMALL], 65536),
                                   .ghost = fixed_point(p[GHOST], 65536),
                                   .correlated = fixed_point(p[CORRELATED], 65536),
                                   .promote = fixed_point(p[PROMOTE], 1),
                                   .cap = fixed_point(p[CAP], 1),
                                   .run = fixed_point(p[RUN], 1),
                                   .small_lag = fixed_point(p[SMALL_LAG], 65536),
                                   .main_lag = fixed_point(p[MAIN_LAG], 65536),
                                   .duels = fixed_point(p[DUELS], 65536),
                                   .margin = fixed_point(p[MARGIN], 256)};
}

RULES_FIT(file_system_rules);
static const struct constant constants[] = {
    CONSTANT(file_system_rules, small),      CONSTANT(file_system_rules, ghost),
    CONSTANT(file_system_rules, correlated), CONSTANT(file_system_rules, promote),
    CONSTANT(file_system_rules, cap),        CONSTANT(file_system_rules, run),
    CONSTANT(file_system_rules, small_lag),  CONSTANT(file_system_rules, main_lag),
    CONSTANT(file_system_rules, duels),      CONSTANT(file_system_rules, margin),
};
extern const char file_system_module[];

static const struct references *references_of(const void *workload)
{
    return &((const struct file_workload *)workload)->trace;
}

static double miss_ratio(const void *workload, int64_t misses)
{
    return misses < 0 ? nan("") : (double)misses / references_of(workload)->count;
}

static double cost_of(const void *workload, const void *rules)
{
    return miss_ratio(workload, cache_misses(references_of(workload), rules));
}

enum {
    ASK_SMALL_FRAMES,
    ASK_GHOST_PAGES,
    ASK_ON_MISS,
    ASK_ON_HIT,
    ASK_KEEPS,
    ASK_DUELS,
    ASK_FOLLOWS
};
static const struct operation operations[] = {
    [ASK_SMALL_FRAMES] =
        {"small_frames", "uint32_t", "uint32_t capacity",
         "Frames of the small queue from which on it, not the main one, gives up its oldest page."},
    [ASK_GHOST_PAGES] = {"ghost_pages", "uint32_t", "uint32_t capacity",
                         "How many of the pages that left last are remembered."},
    [ASK_ON_MISS] =
        {"on_miss", "uint32_t", "uint32_t remembered, uint32_t run",
         "Where a missed page goes, as enum file_system_place. remembered: it is a ghost; run: how "
         "many consecutive pages the reader has asked for."},
    [ASK_ON_HIT] =
        {"on_hit", "uint32_t",
         "uint32_t capacity, uint32_t in_main, uint32_t hits, uint32_t newcomers",
         "A page's hits after one more, up to 7; and 8 added when it becomes newest of its queue. "
         "newcomers: pages that became newest of its queue since it did."},
    [ASK_KEEPS] =
        {"keeps", "uint32_t", "uint32_t in_main, uint32_t hits",
         "Whether the oldest page of a queue stays (1): of the small one as newest of the main one "
         "with no hits, of the main one as its newest with one hit less; or is the victim (0)."},
    [ASK_DUELS] = {"duels", "uint32_t", "uint32_t capacity",
                   "How many references are counted that these queues or LRU missed, and the other "
                   "did not; when there are so many, both counts are halved."},
    [ASK_FOLLOWS] =
        {"follows", "uint32_t", "uint32_t followed, uint32_t won, uint32_t lost",
         "Whether the cache holds what these queues would (1), or LRU (0), as far as it can: who "
         "has to leave is a page that they do not hold. followed: the last answer, 0 at the "
         "beginning; won, lost: the counted references that LRU missed, and these queues."},
};

static uint32_t asked_small(const void *module, uint32_t capacity)
{
    struct module_call call = {.which = ASK_SMALL_FRAMES, .arguments = {capacity}};
    return (uint32_t)module_ask(module, &call);
}

static uint32_t asked_ghost(const void *module, uint32_t capacity)
{
    struct module_call call = {.which = ASK_GHOST_PAGES, .arguments = {capacity}};
    return (uint32_t)module_ask(module, &call);
}

static uint32_t asked_on_miss(const void *module, uint32_t remembered, uint32_t run)
{
    struct module_call call = {.which = ASK_ON_MISS, .arguments = {remembered, run}};
    return (uint32_t)module_ask(module, &call);
}

static uint32_t asked_on_hit(const void *module, uint32_t capacity, uint32_t in_main, uint32_t hits,
                             uint32_t newcomers)
{
    struct module_call call = {.which = ASK_ON_HIT,
                               .arguments = {capacity, in_main, hits, newcomers}};
    return (uint32_t)module_ask(module, &call);
}

static uint32_t asked_keeps(const void *module, uint32_t in_main, uint32_t hits)
{
    struct module_call call = {.which = ASK_KEEPS, .arguments = {in_main, hits}};
    return (uint32_t)module_ask(module, &call);
}

static uint32_t asked_duels(const void *module, uint32_t capacity)
{
    struct module_call call = {.which = ASK_DUELS, .arguments = {capacity}};
    return (uint32_t)module_ask(module, &call);
}

static uint32_t asked_follows(const void *module, uint32_t followed, uint32_t won, uint32_t lost)
{
    struct module_call call = {.which = ASK_FOLLOWS, .arguments = {followed, won, lost}};
    return (uint32_t)module_ask(module, &call);
}

static double module_cost(const void *workload, const struct compiled_policy *module)
{
    struct cache_decider decider = {asked_small, asked_ghost, asked_on_miss, asked_on_hit,
                                    asked_keeps, asked_duels, asked_follows, module};
    return miss_ratio(workload, cache_decided_misses(references_of(workload), &decider));
}

static int64_t published_misses(const struct references *trace, uint32_t promote)
{
    double textbook[PARAMETERS];
    struct file_system_rules rules;
    subject_textbook(&subject_file_system, textbook);
    rules_of(textbook, &rules);
    rules.promote = promote;
    rules.run = UINT32_MAX; /* the published one drops nothing behind */
    return cache_s3fifo_misses(trace, &rules);
}

static int64_t textbook_s3fifo_misses(const struct references *trace)
{
    return published_misses(trace, 2);
}

static int64_t one_hit_s3fifo_misses(const struct references *trace)
{
    return published_misses(trace, 1);
}

static const char *const baseline_names[] = {"LRU",          "CLOCK", "ARC",
                                             "S3-FIFO 10 %", "FIFO",  "S3-FIFO, one hit"};
static int64_t (*const baselines[])(const struct references *) = {
    cache_lru_misses,       cache_clock_misses, cache_arc_misses,
    textbook_s3fifo_misses, cache_fifo_misses,  one_hit_s3fifo_misses};

static double baseline_cost(const void *workload, int which)
{
    return miss_ratio(workload, baselines[which](references_of(workload)));
}

static double bound_cost(const void *workload)
{
    return miss_ratio(workload, cache_min_misses(references_of(workload)));
}

/* ── a program decides ── */

static const struct feature features[FILE_SYSTEM_FEATURES] = {
    [FILE_SYSTEM_QUESTION] =
        {"question", "",
         "0: the small queue's share of the cache, in 1/1024; 1: the share of pages that are "
         "remembered; 2: a missed page goes to the main queue (> 0), the small one (0) or behind "
         "(< 0); 3: a page's hits after one more, 8 added: it becomes newest; 4: it stays (> 0); 5: "
         "the share of duels, which one of queues and LRU missed, that are counted; 6: from now "
         "on the queues are followed (> 0), or LRU (< 0), as it is at first"},
    [FILE_SYSTEM_CAPACITY] = {"capacity", "frames", "of the cache; questions 0, 1, 3 and 5"},
    [FILE_SYSTEM_PROVEN] =
        {"proven", "",
         "1: the page left not long ago (question 2), or is in the main queue (3 and 4)"},
    [FILE_SYSTEM_RUN] = {"run", "pages", "consecutive ones that were asked for; question 2"},
    [FILE_SYSTEM_HITS] = {"hits", "", "that are remembered of it, up to 7; questions 3 and 4"},
    [FILE_SYSTEM_NEWCOMERS] = {"newcomers", "1/1024 of the cache",
                               "pages that became newest of its queue since it did; question 3"},
    [FILE_SYSTEM_LEAD] = {"lead", "duels", "that LRU missed, less those of the queues; question 6"},
};

/* LRU; S3-FIFO as published, with two hits and with one; the rules', which counts hits when others
 * came after the page, drops scans behind, and follows whichever has missed less. */
static const char *const known[] = {
    "if_more question 3 0 if_more question 2 8 if_more question 0 0 1024",
    "if_more question 4 1 if_more question 3 if_more proven 0 1 subtract hits 1 if_more question "
    "2 least 3 add hits 1 if_more question 1 proven if_more question 0 922 102",
    "if_more question 4 1 if_more question 3 if_more proven 0 1 hits if_more question 2 least 3 "
    "add hits 1 if_more question 1 proven if_more question 0 922 102",
    "if_more question 5 lead if_more question 4 64 if_more question 3 if_more proven 0 1 subtract "
    "hits 1 if_more question 2 least 3 add hits if_more newcomers 51 1 0 if_more question 1 if_more "
    "run 64 -1 proven if_more question 0 922 102",
    NULL};

static uint32_t programmed_small(const void *decider, uint32_t capacity)
{
    return file_system_program_small(decider, capacity);
}

static uint32_t programmed_ghost(const void *decider, uint32_t capacity)
{
    return file_system_program_ghost(decider, capacity);
}

static uint32_t programmed_on_miss(const void *decider, uint32_t remembered, uint32_t run)
{
    return file_system_program_on_miss(decider, remembered, run);
}

static uint32_t programmed_on_hit(const void *decider, uint32_t capacity, uint32_t in_main,
                                  uint32_t hits, uint32_t newcomers)
{
    return file_system_program_on_hit(decider, capacity, in_main, hits, newcomers);
}

static uint32_t programmed_keeps(const void *decider, uint32_t in_main, uint32_t hits)
{
    return file_system_program_keeps(decider, in_main, hits);
}

static uint32_t programmed_duels(const void *decider, uint32_t capacity)
{
    return file_system_program_duels(decider, capacity);
}

static uint32_t programmed_follows(const void *decider, uint32_t followed, uint32_t won,
                                   uint32_t lost)
{
    return file_system_program_follows(decider, followed, won, lost);
}

static double program_cost(const void *workload, const struct program *program)
{
    struct program_decider by = {program_decide, program};
    struct cache_decider decider = {
        programmed_small, programmed_ghost, programmed_on_miss, programmed_on_hit,
        programmed_keeps, programmed_duels, programmed_follows, &by};
    return miss_ratio(workload, cache_decided_misses(references_of(workload), &decider));
}

extern const char file_system_program_text[];
static const struct program_frame frame = {.feature_count = FILE_SYSTEM_FEATURES,
                                           .features = features,
                                           .text = file_system_program_text,
                                           .known = known,
                                           .cost_of = program_cost};

const struct subject subject_file_system = {
    .name = "file_system",
    .specialization = "file_system",
    .title = "page-cache replacement by tuned S3-FIFO, or LRU while that misses less",
    .cost = "miss ratio",
    .version = "5",
    .module = file_system_module,
    .frame = &frame,
    .workload_read = workload_read,
    .trace_kind = TRACE_REFERENCES,
    .trace_least = TRACE_LEAST,
    SUBJECT_PARTS,
};

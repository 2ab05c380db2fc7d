/* adapters/libcachesim, made of rendered modules as its README says, with libCacheSim's part played
 * by this test: which request misses is the same as in the simulator. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/file_system/cache.h"
#include "policy/random.h"
#include "policy/subject.h"

static char directory[] = P_tmpdir "/adapter_libcachesim_XXXXXX";
static const char *adapter; /* its folder */

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
    char command[2048];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(command, sizeof command, format, list);
    va_end(list);
    assert_in_range(length, 1, sizeof command - 1);
    return system(command);
}

/* ── libCacheSim ── */

/* As its headers have them, to the end of what a plug-in may read. */
struct common_cache_params {
    uint64_t cache_size, default_ttl;
    int32_t hashpower;
    bool consider_obj_metadata;
};

struct request {
    int64_t clock_time;
    uint64_t hv, obj_id;
    int64_t obj_size;
    char rest[64];
};

enum { IDS = 400 };
#define FIRST_ID (UINT64_C(1) << 40) /* ids are no small numbers */

struct host {
    void *library, *data;
    void *(*init)(const struct common_cache_params params);
    void (*hit)(void *data, const struct request *request);
    void (*miss)(void *data, const struct request *request);
    uint64_t (*evict)(void *data, const struct request *request);
    void (*remove)(void *data, uint64_t id);
    void (*free)(void *data);
    uint64_t size, occupied;
    int64_t sizes[IDS]; /* -1: it is not here */
};

static void hook_find(struct host *host, const char *name, void *ret_hook)
{
    void *hook = dlsym(host->library, name);
    if (!hook)
        fail_msg("%s", dlerror());
    memcpy(ret_hook, &hook, sizeof hook);
}

/* A plug-in of a policy.c. Each has a name of its own: what has the name of something that is
 * loaded isn't loaded again. */
static void plug_in_text(struct host *host, const char *text)
{
    static int made;
    char path[128];
    made++;
    snprintf(path, sizeof path, "%s/policy%d.c", directory, made);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
    assert_int_equal(shell("make -s -C %s POLICY=%s OUT=%s/%d.so", adapter, path, directory, made),
                     0);
    snprintf(path, sizeof path, "%s/%d.so", directory, made);
    *host = (struct host){.library = dlopen(path, RTLD_NOW)};
    if (!host->library)
        fail_msg("%s", dlerror());
    hook_find(host, "cache_init_hook", &host->init);
    hook_find(host, "cache_hit_hook", &host->hit);
    hook_find(host, "cache_miss_hook", &host->miss);
    hook_find(host, "cache_eviction_hook", &host->evict);
    hook_find(host, "cache_remove_hook", &host->remove);
    hook_find(host, "cache_free_hook", &host->free);
}

enum { TEXT_SIZE = 32768 };

static void render(const double *parameters, char *ret_text)
{
    int length = subject_render(subject_find("file_system"), parameters, ret_text, TEXT_SIZE);
    assert_in_range(length, 1, TEXT_SIZE - 1);
}

static void plug_in(struct host *host, const double *parameters)
{
    char text[TEXT_SIZE];
    render(parameters, text);
    plug_in_text(host, text);
}

/* S3-FIFO as published is followed whatever happens. */
static void plug_in_s3fifo(struct host *host)
{
    static const char tuned[] = "return file_system_follows(&tuned, followed, won, lost);";
    double parameters[SUBJECT_PARAMETERS_MAX];
    char text[TEXT_SIZE];
    subject_textbook(subject_find("file_system"), parameters);
    render(parameters, text);
    char *at = strstr(text, tuned);
    assert_non_null(at);
    memcpy(at, "return 1 | followed | won | lost;                       ", sizeof tuned - 1);
    plug_in_text(host, text);
}

static void plug_out(struct host *host)
{
    assert_int_equal(dlclose(host->library), 0);
}

static void begin(struct host *host, uint64_t size)
{
    host->data = host->init((struct common_cache_params){.cache_size = size, .hashpower = 20});
    assert_non_null(host->data);
    host->size = size;
    host->occupied = 0;
    for (int i = 0; i < IDS; i++)
        host->sizes[i] = -1;
}

static bool is_here(const struct host *host, uint64_t id)
{
    return id >= FIRST_ID && id < FIRST_ID + IDS && host->sizes[id - FIRST_ID] >= 0;
}

static void take_out(struct host *host, uint64_t id)
{
    assert_true(is_here(host, id));
    host->occupied -= (uint64_t)host->sizes[id - FIRST_ID];
    host->sizes[id - FIRST_ID] = -1;
}

/* Whether it was here. */
static bool get(struct host *host, uint32_t page, int64_t size)
{
    struct request request = {.obj_id = FIRST_ID + page, .obj_size = size};
    memset(request.rest, 0xee, sizeof request.rest);
    bool hit = is_here(host, request.obj_id);
    if (hit)
        take_out(host, request.obj_id); /* and in again, as large as it is now */
    bool fits = (uint64_t)size <= host->size;
    while (!hit && fits && host->occupied + (uint64_t)size > host->size)
        take_out(host, host->evict(host->data, &request));
    if (hit || fits) {
        host->sizes[page] = size;
        host->occupied += (uint64_t)size;
    }
    (hit ? host->hit : host->miss)(host->data, &request);
    return hit;
}

/* ── the tests ── */

enum { REQUESTS = 1200 };

/* Some pages often, some once, runs, and a loop. */
static void mix(uint32_t *pages, uint64_t seed)
{
    struct random random;
    random_seed(&random, seed);
    uint32_t once = 200, loop = 0;
    for (int i = 0; i < REQUESTS;) {
        uint64_t kind = random_below(&random, 20);
        uint32_t run = kind == 0 ? 4 + (uint32_t)random_below(&random, 8) : 0;
        uint32_t from = (uint32_t)random_below(&random, 150);
        for (uint32_t k = 0; k < run && i < REQUESTS; k++)
            pages[i++] = from + k;
        if (i == REQUESTS || run)
            continue;
        pages[i++] = kind < 4   ? once++ % 150 + 200
                     : kind < 9 ? 350 + loop++ % 45
                                : (uint32_t)(random_below(&random, 12) * random_below(&random, 12));
    }
}

/* The same misses as under these rules, or this decider, request by request; an object takes `unit`
 * bytes. */
static void assert_same(struct host *host, const struct file_system_rules *rules,
                        const struct cache_decider *decider, uint32_t capacity, int64_t unit,
                        uint64_t seed)
{
    uint32_t pages[REQUESTS];
    mix(pages, seed);
    begin(host, capacity * (uint64_t)unit);
    int64_t before = 0;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        struct references trace = {
            .capacity = capacity, .page_count = IDS, .count = i + 1, .pages = pages};
        int64_t misses =
            rules ? cache_misses(&trace, rules) : cache_decided_misses(&trace, decider);
        if (get(host, pages[i], unit) == (misses > before))
            fail_msg("request %u with a capacity of %u", i, capacity);
        before = misses;
    }
    assert_in_range(before, 300, REQUESTS - 300);
    host->free(host->data);
}

static struct file_system_rules rules_of(const double *parameters)
{
    struct rules words;
    struct file_system_rules rules;
    assert_int_equal(subject_rules(subject_find("file_system"), parameters, &words), 0);
    memcpy(&rules, &words, sizeof rules);
    return rules;
}

static void misses_what_the_simulator_misses(void **state)
{
    (void)state;
    const struct subject *subject = subject_find("file_system");
    for (uint64_t round = 0; round < 6; round++) {
        struct random random;
        struct host host;
        double u[SUBJECT_PARAMETERS_MAX], parameters[SUBJECT_PARAMETERS_MAX];
        random_seed(&random, round);
        for (int i = 0; i < subject->parameter_count; i++)
            u[i] = random_uniform(&random);
        subject_textbook(subject, parameters);
        if (round > 0)
            subject_units(subject, u, parameters);
        struct file_system_rules rules = rules_of(parameters);
        plug_in(&host, parameters);
        assert_same(&host, &rules, NULL, 60, 1, round);
        assert_same(&host, &rules, NULL, 97, 1, round + 100);
        plug_out(&host);
    }
}

/* Shares of 64 frames that are whole numbers of them: how large a frame is makes no difference.
 * The last has more bytes than the module can count. */
static void counts_bytes(void **state)
{
    (void)state;
    static const double parameters[SUBJECT_PARAMETERS_MAX] = {0.25, 2,     0.5,  3,   0.25,
                                                              512,  0.125, 0.25, 0.5, 0.5};
    struct host host;
    struct file_system_rules rules = rules_of(parameters);
    plug_in(&host, parameters);
    assert_same(&host, &rules, NULL, 64, 1, 7);
    assert_same(&host, &rules, NULL, 64, 4096, 7);
    assert_same(&host, &rules, NULL, 64, (int64_t)1 << 31, 7);
    plug_out(&host);
}

/* A module that somebody wrote, as the simulator takes it. */
static uint32_t strange_small(const void *context, uint32_t capacity)
{
    (void)capacity;
    return *(const uint32_t *)context;
}

static uint32_t strange_ghost(const void *context, uint32_t capacity)
{
    (void)context;
    return capacity;
}

static uint32_t strange_on_miss(const void *context, uint32_t remembered, uint32_t run)
{
    (void)context;
    return remembered ? FILE_SYSTEM_MAIN : run > 1 ? 77 : FILE_SYSTEM_SMALL;
}

static uint32_t strange_on_hit(const void *context, uint32_t capacity, uint32_t in_main,
                               uint32_t hits, uint32_t newcomers)
{
    (void)context, (void)capacity, (void)in_main, (void)hits;
    return newcomers % 3 ? 0xfff1 : 0;
}

static uint32_t strange_keeps(const void *context, uint32_t in_main, uint32_t hits)
{
    (void)context;
    return in_main || hits;
}

static uint32_t strange_duels(const void *context, uint32_t capacity)
{
    return *(const uint32_t *)context + capacity;
}

static uint32_t strange_follows(const void *context, uint32_t followed, uint32_t won, uint32_t lost)
{
    (void)context;
    return (won + lost) % 5 == 2 ? 0xff00 : (won ^ lost) % 2 && followed;
}

static void whatever_a_module_answers(void **state)
{
    (void)state;
    static const uint32_t smalls[] = {0, UINT32_MAX};
    for (int i = 0; i < 2; i++) {
        struct cache_decider decider = {strange_small,   strange_ghost, strange_on_miss,
                                        strange_on_hit,  strange_keeps, strange_duels,
                                        strange_follows, &smalls[i]};
        struct host host;
        char text[2048];
        snprintf(text, sizeof text,
                 "#include <stdint.h>\n"
                 "static uint32_t small(uint32_t c) { (void)c; return %uu; }\n"
                 "static uint32_t ghost(uint32_t c) { return c; }\n"
                 "static uint32_t miss(uint32_t r, uint32_t n) { return r ? 1 : n > 1 ? 77 : 0; }\n"
                 "static uint32_t hit(uint32_t c, uint32_t m, uint32_t h, uint32_t n)\n"
                 "{ (void)c, (void)m, (void)h; return n %% 3 ? 0xfff1 : 0; }\n"
                 "static uint32_t keeps(uint32_t m, uint32_t h) { return m || h; }\n"
                 "static uint32_t duels(uint32_t c) { return %uu + c; }\n"
                 "static uint32_t follows(uint32_t f, uint32_t w, uint32_t l)\n"
                 "{ return (w + l) %% 5 == 2 ? 0xff00 : (w ^ l) %% 2 && f; }\n"
                 "static const struct { uint32_t (*small_frames)(uint32_t);\n"
                 "uint32_t (*ghost_pages)(uint32_t); uint32_t (*on_miss)(uint32_t, uint32_t);\n"
                 "uint32_t (*on_hit)(uint32_t, uint32_t, uint32_t, uint32_t);\n"
                 "uint32_t (*keeps)(uint32_t, uint32_t); uint32_t (*duels)(uint32_t);\n"
                 "uint32_t (*follows)(uint32_t, uint32_t, uint32_t); }\n"
                 "khub_file_system = {small, ghost, miss, hit, keeps, duels, follows};\n",
                 smalls[i], smalls[i]);
        plug_in_text(&host, text);
        assert_same(&host, NULL, &decider, 60, 1, 3);
        plug_out(&host);
    }
}

/* Requests of all sizes, and somebody who takes out. */
static void anything(struct host *host)
{
    struct random random;
    random_seed(&random, 1);
    for (int i = 0; i < 10000; i++) {
        uint32_t page = (uint32_t)(random_below(&random, 20) * random_below(&random, 20));
        get(host, page, (int64_t)random_below(&random, i % 100 == 0 ? 120 : 9));
        if (i % 7)
            continue;
        page = (uint32_t)random_below(&random, IDS); /* somebody takes it out */
        host->remove(host->data, FIRST_ID + page);
        if (is_here(host, FIRST_ID + page))
            take_out(host, FIRST_ID + page);
    }
}

static void objects_of_all_sizes(void **state)
{
    (void)state;
    struct host host;
    double parameters[SUBJECT_PARAMETERS_MAX];
    plug_in_s3fifo(&host);
    begin(&host, 1000);
    assert_false(get(&host, 0, 1001)); /* too large: it is not taken in, */
    assert_false(get(&host, 1, 1000));
    assert_false(get(&host, 2, 1)); /* and not evicted here */
    assert_true(is_here(&host, FIRST_ID + 2) && !is_here(&host, FIRST_ID + 1));
    assert_false(get(&host, 1, 1)); /* a name: it goes to the main queue */
    host.free(host.data);
    begin(&host, 100); /* 10 of it are the small queue's */
    get(&host, 0, 5);
    get(&host, 0, 5);
    get(&host, 0, 5);
    get(&host, 1, 95);
    get(&host, 2, 50); /* 0 has gone to the main queue, and 1 from here */
    assert_true(is_here(&host, FIRST_ID) && !is_here(&host, FIRST_ID + 1));
    get(&host, 2, 5); /* as large as the small queue may be no more */
    get(&host, 3, 95);
    assert_true(is_here(&host, FIRST_ID + 2) && !is_here(&host, FIRST_ID));
    anything(&host);
    host.free(host.data);
    plug_out(&host);
    subject_textbook(subject_find("file_system"), parameters);
    plug_in(&host, parameters); /* and as it is */
    begin(&host, 100);
    anything(&host);
    host.free(host.data);
    plug_out(&host);
}

static void what_was_removed_is_new(void **state)
{
    (void)state;
    struct host host;
    plug_in_s3fifo(&host);
    begin(&host, 10);
    assert_true(host.evict(host.data, &(struct request){.obj_id = 5, .obj_size = 1}) == 5);
    for (uint32_t page = 0; page < 10; page++)
        assert_false(get(&host, 10 * page, 1));
    host.remove(host.data, FIRST_ID); /* the oldest */
    take_out(&host, FIRST_ID);
    assert_false(get(&host, 0, 1)); /* there is room, and it is the newest */
    assert_false(get(&host, 300, 1));
    assert_true(is_here(&host, FIRST_ID) && !is_here(&host, FIRST_ID + 10));
    host.remove(host.data, FIRST_ID + 10); /* it isn't here, but remembered, and so it stays */
    for (uint32_t page = 10; page < 30; page++)
        get(&host, page, 1);
    assert_true(is_here(&host, FIRST_ID + 10) && !is_here(&host, FIRST_ID + 11));
    host.hit(host.data, &(struct request){.obj_id = FIRST_ID + 399, .obj_size = 1}); /* whose? */
    host.free(host.data);
    plug_out(&host);
}

static int folder_new(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int folder_drop(void **state)
{
    (void)state;
    return shell("rm -r %s", directory);
}

int main(int count, char **arguments)
{
    if (count < 2)
        return 2;
    adapter = arguments[1];
    if (system("gcc --version >/dev/null 2>&1 && make --version >/dev/null 2>&1") != 0) {
        puts("1..0 # SKIP gcc and make make it");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misses_what_the_simulator_misses), cmocka_unit_test(counts_bytes),
        cmocka_unit_test(whatever_a_module_answers),        cmocka_unit_test(objects_of_all_sizes),
        cmocka_unit_test(what_was_removed_is_new),
    };
    return cmocka_run_group_tests_name("adapter_libcachesim", tests, folder_new, folder_drop);
}

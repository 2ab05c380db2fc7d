/* Traces of allocations: which objects live, whatever a file calls them; and the workloads that
 * size_classes makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "policy/random.h"
#include "policy/size_classes/simulator.h"
#include "policy/subject.h"
#include "trace_fixture.h"

static struct trace *read_allocations(const char *text)
{
    struct trace *trace = trace_of_text(text, TRACE_ALLOCATIONS);
    if (!trace)
        fail_msg("%s", trace_why);
    return trace;
}

static void assert_records(const char *text, const char *format, const int64_t (*wanted)[2],
                           size_t count)
{
    struct trace *trace = read_allocations(text);
    assert_string_equal(trace->format, format);
    assert_int_equal(trace->count, count);
    assert_memory_equal(trace->values, wanted, count * sizeof *wanted);
    trace_free(trace);
}

static void a_list(void **state)
{
    (void)state;
    static const int64_t wanted[][2] = {{0, 552}, {1, 120}, {1, 0}, {2, 1}, {0, 0}};
    assert_records("Alloc(552),\nAlloc(120),\r\nFree(1),\n\nAlloc(0),\nFree(1),\nFree(0)\n",
                   "alloc_list", wanted, 5);
}

static void a_replay(void **state)
{
    (void)state;
    static const int64_t wanted[][2] = {{0, 1024}, {1, 20}, {0, 0}, {2, 136},
                                        {1, 0},    {3, 80}, {3, 0}, {4, 96},
                                        {5, 104},  {2, 0},  {6, 7}, {7, INT64_MAX}};
    assert_records("202: malloc 0xb4827400 1024\n"
                   "203: malloc 0xb4837058 20\n"
                   "202: free 0xb4827400\n"
                   "202: free 0xb4827400\n"
                   "202: free 0x0\n"
                   "202: calloc 0xb4872020 17 8\n"
                   "202: realloc 0xb4837058 0xb4837058 80\n"
                   "9: realloc 0xffffffffffffffff 0xb4837058 96\n"
                   "485: memalign 0xae42d080 16 104\n"
                   "485: malloc 0x0 5\n"
                   "1: malloc 0xb4872020 7\n"
                   "1: calloc 0x5 9223372036854775807 3\n"
                   "486: thread_done 0x0\n",
                   "memory_replay", wanted, 12);
    assert_records("\xef\xbb\xbf"
                   "202: malloc 0x1 1024\r\n203: malloc 0x2 20\r\n202: free 0x1\r\n",
                   "memory_replay", wanted, 3);
}

static void bad_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } bad[] = {
        {"Alloc(1),\nFree(1),\n",
         "/made:2: found 'Free(1),', wanted one that was allocated before"},
        {"Alloc(1),\nAlloc(),\n", "/made:2: found 'Alloc(),', wanted 'Alloc(bytes),' or"},
        {"Alloc(1),\nAlloc(-1),\n", "/made:2: found"},
        {"Alloc(1),\nAlloc(1)x\n", "/made:2: found"},
        {"Alloc(1),\nAlloc(1\n", "/made:2: found"},
        {"Alloc(1),\nFree(99999999999999999999),\n", "/made:2: found"},
        {"1: malloc 0x1 1\n1: malloc 0x1\n",
         "/made:2: found '1: malloc 0x1', wanted 'thread: call"},
        {"1: malloc 0x1 1\n1: malloc 0x1 1 1\n", "/made:2: found"},
        {"1: malloc 0x1 1\n1: malloc 0x 1\n", "/made:2: found"},
        {"1: malloc 0x1 1\n1: malloc 0x11111111111111111 1\n", "/made:2: found"},
        {"1: malloc 0x1 1\n1: free 0xg\n", "/made:2: found"},
        {"1: malloc 0x1 1\n1: frei 0x1\n", "/made:2: found"},
        {"1: malloc 0x1 1\n: free 0x1\n", "/made:2: found"},
        {"1: malloc 0x1 1\n1: malloc 0x1 -1\n", "/made:2: found"},
        {"1: malloc 0x1 1\n\n", "/made:2: found ''"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(trace_of_text(bad[i].text, TRACE_ALLOCATIONS));
        if (!strstr(trace_why, bad[i].said))
            fail_msg("'%s' is not in: %s", bad[i].said, trace_why);
    }
}

/* Thousands of names come and go: the table finds those that live, and no others. */
static void many_names(void **state)
{
    (void)state;
    enum { NAMES = 3000, LINES = 30000 };
    static int64_t lives[NAMES]; /* the object of that name, and 1; 0: none */
    char *text = malloc(LINES * 40), *at = text;
    static int64_t wanted[2 * LINES][2];
    size_t count = 0;
    int64_t objects = 0;
    struct random random;
    random_seed(&random, 5);
    for (int i = 0; i < LINES; i++) {
        uint64_t name = random_below(&random, NAMES), size = 1 + random_below(&random, 99);
        bool frees = random_below(&random, 2) == 0;
        if (lives[name]) {
            wanted[count][0] = lives[name] - 1;
            wanted[count++][1] = 0;
        }
        lives[name] = frees ? 0 : objects + 1;
        if (!frees) {
            wanted[count][0] = objects++;
            wanted[count++][1] = (int64_t)size;
        }
        at += frees ? sprintf(at, "1: free 0x%llx\n", (unsigned long long)name << 20 | 1)
                    : sprintf(at, "1: malloc 0x%llx %llu\n", (unsigned long long)name << 20 | 1,
                              (unsigned long long)size);
    }
    assert_records(text, "memory_replay", (const int64_t(*)[2])wanted, count);
    free(text);
}

/* Objects of before the window and objects too large for slabs are none of it. */
static void workloads(void **state)
{
    (void)state;
    const struct subject *subject = subject_find("size_classes");
    struct trace *trace = read_allocations("Alloc(16),\nAlloc(9000),\nAlloc(40),\nFree(0),\n"
                                           "Free(1),\nAlloc(8192),\nFree(2),\nAlloc(1),\n");
    struct trace_options options = {0};
    struct trace_part part = {trace, &options, 1, 7, .whole = true};
    struct size_workload *load = subject->workload_read(&part, 1);
    assert_non_null(load);
    static const struct slab_event wanted[] = {{40, 0}, {8192, 1}, {0, 0}, {1, 2}};
    assert_int_equal(load->count, 4);
    assert_int_equal(load->objects, 3);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(load->events[i].size, wanted[i].size);
        assert_int_equal(load->events[i].object, wanted[i].object);
    }
    assert_true(load->requested == 40 * 2 + 8192 * 3 + 1);
    assert_true(load->lifetimes[2] == 2 && load->lifetimes[511] == 3 && load->lifetimes[0] == 1);
    free(load);
    trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list),     cmocka_unit_test(a_replay),  cmocka_unit_test(bad_lines),
        cmocka_unit_test(many_names), cmocka_unit_test(workloads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

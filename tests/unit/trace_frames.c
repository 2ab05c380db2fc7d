/* Frames out of PresentMon's files, and what graphics makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "policy/graphics/simulator.h"
#include "policy/subject.h"
#include "trace_fixture.h"

static void assert_frames(const char *text, const int64_t *wanted, size_t count)
{
    struct trace *trace = trace_of_text(text, TRACE_FRAMES);
    assert_string_equal(trace_why, "");
    assert_non_null(trace);
    assert_string_equal(trace->format, "presentmon");
    assert_int_equal(trace->count, count);
    assert_memory_equal(trace->values, wanted, count * sizeof *wanted);
    trace_free(trace);
}

static void assert_refused(const char *text, const char *said)
{
    assert_null(trace_of_text(text, TRACE_FRAMES));
    if (!strstr(trace_why, said))
        fail_msg("'%s' is not in: %s", said, trace_why);
}

static void columns_are_found(void **state)
{
    (void)state;
    static const int64_t wanted[] = {16667, 3428, 0, 7};
    assert_frames("Application,MsBetweenPresents,MsInPresentAPI\na.exe,16.6670000,1\n"
                  "a.exe,3.4289,NA\na.exe,0,1\na.exe,.007,1",
                  wanted, 4);
    /* As CapFrameX writes it: remarks, and the ends of lines of Windows. */
    assert_frames("\xef\xbb\xbf//GameName=MsBetweenPresents,x\r\n//\r\n\r\n"
                  "msBetweenPresents\r\n16.667\r\n// a remark\r\n3.428\r\n",
                  wanted, 2);
    /* As OCAT does: names with commas in them, of which some rows have fewer. */
    assert_frames("\"Application\",\"Mother,board\",MsBetweenPresents,OS\n"
                  "\"a\"\",b\",\"Co. Ltd., MPG\",16.667,\"Windows 10\"\n\"a\",,\"3.428\"\n",
                  wanted, 2);
}

static void what_is_no_frame_is_said(void **state)
{
    (void)state;
    assert_refused("Application,Ms\na,1\n", "looks like no trace of frames");
    assert_refused("//MsBetweenPresents\n", "looks like no trace of frames");
    assert_refused("NMsBetweenPresents,MsBetweenPresentsX\n1,2\n", "looks like no trace");
    assert_refused("A,MsBetweenPresents\na,1\na,NA\n",
                   ":3: found 'NA', wanted MsBetweenPresents as milliseconds");
    assert_refused("A,MsBetweenPresents\na\n", ":2: found ''");
    assert_refused("A,MsBetweenPresents\n\"a,1\n", ":2: found ''");
    assert_refused("MsBetweenPresents\n-0.001\n", ":2: found '-0.001'");
    assert_refused("MsBetweenPresents\n3600000.001\n", ":2: found '3600000.001'");
    assert_refused("MsBetweenPresents\n", "there are no frames in it");
    assert_null(trace_of_bytes("a", slice_of("A,B\n1,2\n"), TRACE_FRAMES, "presentmon"));
    assert_non_null(strstr(trace_why, ":1: found 'A,B', wanted a header with MsBetweenPresents"));
}

/* Each costs what lay between it and the one before, and at least something; all of the screen is
 * drawn, for nobody says what was. */
static void frames_become_a_workload(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct trace trace = {.kind = TRACE_FRAMES, .count = COUNT};
    trace.values = malloc(COUNT * sizeof *trace.values);
    for (int i = 0; i < COUNT; i++)
        trace.values[i] = i % 100 ? 5000 + i : 0;
    const struct subject *subject = subject_find("graphics");
    struct trace_part part = trace_part_of(&trace, NULL, "train/a");
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct graphics_workload *load = subject->workload_read(&part, seed);
        assert_int_equal(load->count, COUNT / 2 / 4);
        for (uint32_t i = 0; i < load->count; i++) {
            assert_int_equal(load->frames[i].damage_px, 1920 * 1080);
            assert_in_range(load->frames[i].cost_us, 1, 5000 + COUNT / 2 - 1);
            if (i > 0 && load->frames[i - 1].cost_us > 1 && load->frames[i].cost_us > 1)
                assert_int_equal(load->frames[i].cost_us, load->frames[i - 1].cost_us + 1);
        }
        assert_true(subject->bound_cost(load) < subject->baseline_cost(load, 0));
        free(load);
    }
    /* No shorter than ten seconds at 60 Hz, where there are so many; no longer than a minute. */
    part = (struct trace_part){.trace = &trace, .count = 1000};
    struct graphics_workload *load = subject->workload_read(&part, 1);
    assert_int_equal(load->count, 600);
    free(load);
    part.count = COUNT;
    load = subject->workload_read(&part, 1);
    assert_int_equal(load->count, 3600);
    free(load);
    free(trace.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found),
        cmocka_unit_test(what_is_no_frame_is_said),
        cmocka_unit_test(frames_become_a_workload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* adapters/sched_ext with the kernel's functions played by this test: who waits with which deadline
 * and slice, who is interrupted, and what is forgotten when a task sleeps. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <string.h>

/* A module: a level for each ms of CPU, up to 4. */
static uint32_t grace_us(uint64_t attained_us)
{
    return attained_us < 4000 ? (uint32_t)(attained_us / 1000 * 10000) : 40000;
}

static uint32_t slice_us(uint64_t attained_us)
{
    return attained_us < 4000 ? 1000 : 3000;
}

static const struct {
    uint32_t (*grace_us)(uint64_t attained_us);
    uint32_t (*slice_us)(uint64_t attained_us);
} khub_process_manager = {grace_us, slice_us};

/* Its programs stand in a struct as void *, and nobody else calls them. */
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include "adapters/sched_ext/khub_sched.bpf.c"

_Static_assert((int)MAP_ARRAY == (int)BPF_MAP_TYPE_ARRAY, "an array");
_Static_assert((int)MAP_TASK_STORAGE == (int)BPF_MAP_TYPE_TASK_STORAGE, "of each task");
_Static_assert((int)MAP_NO_PREALLOC == (int)BPF_F_NO_PREALLOC, "as such maps want it");
_Static_assert((int)STORAGE_CREATE == (int)BPF_LOCAL_STORAGE_GET_F_CREATE, "made when asked for");
_Static_assert((int)HELPER_LOOKUP == (int)BPF_FUNC_map_lookup_elem, "map_lookup_elem");
_Static_assert((int)HELPER_TIME == (int)BPF_FUNC_ktime_get_ns, "ktime_get_ns");
_Static_assert((int)HELPER_TASK_STORAGE == (int)BPF_FUNC_task_storage_get, "task_storage_get");

/* ── the kernel ── */

#define MS UINT64_C(1000000)
enum { CPUS = 2, TASKS = 3 };

struct person {
    struct task_struct task; /* first: a task is found by it */
    s32 cpu;
    bool stored;
    struct turn turn;
};

static struct kernel {
    u64 now, deadlines[CPUS];
    bool idle, no_memory;
    s32 free_cpu, kicked; /* kicked -1: none */
    u64 kick_flags;
    s32 created, moved; /* lines; -1: none */
    struct {
        struct task_struct *task;
        u64 line, slice, deadline, flags;
        bool ordered;
    } put; /* who was put in line last */
    struct person tasks[TASKS];
} kernel;

u64 bpf_ktime_get_ns(void)
{
    return kernel.now;
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
    assert_ptr_equal(map, &deadlines);
    u32 cpu = *(const u32 *)key;
    return cpu < CPUS ? &kernel.deadlines[cpu] : NULL;
}

void *bpf_task_storage_get(void *map, struct task_struct *task, void *initial, u64 flags)
{
    struct person *person = (struct person *)task;
    assert_ptr_equal(map, &turns);
    if (!person->stored && (kernel.no_memory || !(flags & BPF_LOCAL_STORAGE_GET_F_CREATE)))
        return NULL;
    if (!person->stored) {
        person->stored = true;
        person->turn = initial ? *(const struct turn *)initial : (struct turn){0};
    }
    return &person->turn;
}

s32 scx_bpf_create_dsq(u64 line, s32 node)
{
    assert_int_equal(node, -1);
    kernel.created = (s32)line;
    return -12;
}

void scx_bpf_dsq_insert(struct task_struct *task, u64 line, u64 slice, u64 flags)
{
    kernel.put.task = task;
    kernel.put.line = line;
    kernel.put.slice = slice;
    kernel.put.flags = flags;
    kernel.put.ordered = false;
}

void scx_bpf_dsq_insert_vtime(struct task_struct *task, u64 line, u64 slice, u64 deadline,
                              u64 flags)
{
    scx_bpf_dsq_insert(task, line, slice, flags);
    kernel.put.deadline = deadline;
    kernel.put.ordered = true;
}

_Bool scx_bpf_dsq_move_to_local(u64 line)
{
    kernel.moved = (s32)line;
    return true;
}

s32 scx_bpf_select_cpu_dfl(struct task_struct *task, s32 previous, u64 wake_flags, _Bool *ret_idle)
{
    (void)task;
    assert_int_equal(wake_flags, 8);
    *ret_idle = kernel.idle;
    return kernel.idle ? kernel.free_cpu : previous;
}

s32 scx_bpf_task_cpu(const struct task_struct *task)
{
    return ((const struct person *)task)->cpu;
}

void scx_bpf_kick_cpu(s32 cpu, u64 flags)
{
    kernel.kicked = cpu;
    kernel.kick_flags = flags;
}

static int boot(void **state)
{
    (void)state;
    kernel = (struct kernel){.now = 1000 * MS, .kicked = -1, .created = -1, .moved = -1};
    return 0;
}

static struct task_struct *task_of(int who)
{
    return &kernel.tasks[who].task;
}

static u64 address(int who)
{
    return (u64)(uintptr_t)task_of(who);
}

static void enqueue(int who, u64 flags)
{
    memset(&kernel.put, 0xee, sizeof kernel.put);
    assert_int_equal(khub_enqueue((u64[]){address(who), flags}), 0);
    assert_ptr_equal(kernel.put.task, task_of(who));
    assert_int_equal(kernel.put.flags, flags);
}

static void run_for(int who, u64 ns)
{
    khub_running((u64[]){address(who)});
    kernel.now += ns;
    task_of(who)->se.sum_exec_runtime += ns;
}

static void assert_in_line(u64 deadline, u64 slice)
{
    assert_true(kernel.put.ordered);
    assert_int_equal(kernel.put.line, LINE);
    assert_int_equal(kernel.put.deadline, deadline);
    assert_int_equal(kernel.put.slice, slice);
}

/* ── the tests ── */

static void later_the_more_it_had(void **state)
{
    (void)state;
    task_of(0)->se.sum_exec_runtime = 77 * MS; /* before its job */
    enqueue(0, SCX_ENQ_WAKEUP);
    assert_in_line(1000 * MS, MS);
    run_for(0, MS);
    enqueue(0, 0);
    assert_in_line(1011 * MS, MS);
    run_for(0, MS);
    enqueue(0, 0);
    assert_in_line(1022 * MS, MS);
    run_for(0, MS + 500); /* a tick late */
    enqueue(0, 0);
    assert_in_line(1033 * MS + 500, MS);
    run_for(0, 4 * MS);
    enqueue(0, 0);
    assert_in_line(1047 * MS + 500, 3 * MS);
    /* It slept: another job. */
    enqueue(0, SCX_ENQ_WAKEUP | 64);
    assert_in_line(1007 * MS + 500, MS);
}

/* A task that was there before this scheduler begins anew as well. */
static void first_seen_while_it_runs(void **state)
{
    (void)state;
    task_of(1)->se.sum_exec_runtime = 5000 * MS;
    enqueue(1, 0);
    assert_in_line(1000 * MS, MS);
}

static void who_is_earlier_interrupts(void **state)
{
    (void)state;
    enqueue(0, SCX_ENQ_WAKEUP);
    run_for(0, MS);
    enqueue(0, 0); /* until 1011 ms, and it goes on alone */
    assert_int_equal(kernel.kicked, -1);
    run_for(0, MS / 4);
    kernel.tasks[1].cpu = 1;
    enqueue(1, SCX_ENQ_WAKEUP); /* there is nobody on its CPU */
    assert_int_equal(kernel.kicked, -1);
    enqueue(2, SCX_ENQ_WAKEUP);
    assert_int_equal(kernel.kicked, 0);
    assert_int_equal(kernel.kick_flags, 2); /* SCX_KICK_PREEMPT of the kernel */
    /* What is left of its slice and its deadline stay its own. */
    khub_stopping((u64[]){address(0), 1});
    enqueue(0, 0);
    assert_in_line(1011 * MS, 3 * MS / 4);
    /* Who has the CPU now came earlier than who comes next. */
    kernel.kicked = -1;
    run_for(2, MS / 8);
    kernel.tasks[1].cpu = 0;
    enqueue(1, SCX_ENQ_WAKEUP);
    assert_int_equal(kernel.kicked, -1);
    khub_stopping((u64[]){address(2), 0});
    assert_int_equal(kernel.deadlines[0], 0);
}

/* Its deadline moves while it goes on alone, so who comes then is earlier. */
static void who_is_alone_gets_later_too(void **state)
{
    (void)state;
    enqueue(0, SCX_ENQ_WAKEUP);
    run_for(0, MS / 2);
    khub_tick((u64[]){address(0)});
    assert_int_equal(kernel.deadlines[0], 1000 * MS); /* within its slice */
    enqueue(1, SCX_ENQ_WAKEUP);
    assert_int_equal(kernel.kicked, -1);
    run_for(0, MS / 2);
    khub_tick((u64[]){address(0)});
    assert_int_equal(kernel.deadlines[0], 1011 * MS);
    enqueue(2, SCX_ENQ_WAKEUP);
    assert_int_equal(kernel.kicked, 0);
}

static void an_idle_cpu_is_taken_at_once(void **state)
{
    (void)state;
    kernel.idle = true;
    kernel.free_cpu = 1;
    enqueue(0, SCX_ENQ_WAKEUP);
    run_for(0, 5 * MS);
    memset(&kernel.put, 0, sizeof kernel.put);
    assert_int_equal(khub_select_cpu((u64[]){address(0), 0, 8}), 1);
    assert_ptr_equal(kernel.put.task, task_of(0));
    assert_false(kernel.put.ordered);
    assert_true(kernel.put.line == SCX_DSQ_LOCAL);
    assert_int_equal(kernel.put.slice, MS); /* it slept */
    kernel.idle = false;
    memset(&kernel.put, 0, sizeof kernel.put);
    assert_int_equal(khub_select_cpu((u64[]){address(0), 0, 8}), 0);
    assert_null(kernel.put.task); /* it is to wait: enqueue comes next */
}

static void without_memory_it_still_runs(void **state)
{
    (void)state;
    kernel.no_memory = true;
    enqueue(0, SCX_ENQ_WAKEUP);
    assert_false(kernel.put.ordered);
    assert_true(kernel.put.line == SCX_DSQ_GLOBAL && kernel.put.slice == MS);
    run_for(0, MS);
    assert_int_equal(kernel.deadlines[0], 0);
    kernel.idle = true;
    memset(&kernel.put, 0, sizeof kernel.put);
    khub_select_cpu((u64[]){address(0), 0, 8});
    assert_null(kernel.put.task);
}

static void one_line_for_all(void **state)
{
    (void)state;
    assert_int_equal(khub_init(NULL), -12); /* the kernel's error is told */
    assert_int_equal(kernel.created, LINE);
    assert_int_equal(khub_dispatch(NULL), 0);
    assert_int_equal(kernel.moved, LINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(later_the_more_it_had, boot),
        cmocka_unit_test_setup(first_seen_while_it_runs, boot),
        cmocka_unit_test_setup(who_is_earlier_interrupts, boot),
        cmocka_unit_test_setup(who_is_alone_gets_later_too, boot),
        cmocka_unit_test_setup(an_idle_cpu_is_taken_at_once, boot),
        cmocka_unit_test_setup(without_memory_it_still_runs, boot),
        cmocka_unit_test_setup(one_line_for_all, boot),
    };
    return cmocka_run_group_tests_name("adapter_sched_ext", tests, NULL, NULL);
}

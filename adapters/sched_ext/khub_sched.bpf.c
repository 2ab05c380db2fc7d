// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A sched_ext scheduler out of a module of process_manager: policy.c, as `khub learn
 * process_manager` writes it, stands before this (make; README.md says how).
 *
 * What the module calls a job is here what a task does from waking up until it sleeps. All wait in
 * one line for all CPUs, in the order of their deadlines. A task gets a deadline when it wakes and
 * when its slice has ended; who was interrupted before keeps it, and the rest of the slice.
 *
 * The kernel's types are declared here as far as they are used, by name alone: libbpf fits them to
 * the running kernel's when it loads this (CO-RE). */
typedef uint64_t u64;
typedef uint32_t u32;
typedef int32_t s32;

#ifdef __bpf__
#define SEC(name) __attribute__((section(name), used))
#define CORE      __attribute__((preserve_access_index))
#else /* the tests' build, for this machine */
#define SEC(name)
#define CORE
#endif

/* ── of the kernel ── */

struct sched_entity {
    u64 sum_exec_runtime; /* ns on a CPU since the task began */
} CORE;

struct task_struct {
    struct sched_entity se;
} CORE;

struct sched_ext_ops {
    s32 (*select_cpu)(struct task_struct *task, s32 previous, u64 wake_flags);
    void (*enqueue)(struct task_struct *task, u64 flags);
    void (*dispatch)(s32 cpu, struct task_struct *previous);
    void (*tick)(struct task_struct *task);
    void (*running)(struct task_struct *task);
    void (*stopping)(struct task_struct *task, _Bool runnable);
    s32 (*init)(void);
    char name[128];
};

#define SCX_DSQ_LOCAL    (1ull << 63 | 2) /* include/linux/sched/ext.h: the CPU's own line */
#define SCX_DSQ_GLOBAL   (1ull << 63 | 1)

#define SCX_ENQ_WAKEUP   1ull /* the task was asleep */
#define SCX_KICK_PREEMPT 2ull /* who runs there ends its slice now */

extern s32 scx_bpf_create_dsq(u64 line, s32 node) SEC(".ksyms");
extern void scx_bpf_dsq_insert(struct task_struct *task, u64 line, u64 slice, u64 flags)
    SEC(".ksyms");
extern void scx_bpf_dsq_insert_vtime(struct task_struct *task, u64 line, u64 slice, u64 deadline,
                                     u64 flags) SEC(".ksyms");
extern _Bool scx_bpf_dsq_move_to_local(u64 line) SEC(".ksyms");
extern s32 scx_bpf_select_cpu_dfl(struct task_struct *task, s32 previous, u64 wake_flags,
                                  _Bool *ret_idle) SEC(".ksyms");
extern s32 scx_bpf_task_cpu(const struct task_struct *task) SEC(".ksyms");
extern void scx_bpf_kick_cpu(s32 cpu, u64 flags) SEC(".ksyms");

/* linux/bpf.h: types and flags of maps, numbers of helpers, which never change. */
enum { MAP_ARRAY = 2, MAP_TASK_STORAGE = 29, MAP_NO_PREALLOC = 1, STORAGE_CREATE = 1 };
enum { HELPER_LOOKUP = 1, HELPER_TIME = 5, HELPER_TASK_STORAGE = 156 };
#ifdef __bpf__
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)HELPER_LOOKUP;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)HELPER_TIME;
static void *(*const bpf_task_storage_get)(void *map, struct task_struct *task, void *initial,
                                           u64 flags) = (void *)HELPER_TASK_STORAGE;
#else
void *bpf_map_lookup_elem(void *map, const void *key);
u64 bpf_ktime_get_ns(void);
void *bpf_task_storage_get(void *map, struct task_struct *task, void *initial, u64 flags);
#endif

/* ── the scheduler ── */

enum { LINE = 0, CPUS_MAX = 1024 };

struct turn {
    u64 job;       /* what the task had run when its job began */
    u64 slice_end; /* what it will have run when its slice has ended */
    u64 deadline;  /* ns, on the clock of bpf_ktime_get_ns */
};

struct {
    int (*type)[MAP_TASK_STORAGE];
    int (*map_flags)[MAP_NO_PREALLOC];
    int *key;
    struct turn *value;
} turns SEC(".maps");

/* The deadline of who runs on a CPU; 0: nobody who could be interrupted. */
struct {
    int (*type)[MAP_ARRAY];
    int (*max_entries)[CPUS_MAX];
    u32 *key;
    u64 *value;
} deadlines SEC(".maps");

/* The task's turn, a new one if its last is over or it was asleep. NULL when out of memory. */
static inline struct turn *turn_of(struct task_struct *task, _Bool woken)
{
    u64 ran = task->se.sum_exec_runtime;
    struct turn first = {.job = ran, .slice_end = ran};
    struct turn *turn = bpf_task_storage_get(&turns, task, &first, STORAGE_CREATE);
    if (!turn)
        return turn;
    if (woken)
        turn->job = turn->slice_end = ran;
    if (ran >= turn->slice_end) {
        u64 attained_us = (ran - turn->job) / 1000;
        turn->deadline =
            bpf_ktime_get_ns() + (u64)khub_process_manager.grace_us(attained_us) * 1000;
        turn->slice_end = ran + (u64)khub_process_manager.slice_us(attained_us) * 1000;
    }
    return turn;
}

static inline void set_deadline(const struct task_struct *task, u64 deadline)
{
    u32 cpu = (u32)scx_bpf_task_cpu(task);
    u64 *running = bpf_map_lookup_elem(&deadlines, &cpu);
    if (running)
        *running = deadline;
}

/* Programs get their arguments as an array. */

SEC("struct_ops/select_cpu")
s32 khub_select_cpu(u64 *arguments)
{
    struct task_struct *task = (struct task_struct *)(uintptr_t)arguments[0];
    _Bool idle = 0;
    s32 cpu = scx_bpf_select_cpu_dfl(task, (s32)arguments[1], arguments[2], &idle);
    if (!idle)
        return cpu;
    const struct turn *turn = turn_of(task, 1);
    if (turn) /* nobody is there to be compared with: no need to wait in line */
        scx_bpf_dsq_insert(task, SCX_DSQ_LOCAL, turn->slice_end - task->se.sum_exec_runtime, 0);
    return cpu;
}

SEC("struct_ops/enqueue")
s32 khub_enqueue(u64 *arguments)
{
    struct task_struct *task = (struct task_struct *)(uintptr_t)arguments[0];
    u64 flags = arguments[1];
    const struct turn *turn = turn_of(task, (flags & SCX_ENQ_WAKEUP) != 0);
    if (!turn) {
        scx_bpf_dsq_insert(task, SCX_DSQ_GLOBAL, 1000000, flags);
        return 0;
    }
    u64 slice = turn->slice_end - task->se.sum_exec_runtime;
    scx_bpf_dsq_insert_vtime(task, LINE, slice, turn->deadline, flags);
    u32 cpu = (u32)scx_bpf_task_cpu(task);
    const u64 *running = bpf_map_lookup_elem(&deadlines, &cpu);
    if (running && *running > turn->deadline)
        scx_bpf_kick_cpu((s32)cpu, SCX_KICK_PREEMPT);
    return 0;
}

SEC("struct_ops/dispatch")
s32 khub_dispatch(u64 *arguments)
{
    (void)arguments;
    scx_bpf_dsq_move_to_local(LINE);
    return 0;
}

SEC("struct_ops/running")
s32 khub_running(u64 *arguments)
{
    struct task_struct *task = (struct task_struct *)(uintptr_t)arguments[0];
    const struct turn *turn = bpf_task_storage_get(&turns, task, 0, 0);
    set_deadline(task, turn ? turn->deadline : 0);
    return 0;
}

/* Who is alone goes on when its slice has ended, and nobody puts it in line: its deadline becomes
 * later all the same. */
SEC("struct_ops/tick")
s32 khub_tick(u64 *arguments)
{
    struct task_struct *task = (struct task_struct *)(uintptr_t)arguments[0];
    const struct turn *turn = turn_of(task, 0);
    if (turn)
        set_deadline(task, turn->deadline);
    return 0;
}

SEC("struct_ops/stopping")
s32 khub_stopping(u64 *arguments)
{
    set_deadline((struct task_struct *)(uintptr_t)arguments[0], 0);
    return 0;
}

SEC("struct_ops.s/init") /* it may sleep */
s32 khub_init(u64 *arguments)
{
    (void)arguments;
    return scx_bpf_create_dsq(LINE, -1);
}

SEC(".struct_ops.link")
struct sched_ext_ops khub = {
    .select_cpu = (void *)khub_select_cpu,
    .enqueue = (void *)khub_enqueue,
    .dispatch = (void *)khub_dispatch,
    .tick = (void *)khub_tick,
    .running = (void *)khub_running,
    .stopping = (void *)khub_stopping,
    .init = (void *)khub_init,
    .name = "khub",
};

char khub_license[] SEC("license") = "Dual MIT/GPL";

/* A module in a process of its own, and the page on which it is asked; host.c.in is the other side.
 *
 * A call that wants no answer waits until one does, or the page is full, and all go over together.
 * Whoever waits sleeps, so that nobody spins where others have work: on one processor, where both
 * are put, going over and back takes about 2 us of it that way, most of them the kernel's. So the
 * simulations of several workloads go on side by side, each until it wants an answer, and the
 * questions of all go over together. What a module without a state was asked before, it is not
 * asked again: it has nothing to remember by, so the answer would be the same.
 *
 * The other process may write anything on the page at any time. What is read of it is one number,
 * which says that there are answers, and these, each copied once. */
#include "probe/room.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/fiber.h"
#include "probe/page.h"
#include "process/lifeline.h"

#define LOOK_NS        20000000L /* so often whoever waits looks what became of the module */
#define IDLE_LOOKS     25        /* asleep at so many looks, with a question to answer */
#define ANSWER_SECONDS 1.0       /* of CPU time; a million basic blocks take 0.003 */
#define REMEMBERED     4096u
#define OPERATIONS_MAX 32u

/* What crosses the page for an operation. */
struct crossing {
    bool answers, sends_bytes, gets_bytes;
};

struct remembered {
    bool known;
    uint32_t which;
    uint64_t arguments[MODULE_ARGUMENTS], result;
};

/* Who asks. */
struct lane {
    struct compiled_policy policy;
    struct host *host;
    uint32_t number;
    struct fiber *fiber; /* of a simulation that goes on beside others; NULL: it is alone */
    struct module_call *call,
        *there; /* its question, and where that lies on the page; NULL: none */
    module_simulation *simulate;
    void *data;
    size_t workload;
};

struct host {
    struct lane alone;
    struct page *page;
    pid_t pid;
    int status;  /* when pid is 0: how it ended */
    bool asleep; /* it was, with a question to answer, and so was ended */
    bool late;
    const atomic_bool *stop;
    atomic_bool broken;
    bool crowded; /* the states of simulations that go on side by side are too many */
    bool was_ready;
    uint32_t asked, waiting; /* batches; calls that wait on the page */
    int idle_looks;
    double cpu_before; /* CPU time that it had had when it was last asked */
    size_t operations;
    struct crossing crossings[OPERATIONS_MAX];
    struct remembered *remembered; /* NULL: it has states */
    cpu_set_t processors;          /* the calling thread's own; none when it was not moved */
};

/* ── its process ── */

static int futex(_Atomic uint32_t *word, int what, uint32_t value, const struct timespec *most)
{
    return (int)syscall(SYS_futex, word, what, value, most, NULL, 0);
}

/* A file in memory with this file's content: what is run can't change any more, and need not lie
 * where files may be run. */
static int program_fd(const char *directory)
{
    char path[PROBE_PATH_MAX], bytes[16384];
    snprintf(path, sizeof path, "%s/policy", directory);
    int from = open(path, O_RDONLY | O_CLOEXEC), to = memfd_create("policy", MFD_CLOEXEC);
    ssize_t length = -1;
    while (from >= 0 && to >= 0 && (length = read(from, bytes, sizeof bytes)) > 0)
        if (write(to, bytes, (size_t)length) != length) {
            length = -1;
            break;
        }
    if (from >= 0)
        close(from);
    if (length == 0)
        return to;
    if (to >= 0)
        close(to);
    return -1;
}

/* Becomes the program. Nothing of this process comes along but the page. */
_Noreturn static void become_host(pid_t parent, int page, int program,
                                  const struct sandbox *sandbox, size_t workloads)
{
    char *const nothing[] = {NULL};
    lifeline_tie(parent, SIGKILL);
    program = fcntl(program, F_DUPFD_CLOEXEC, 4); /* out of the page's way */
    if (program < 4 || (page != 3 && dup2(page, 3) != 3) ||
        (page == 3 && fcntl(page, F_SETFD, 0) != 0))
        _exit(SANDBOX_FAILED);
    close_range(0, 2, 0);
    close_range(4, (unsigned)program - 1, 0);
    close_range((unsigned)program + 1, ~0U, 0);
    if (sandbox_enter_host(sandbox, workloads) == 0)
        syscall(SYS_execveat, program, "", nothing, nothing, AT_EMPTY_PATH);
    _exit(SANDBOX_FAILED);
}

/* 0 or -1 with errno. */
static int fork_host(struct host *host, int page, int program, const struct sandbox *sandbox,
                     size_t workloads)
{
    pid_t parent = getpid();
    if (page < 0 || program < 0 || ftruncate(page, sizeof *host->page) != 0)
        return -1;
    void *mapped = mmap(NULL, sizeof *host->page, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    if (mapped == MAP_FAILED)
        return -1;
    host->page = mapped;
    host->pid = fork();
    if (host->pid == 0)
        become_host(parent, page, program, sandbox, workloads);
    return host->pid > 0 ? 0 : -1;
}

static int begin_process(struct host *host, const char *directory, size_t workloads,
                         struct probe_report *report)
{
    struct sandbox sandbox;
    if (sandbox_for_host(&sandbox, report) < 0)
        return -1;
    int page = memfd_create("page", MFD_CLOEXEC), program = program_fd(directory);
    int begun = fork_host(host, page, program, &sandbox, workloads);
    if (begun < 0)
        probe_explain(report, "no process for a module: %s", strerror(errno));
    sandbox_clear(&sandbox);
    if (page >= 0)
        close(page);
    if (program >= 0)
        close(program);
    return begun;
}

/* ── what became of it ── */

static void give_up(struct host *host)
{
    if (host->pid > 0) {
        kill(host->pid, SIGKILL);
        while (waitpid(host->pid, &host->status, 0) < 0 && errno == EINTR)
            ;
    }
    host->pid = 0;
    atomic_store(&host->broken, true);
}

static double cpu_seconds(const struct host *host)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(host->pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static bool sleeps(const struct host *host)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)host->pid);
    FILE *file = fopen(path, "re");
    const char *name_end = file && fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;
    if (file)
        fclose(file);
    return name_end && name_end[1] == ' ' && name_end[2] == 'S';
}

/* Every LOOK_NS, while it has not answered. */
static void look(struct host *host)
{
    pid_t ended = waitpid(host->pid, &host->status, WNOHANG);
    if (ended != 0) {
        host->pid = ended == host->pid ? 0 : host->pid;
        give_up(host);
        return;
    }
    futex(&host->page->asked, FUTEX_WAKE, 1, NULL);
    host->idle_looks = sleeps(host) ? host->idle_looks + 1 : 0;
    host->asleep = host->idle_looks > IDLE_LOOKS;
    host->late = cpu_seconds(host) - host->cpu_before > ANSWER_SECONDS;
    if (host->asleep || host->late || (host->stop && atomic_load(host->stop)))
        give_up(host);
}

/* Until the word is `wanted`, or all is over. */
static void wait_for(struct host *host, _Atomic uint32_t *word, uint32_t wanted)
{
    const struct timespec most = {.tv_nsec = LOOK_NS};
    bool looked = false;
    host->idle_looks = 0;
    while (atomic_load(word) != wanted && !atomic_load(&host->broken)) {
        uint32_t now = atomic_load(word);
        atomic_store(&host->page->asker_sleeps, 1);
        if (now != wanted && futex(word, FUTEX_WAIT, now, &most) != 0 && errno == ETIMEDOUT) {
            if (!looked) /* from here on: what it had before is not this answer's */
                host->cpu_before = cpu_seconds(host);
            looked = true;
            look(host);
        }
        atomic_store(&host->page->asker_sleeps, 0);
    }
}

/* ── asking ── */

/* All that waits on the page; returns when it is answered. */
static void hand_over(struct host *host)
{
    struct page *page = host->page;
    page->count = host->waiting;
    host->waiting = 0;
    atomic_store(&page->asked, ++host->asked);
    if (atomic_load(&page->answerer_sleeps))
        futex(&page->asked, FUTEX_WAKE, 1, NULL);
    wait_for(host, &page->answered, host->asked);
}

static struct crossing crossing_of(const struct host *host, uint32_t which)
{
    if (which < host->operations)
        return host->crossings[which];
    return (struct crossing){.answers = which == MODULE_STATE_NEW};
}

/* Nobody hears it any more. */
static bool is_over(const struct lane *lane)
{
    return atomic_load(&lane->host->broken) || (lane->fiber && lane->host->crowded);
}

/* The answer that has come. */
static void collect(struct lane *lane)
{
    const struct crossing crossing = crossing_of(lane->host, lane->call->which);
    const struct module_call *there = lane->there;
    lane->there = NULL;
    if (is_over(lane))
        return;
    lane->call->result = *(const volatile uint64_t *)&there->result;
    if (crossing.gets_bytes)
        memcpy(lane->call->bytes, there->bytes, sizeof there->bytes);
    if (lane->fiber && lane->call->which == MODULE_STATE_NEW &&
        lane->call->result >= MODULE_STATES_MAX)
        lane->host->crowded = true;
}

static void ask(struct lane *lane, struct module_call *call)
{
    struct host *host = lane->host;
    const struct crossing crossing = crossing_of(host, call->which);
    while (host->waiting == PAGE_CALLS && !is_over(lane)) /* others' */
        fiber_stand_still(lane->fiber);
    if (is_over(lane))
        return;
    struct module_call *there = &host->page->calls[host->waiting++];
    there->which = call->which;
    there->state = call->state;
    there->lane = lane->number;
    there->side_by_side = lane->fiber != NULL;
    memcpy(there->arguments, call->arguments, sizeof call->arguments);
    if (crossing.sends_bytes)
        memcpy(there->bytes, call->bytes, sizeof call->bytes);
    if (crossing.answers) {
        lane->call = call;
        lane->there = there;
    }
    if (lane->fiber && crossing.answers)
        fiber_stand_still(lane->fiber);
    else if (!lane->fiber && (crossing.answers || host->waiting == PAGE_CALLS))
        hand_over(host);
    if (!lane->fiber && crossing.answers)
        collect(lane);
}

static struct remembered *remembered_of(const struct host *host, const struct module_call *call)
{
    uint64_t hash = call->which;
    for (size_t i = 0; i < MODULE_ARGUMENTS; i++)
        hash = (hash ^ call->arguments[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return &host->remembered[hash >> 32 & (REMEMBERED - 1)];
}

static void ask_once(struct lane *lane, struct module_call *call)
{
    struct remembered *slot = remembered_of(lane->host, call);
    if (slot->known && slot->which == call->which &&
        memcmp(slot->arguments, call->arguments, sizeof slot->arguments) == 0) {
        call->result = slot->result;
        return;
    }
    ask(lane, call);
    *slot = (struct remembered){.known = true, .which = call->which, .result = call->result};
    memcpy(slot->arguments, call->arguments, sizeof slot->arguments);
}

static void answer(const struct compiled_policy *policy, struct module_call *call)
{
    struct lane *lane = policy->context;
    struct host *host = lane->host;
    call->result = 0;
    if (is_over(lane))
        return;
    const struct crossing crossing = crossing_of(host, call->which);
    bool plain = crossing.answers && !crossing.sends_bytes && !crossing.gets_bytes;
    if (host->remembered && plain && call->which < host->operations)
        ask_once(lane, call);
    else
        ask(lane, call);
}

/* ── side by side ── */

static void begin_simulation(void *data)
{
    struct lane *lane = data;
    lane->simulate(lane->workload, &lane->policy, lane->data);
}

/* Goes on with it, or with the next workload, until it wants an answer. False: there is nothing
 * more for it to do. */
static bool go_on(struct lane *lane, size_t count, size_t *next)
{
    struct host *host = lane->host;
    while (lane->fiber || (*next < count && !host->crowded)) {
        if (!lane->fiber) {
            lane->workload = (*next)++;
            lane->fiber = fiber_new(begin_simulation, lane);
        }
        if (!lane->fiber) {
            host->crowded = true;
            break;
        }
        if (fiber_go_on(lane->fiber))
            return true;
        fiber_free(lane->fiber);
        lane->fiber = NULL;
    }
    return false;
}

static bool side_by_side(const struct compiled_policy *policy, size_t count,
                         module_simulation *simulate, void *data)
{
    struct host *host = ((struct lane *)policy->context)->host;
    struct lane lanes[MODULE_LANES];
    size_t next = 0;
    host->crowded = false;
    for (uint32_t i = 0; i < MODULE_LANES; i++)
        lanes[i] = (struct lane){.policy = {.answer = answer, .context = &lanes[i]},
                                 .host = host,
                                 .number = i,
                                 .simulate = simulate,
                                 .data = data};
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < MODULE_LANES; i++)
            more |= go_on(&lanes[i], count, &next);
        if (host->waiting > 0)
            hand_over(host);
        for (uint32_t i = 0; i < MODULE_LANES; i++) /* before anything new lies on the page */
            if (lanes[i].there)
                collect(&lanes[i]);
    }
    return !host->crowded;
}

/* ── */

static void read_operations(struct host *host, const struct subject *subject)
{
    for (size_t i = 0; i < subject->operation_count && i < OPERATIONS_MAX; i++) {
        const struct operation *operation = &subject->operations[i];
        const char *array = strchr(operation->parameters, '*');
        while (array && strncmp(array, "*state", 6) == 0)
            array = strchr(array + 1, '*');
        bool reads = strstr(operation->parameters, "const ") != NULL;
        host->crossings[i] = (struct crossing){
            .answers = strcmp(operation->returns, "void") != 0 || (array && !reads),
            .sends_bytes = array && reads,
            .gets_bytes = array && !reads,
        };
        host->operations = i + 1;
    }
}

/* Both on the processor that this thread is on: they never work at the same time, and need not
 * wake each other across processors. */
static void share_processor(struct host *host)
{
    cpu_set_t here;
    int processor = sched_getcpu();
    if (processor < 0 || sched_getaffinity(0, sizeof host->processors, &host->processors) != 0)
        return;
    CPU_ZERO(&here);
    CPU_SET(processor, &here);
    sched_setaffinity(0, sizeof here, &here);
}

struct host *host_begin(const char *directory, const struct subject *subject, size_t workloads,
                        const atomic_bool *stop, struct probe_report *report)
{
    struct host *host = calloc(1, sizeof *host);
    if (!host) {
        probe_explain(report, "no memory");
        return NULL;
    }
    host->alone = (struct lane){.policy = {answer, &host->alone, side_by_side}, .host = host};
    host->stop = stop;
    read_operations(host, subject);
    if (!subject->stateful)
        host->remembered = calloc(REMEMBERED, sizeof *host->remembered);
    share_processor(host);
    if (begin_process(host, directory, workloads, report) == 0) {
        wait_for(host, &host->page->ready, 1);
        host->was_ready = !atomic_load(&host->broken);
        return host;
    }
    host_end(host, &(struct probe_report){0});
    return NULL;
}

const struct compiled_policy *host_policy(const struct host *host)
{
    return &host->alone.policy;
}

const atomic_bool *host_broken(const struct host *host)
{
    return &host->broken;
}

static enum probe_result outcome(const struct host *host, struct probe_report *report)
{
    int status = host->status, number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    if (host->stop && atomic_load(host->stop)) {
        probe_explain(report, "it was stopped");
        return PROBE_FAILED;
    }
    if (!host->was_ready) {
        probe_explain(report, "a process for a module could not be begun and confined");
        return PROBE_FAILED;
    }
    if (host->late || number == SIGXCPU || code == HOST_TOO_MUCH) {
        probe_explain(report, "it works longer than it may%s",
                      code == HOST_TOO_MUCH ? ": too many basic blocks" : "");
        return PROBE_TIMEOUT;
    }
    if (host->asleep || number == SIGSYS) {
        probe_explain(report, host->asleep ? "it sleeps instead of answering"
                                           : "it made a system call, and was killed");
        return PROBE_KILLED;
    }
    if (number == SIGKILL) {
        probe_explain(report, "its process was killed from outside");
        return PROBE_FAILED;
    }
    probe_explain(report, number ? "it crashed (%s)" : "it ended (%s)",
                  number ? strsignal(number) : "exit");
    return PROBE_KILLED;
}

enum probe_result host_end(struct host *host, struct probe_report *report)
{
    if (!host)
        return PROBE_FAILED;
    bool ran = !atomic_load(&host->broken);
    if (ran && host->waiting > 0 && host->page) { /* what it is only told must not break it */
        hand_over(host);
        ran = !atomic_load(&host->broken);
    }
    enum probe_result result = ran ? PROBE_RAN : outcome(host, report);
    give_up(host);
    if (CPU_COUNT(&host->processors) > 0)
        sched_setaffinity(0, sizeof host->processors, &host->processors);
    if (host->page)
        munmap(host->page, sizeof *host->page);
    free(host->remembered);
    free(host);
    return result;
}

/* The load generator's front: options, what is measured, what is printed (one line of JSON for each
 * figure).
 *
 *     relay_load --dialect khub --port 6000 --pid 4711 --case fanout --receivers 100 --windows 64,1
 *
 * Messages are sent in bursts: a window of them in one write, and the next burst once every
 * receiver has had all of the last. The pattern is the same for every broker, and no broker's limit
 * on slow receivers is ever near. Window 1 is the worst case for a broker that batches. Exit code
 * 2: a message was lost, doubled, damaged or out of order, or the broker refused something. */
#include "load.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const char *const case_names[CASE_COUNT] = {"fanout", "direct", "latency",
                                                   "idle",   "silent", "shake"};

void fail(const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "relay_load: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    exit(2);
}

int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t broker_cpu_ns(const struct plan *plan)
{
    clockid_t clock;
    struct timespec spent;
    if (clock_getcpuclockid(plan->broker, &clock) != 0 || clock_gettime(clock, &spent) < 0)
        fail("no CPU clock of process %d", (int)plan->broker);
    return spent.tv_sec * INT64_C(1000000000) + spent.tv_nsec;
}

static void burst(struct swarm *swarm, unsigned window)
{
    swarm_publish(swarm, window);
    swarm_await(swarm);
}

/* At least one burst, then until the time is over. */
static void bursts(struct swarm *swarm, unsigned window, double seconds)
{
    int64_t end = clock_ns() + (int64_t)(seconds * 1e9);
    do
        burst(swarm, window);
    while (clock_ns() < end);
}

static void measure_window(struct swarm *swarm, unsigned window)
{
    const struct plan *plan = swarm->plan;
    bursts(swarm, window, plan->warm);
    uint64_t sent = swarm->sent, arrived = swarm->arrived;
    int64_t start = clock_ns(), cpu = broker_cpu_ns(plan);
    bursts(swarm, window, plan->seconds);
    cpu = broker_cpu_ns(plan) - cpu;
    printf("{\"case\": \"%s\", \"receivers\": %u, \"window\": %u, \"messages\": %llu, "
           "\"deliveries\": %llu, \"cpu_us\": %.3f, \"wall_us\": %.3f}\n",
           case_names[plan->what], plan->receivers, window,
           (unsigned long long)(swarm->sent - sent), (unsigned long long)(swarm->arrived - arrived),
           (double)cpu / 1e3, (double)(clock_ns() - start) / 1e3);
}

static int compare_latencies(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

static double percentile_us(const struct swarm *swarm, double share)
{
    return swarm->latencies[(size_t)(share * (double)(swarm->latency_count - 1))] / 1e3;
}

/* A message each 1/rate seconds, whether or not the last one has arrived. */
static void measure_latency(struct swarm *swarm)
{
    const struct plan *plan = swarm->plan;
    uint64_t messages = (uint64_t)(plan->rate * plan->seconds);
    bursts(swarm, 1, plan->warm);
    swarm->latency_max = messages * plan->receivers;
    swarm->latencies = calloc(swarm->latency_max, sizeof *swarm->latencies);
    if (!swarm->latencies)
        fail("out of memory");
    int64_t start = clock_ns(), cpu = broker_cpu_ns(plan);
    for (uint64_t i = 0; i < messages; i++) {
        int64_t due = start + (int64_t)((double)i / plan->rate * 1e9), left;
        while ((left = due - clock_ns()) > 0)
            swarm_turn(swarm, left);
        while (swarm->sent * plan->receivers - swarm->arrived >=
               (uint64_t)WINDOW_MAX * plan->receivers)
            swarm_turn(swarm, MS);
        swarm_publish(swarm, 1);
    }
    swarm_await(swarm);
    cpu = broker_cpu_ns(plan) - cpu;
    qsort(swarm->latencies, swarm->latency_count, sizeof *swarm->latencies, compare_latencies);
    printf("{\"case\": \"latency\", \"receivers\": %u, \"rate\": %.0f, \"deliveries\": %zu, "
           "\"cpu_us\": %.3f, \"wall_us\": %.3f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"max_us\": %.1f}\n",
           plan->receivers, plan->rate, swarm->latency_count, (double)cpu / 1e3,
           (double)(clock_ns() - start) / 1e3, percentile_us(swarm, 0.5),
           percentile_us(swarm, 0.99), percentile_us(swarm, 1));
}

static void relay_run(const struct plan *plan)
{
    struct swarm swarm;
    swarm_init(&swarm, plan, plan->receivers + 1);
    swarm_join(&swarm, plan->receivers);
    swarm_join(&swarm, plan->receivers + 1);
    if (plan->what == CASE_LATENCY)
        measure_latency(&swarm);
    else
        for (unsigned i = 0; i < plan->window_count; i++)
            measure_window(&swarm, plan->windows[i]);
    while (swarm_turn(&swarm, 20 * MS) > 0) /* nothing may come twice */
        ;
    swarm_close(&swarm);
}

static void parse_windows(struct plan *plan, char *list)
{
    plan->window_count = 0;
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        unsigned window = (unsigned)strtoul(item, NULL, 10);
        if (window < 1 || window > WINDOW_MAX || plan->window_count == 4)
            fail("--windows: up to 4 numbers of 1 to %d", WINDOW_MAX);
        plan->windows[plan->window_count++] = window;
    }
}

static void parse_case(struct plan *plan, const char *name)
{
    for (plan->what = 0; plan->what < CASE_COUNT; plan->what++) {
        if (strcmp(case_names[plan->what], name) == 0)
            return;
    }
    fail("--case: fanout, direct, latency, idle, silent or shake, not %s", name);
}

static void parse_options(struct plan *plan, int argc, char **argv)
{
    static const struct option options[] = {{"dialect", required_argument, NULL, 'd'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"pid", required_argument, NULL, 'b'},
                                            {"case", required_argument, NULL, 'c'},
                                            {"receivers", required_argument, NULL, 'r'},
                                            {"size", required_argument, NULL, 's'},
                                            {"seconds", required_argument, NULL, 't'},
                                            {"warm", required_argument, NULL, 'w'},
                                            {"windows", required_argument, NULL, 'i'},
                                            {"rate", required_argument, NULL, 'f'},
                                            {"join-window", required_argument, NULL, 'j'},
                                            {"tls", no_argument, NULL, 'l'},
                                            {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        switch (option) {
        case 'd':
            plan->dialect = dialect_find(optarg);
            break;
        case 'p':
            plan->port = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'b':
            plan->broker = (pid_t)strtol(optarg, NULL, 10);
            break;
        case 'c':
            parse_case(plan, optarg);
            break;
        case 'r':
            plan->receivers = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 's':
            plan->size = strtoul(optarg, NULL, 10);
            break;
        case 't':
            plan->seconds = strtod(optarg, NULL);
            break;
        case 'w':
            plan->warm = strtod(optarg, NULL);
            break;
        case 'i':
            parse_windows(plan, optarg);
            break;
        case 'f':
            plan->rate = strtod(optarg, NULL);
            break;
        case 'l':
            plan->tls = true;
            break;
        case 'j':
            plan->join_window = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            exit(2);
        }
    }
    if (!plan->dialect || plan->port == 0 || plan->broker == 0 || plan->receivers == 0)
        fail("--dialect, --port, --pid and --receivers are needed");
    if (plan->size > FRAME_MAX / 2)
        fail("--size is at most %d", FRAME_MAX / 2);
}

int main(int argc, char **argv)
{
    struct plan plan = {.receivers = 10,
                        .size = 300,
                        .seconds = 0.3,
                        .warm = 0.1,
                        .windows = {64},
                        .window_count = 1,
                        .rate = 1000,
                        .join_window = 64};
    parse_options(&plan, argc, argv);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (plan.what == CASE_IDLE)
        idle_run(&plan);
    else if (plan.what == CASE_SILENT)
        silent_run(&plan);
    else if (plan.what == CASE_SHAKE)
        shake_run(&plan);
    else
        relay_run(&plan);
    return 0;
}

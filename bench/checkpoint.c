/* ./dev bench checkpoint: what a checkpoint costs those who wait for their entries to be on disk.
 *
 *     checkpoint [ROWS [ROW_BYTES]]   of the large one; 100000 rows of 300 bytes
 *
 * The store alone, in a directory of its own in $TMPDIR, else /var/tmp. An entry of 300 bytes is
 * proposed every millisecond; how long until each is handed back? First with nothing beside, then
 * while a large checkpoint of new rows is written, then one of the same rows changed; keys in
 * order, and in none. Then many small ones: the processor's time and the bytes written for each.
 * Last while the room of all that is let go, and somebody speaks in another. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

#define ENTRY_BYTES  300u
#define SECONDS      8ul
#define TIMES_MAX    (SECONDS * 1000u)
#define SMALL_COUNT  300u
#define SMALL_ROWS   100u
#define BETWEEN_NS   1000000
#define KEY_SIZE     40
#define ROW_SIZE_MAX 65536u

static struct bench {
    struct store *store;
    struct log log;
    int woken;
    uint64_t last;               /* the seq that was handed back last */
    int64_t proposed[TIMES_MAX]; /* ns */
    double took_ms[TIMES_MAX];
    size_t proposed_count, count; /* of these, handed back */
    unsigned rows, row_bytes;
} bench;

static void expect(bool fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "checkpoint: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static void wake(void *ctx)
{
    (void)ctx;
    eventfd_write(bench.woken, 1);
}

static void applied(void *ctx, const struct entry *entry)
{
    (void)ctx;
    bench.last = entry->seq;
    size_t at = bench.count++;
    bench.took_ms[at] = (double)(now_ns() - bench.proposed[at]) / 1e6;
}

static void lost(void *ctx, const struct entry *entry)
{
    (void)ctx, (void)entry;
    expect(false, "an entry could not be kept");
}

static void propose(void)
{
    static char bytes[ENTRY_BYTES];
    memset(bytes, 'x', sizeof bytes);
    struct entry entry = {.kind = ENTRY_MESSAGE, .bytes = {bytes, sizeof bytes}};
    bench.proposed[bench.proposed_count++] = now_ns();
    expect(bench.log.propose(bench.log.state, &entry) == 0, "an entry is refused");
    store_push(bench.store);
}

/* Until then, and something comes back before it. */
static void await_until(int64_t ns)
{
    struct pollfd woken = {.fd = bench.woken, .events = POLLIN};
    int64_t left;
    while ((left = ns - now_ns()) > 0) {
        eventfd_t ignored;
        struct timespec time = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        if (ppoll(&woken, 1, &time, NULL) > 0) {
            eventfd_read(bench.woken, &ignored);
            store_take(bench.store);
        }
    }
}

static void await_all(void)
{
    while (bench.count < bench.proposed_count)
        await_until(now_ns() + BETWEEN_NS);
}

/* An entry every millisecond, if not all goes on waiting. */
static void talk(void)
{
    int64_t at = now_ns(), end = at + (int64_t)SECONDS * 1000000000;
    bench.count = bench.proposed_count = 0;
    while (at < end && bench.proposed_count < TIMES_MAX) {
        propose();
        at += BETWEEN_NS;
        await_until(at);
    }
    await_all();
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void tell(const char *what)
{
    qsort(bench.took_ms, bench.count, sizeof *bench.took_ms, compare);
    printf("%-42s p50 %6.2f  p99 %6.2f  p99.9 %6.2f  most %7.2f ms\n", what,
           bench.took_ms[bench.count / 2], bench.took_ms[bench.count * 99 / 100],
           bench.took_ms[bench.count * 999 / 1000], bench.took_ms[bench.count - 1]);
    fflush(stdout);
}

/* A number that has nothing to do with the one before. */
static uint64_t mixed(uint64_t number)
{
    number *= UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 29;
}

static void checkpoint(unsigned from, unsigned rows, char fill, bool in_order)
{
    static char bytes[ROW_SIZE_MAX];
    char key[KEY_SIZE];
    memset(bytes, fill, bench.row_bytes);
    for (unsigned i = from; i < from + rows; i++) {
        snprintf(key, sizeof key, "%c%020" PRIu64, in_order ? 'o' : 'n', in_order ? i : mixed(i));
        struct row row = {ROW_PATTERN, slice_of(key), {bytes, bench.row_bytes}};
        store_checkpoint_row(bench.store, slice_of("main"), &row);
    }
    store_checkpoint_end(bench.store, slice_of("main"), bench.last);
}

static void large(const char *what, char fill, bool in_order)
{
    checkpoint(0, bench.rows, fill, in_order);
    talk();
    tell(what);
}

static uint64_t written_bytes(void)
{
    uint64_t bytes = 0;
    char line[128];
    FILE *file = fopen("/proc/self/io", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "write_bytes: %" SCNu64, &bytes) == 1)
            break;
    if (file)
        fclose(file);
    return bytes;
}

static double processor_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* Each with an entry beside it. */
static void small_ones(unsigned rows)
{
    uint64_t bytes = written_bytes();
    double us = processor_us();
    int64_t began = now_ns();
    bench.count = bench.proposed_count = 0;
    for (unsigned i = 0; i < SMALL_COUNT; i++) {
        propose();
        checkpoint(i * 37 % (bench.rows - rows), rows, (char)('a' + i % 26), true);
        await_all();
    }
    printf(
        "%u checkpoints of %4u rows: %7.0f us of the processor, %7.1f KiB written, %6.2f ms each\n",
        SMALL_COUNT, rows, (processor_us() - us) / SMALL_COUNT,
        (double)(written_bytes() - bytes) / 1024 / SMALL_COUNT,
        (double)(now_ns() - began) / 1e6 / SMALL_COUNT);
}

static void open_room(const char *name)
{
    bench.log =
        store_log(bench.store, slice_of(name), (struct commit){.apply = applied, .lose = lost});
}

static void let_go(void)
{
    bench.log.forget(bench.log.state);
    open_room("other");
    talk();
    tell("the room of all that let go");
}

static void clean(const char *folder)
{
    char command[PATH_MAX];
    snprintf(command, sizeof command, "rm -r %s", folder);
    expect(system(command) == 0, "the directory stays");
}

int main(int argc, char **argv)
{
    const char *parent = getenv("TMPDIR");
    char folder[PATH_MAX / 2], why[STORE_WHY_SIZE] = "";
    snprintf(folder, sizeof folder, "%s/khub-checkpoint-XXXXXX",
             parent && *parent ? parent : "/var/tmp");
    bench.rows = argc > 1 ? (unsigned)atoi(argv[1]) : 100000;
    bench.row_bytes = argc > 2 ? (unsigned)atoi(argv[2]) : 300;
    expect(bench.rows >= 1000 && bench.row_bytes <= ROW_SIZE_MAX,
           "1000 rows at the least, of 65536 bytes at the most");
    expect(mkdtemp(folder) && (bench.woken = eventfd(0, EFD_NONBLOCK)) >= 0, folder);
    struct store_options options = {.directory = folder, .wake = wake};
    expect(store_open(&options, &bench.store, why) == 0 && store_begin(bench.store) == 0, why);
    open_room("main");
    printf("An entry each millisecond: until it is handed back, while there is written\n");
    talk();
    tell("nothing else");
    large("a large checkpoint of new rows", 'a', true);
    large("a large checkpoint of rows changed", 'b', true);
    large("new rows, keys in no order", 'a', false);
    large("rows changed, keys in no order", 'b', false);
    small_ones(SMALL_ROWS / 10);
    small_ones(SMALL_ROWS);
    let_go();
    bench.log.free(bench.log.state);
    expect(store_close(bench.store) == 0, "not all could be written");
    clean(folder);
    return 0;
}

/* Thousands of AIs that join a hub and then say nothing.
 *
 * That everyone was told of everyone is counted here, on the receiving side: each AI has a bitmap
 * of the others, set by the active_ais of its training_sync and by the relayed hellos, each of
 * which must have the very bytes that its AI sent. */
#include "load.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE       (1500 * MS)
#define TOLD_TIMEOUT (60000 * MS)

struct census {
    unsigned total;
    uint8_t *told;     /* total x total bits */
    unsigned *missing; /* for each AI, how many it has not been told of */
    unsigned complete; /* AIs that miss nobody */
    uint64_t by_sync, by_hello, repeated;
    char *hellos; /* HELLO_MAX each, as they were sent */
    size_t *hello_lens, hello_bytes;
};

static void census_init(struct census *census, const struct plan *plan)
{
    unsigned total = plan->receivers;
    *census = (struct census){.total = total};
    census->told = calloc(total, ((size_t)total + 7) / 8);
    census->missing = calloc(total, sizeof *census->missing);
    census->hellos = calloc(total, HELLO_MAX);
    census->hello_lens = calloc(total, sizeof *census->hello_lens);
    if (!census->told || !census->missing || !census->hellos || !census->hello_lens)
        fail("out of memory");
    for (unsigned i = 0; i < total; i++) {
        census->missing[i] = total - 1;
        census->hello_lens[i] =
            plan->dialect->greet(plan, i, census->hellos + (size_t)i * HELLO_MAX);
        census->hello_bytes += census->hello_lens[i];
    }
}

static void census_tell(struct census *census, unsigned whom, unsigned of, uint64_t *count)
{
    if (of >= census->total)
        fail("AI %u was told of AI %u, who does not exist", whom, of);
    if (whom == of)
        return;
    uint8_t *byte = &census->told[(size_t)whom * ((census->total + 7) / 8) + of / 8];
    uint8_t bit = (uint8_t)(1u << of % 8);
    if (*byte & bit) {
        census->repeated++;
        return;
    }
    *byte |= bit;
    (*count)++;
    if (--census->missing[whom] == 0)
        census->complete++;
}

/* "ai-00042" at these 8 bytes: 42. */
static unsigned id_number(const char *at)
{
    if (memcmp(at, "ai-", 3) != 0)
        fail("an id that nobody has: %.8s", at);
    unsigned number = 0;
    for (unsigned i = 3; i < 8; i++)
        number = 10 * number + (unsigned)(at[i] - '0');
    return number;
}

static void census_sync(struct census *census, unsigned whom, struct piece line)
{
    static const char member[] = "\"active_ais\":[";
    const char *at = memmem(line.at, line.len, member, sizeof member - 1);
    if (!at) {
        fail("a training_sync without active_ais: %.*s", (int)(line.len < 600 ? line.len : 600),
             line.at);
        return;
    }
    /* "ai-00042","ai-00043",…] */
    for (at += sizeof member - 1; line.at + line.len - at > 11 && *at == '"'; at += 10) {
        census_tell(census, whom, id_number(at + 1), &census->by_sync);
        if (at[10] == ',')
            at++;
    }
}

/* True if the line is the hello of one of ours, whole, with its seq. */
static bool census_hello(struct census *census, unsigned whom, struct piece line)
{
    static const char lead[] = "{\"message_id\":\"4e110000-0000-4000-8000-",
                      id[] = "\"sender_id\":\"";
    if (line.len < 128 || memcmp(line.at, lead, sizeof lead - 1) != 0)
        return false;
    const char *name = memmem(line.at, 128, id, sizeof id - 1);
    unsigned of = id_number(name + sizeof id - 1);
    if (of >= census->total)
        return false;
    size_t same = census->hello_lens[of] - 2; /* without "}\n" */
    if (line.len < same + 10 ||
        memcmp(line.at, census->hellos + (size_t)of * HELLO_MAX, same) != 0 ||
        memcmp(line.at + same, ",\"seq\":", 7) != 0)
        return false;
    census_tell(census, whom, of, &census->by_hello);
    return true;
}

static void census_watch(struct swarm *swarm, struct connection *connection, struct piece line)
{
    struct census *census = swarm->watch_data;
    static const char sync[] = "\"training_sync\"";
    if (census_hello(census, connection->number, line))
        return;
    if (!memmem(line.at, line.len < 512 ? line.len : 512, sync, sizeof sync - 1))
        fail("AI %u got: %.*s", connection->number, (int)(line.len < 600 ? line.len : 600),
             line.at);
    census_sync(census, connection->number, line);
}

/* A value in KiB of a file in /proc/PID; 0 if there is none. */
static size_t proc_kib(const struct plan *plan, const char *file, const char *key)
{
    char path[64], line[256];
    size_t kib = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)plan->broker, file);
    FILE *stream = fopen(path, "r");
    if (!stream) {
        fail("%s: %s", path, strerror(errno));
        return 0;
    }
    while (fgets(line, sizeof line, stream)) {
        if (strncmp(line, key, strlen(key)) == 0)
            kib = strtoul(line + strlen(key), NULL, 10);
    }
    fclose(stream);
    return kib;
}

static size_t broker_rss_kib(const struct plan *plan)
{
    return proc_kib(plan, "smaps_rollup", "Rss:");
}

static unsigned broker_files(const struct plan *plan)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)plan->broker);
    DIR *directory = opendir(path);
    if (!directory)
        fail("%s: %s", path, strerror(errno));
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void settle(struct swarm *swarm)
{
    for (int64_t end = clock_ns() + SETTLE; clock_ns() < end;)
        swarm_turn(swarm, 50 * MS);
}

void idle_run(const struct plan *plan)
{
    struct swarm swarm;
    struct census census;
    census_init(&census, plan);
    swarm_init(&swarm, plan, plan->receivers);
    swarm.watch = census_watch;
    swarm.watch_data = &census;
    size_t before = broker_rss_kib(plan);
    int64_t start = clock_ns(), cpu = broker_cpu_ns(plan);
    swarm_join(&swarm, plan->receivers);
    int64_t joined = clock_ns();
    while (census.complete < census.total) {
        if (swarm_turn(&swarm, TOLD_TIMEOUT) == 0)
            fail("%u of %u AIs were told of all others, and nothing more comes", census.complete,
                 census.total);
    }
    int64_t told = clock_ns();
    cpu = broker_cpu_ns(plan) - cpu;
    settle(&swarm);
    printf("{\"case\": \"idle\", \"ais\": %u, \"joined_s\": %.3f, \"told_s\": %.3f, "
           "\"cpu_s\": %.3f, \"by_sync\": %llu, \"by_hello\": %llu, \"repeated\": %llu, "
           "\"rss_before_kib\": %zu, \"rss_after_kib\": %zu, \"rss_peak_kib\": %zu, "
           "\"hello_bytes\": %zu}\n",
           census.total, (double)(joined - start) / 1e9, (double)(told - start) / 1e9,
           (double)cpu / 1e9, (unsigned long long)census.by_sync,
           (unsigned long long)census.by_hello, (unsigned long long)census.repeated, before,
           broker_rss_kib(plan), proc_kib(plan, "status", "VmHWM:"), census.hello_bytes);
    swarm_close(&swarm);
    free(census.told);
    free(census.missing);
    free(census.hellos);
    free(census.hello_lens);
}

/* Connections that say nothing at all: what one costs before there is an AI behind it. */
void silent_run(const struct plan *plan)
{
    struct swarm swarm;
    swarm_init(&swarm, plan, plan->receivers);
    size_t before = broker_rss_kib(plan);
    unsigned files = broker_files(plan);
    while (swarm.opened < swarm.total) {
        for (unsigned i = 0; i < plan->join_window && swarm.opened < swarm.total; i++)
            swarm_open(&swarm);
        for (int tries = 0; broker_files(plan) < files + swarm.opened; tries++) {
            if (tries == 2000)
                fail("%u connections were not taken", swarm.opened);
            swarm_turn(&swarm, MS);
        }
        while (swarm.shaking)
            swarm_turn(&swarm, TOLD_TIMEOUT);
    }
    settle(&swarm);
    printf("{\"case\": \"silent\", \"ais\": %u, \"rss_before_kib\": %zu, \"rss_after_kib\": %zu}\n",
           swarm.total, before, broker_rss_kib(plan));
    swarm_close(&swarm);
}

/* What one line costs: message_parse beside jansson, cJSON and yajl, on pattern_share lines of 349
 * bytes.
 *
 * The lines differ in everything that differs in life (ids, times, numbers), so that the branch
 * predictor cannot learn one line by heart, and each lies at another alignment. Rounds of the four
 * take turns, so that a slow moment of the machine hits all; what counts is each one's median
 * round. Ours does more than the others: it judges the six members as well. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#include "wire/message.h"
#include "wire/text.h"

#define LINE_SIZE  349
#define LINE_COUNT 64
#define ROUNDS     15
#define ROUND_NS   40000000 /* about how long one round of one parser takes */

static char room[LINE_COUNT][LINE_SIZE + 16];
static struct slice lines[LINE_COUNT];

static uint64_t state = 1;

/* splitmix64 */
static uint64_t draw(void)
{
    uint64_t mixed = state += UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ mixed >> 31;
}

static void make_line(int index)
{
    static const char *const senders[] = {"AI_N11", "AI_S27", "AI_F38", "AI_M42"};
    static const char *const kinds[] = {"net", "cpu", "mem", "sec"};
    uint8_t random[16];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)draw();
    char id[UUID_SIZE], line[LINE_SIZE + 16];
    uuid_format(random, id);
    const char *sender = senders[draw() % 4];
    unsigned second = (unsigned)(draw() % 60), number = (unsigned)(draw() % 10);
    int len = snprintf(
        line, sizeof line,
        "{\"message_id\": \"%s\", \"sender_id\": \"%s\", \"message_type\": \"pattern_share\", "
        "\"timestamp\": \"2026-11-22T08:00:%02u.%06u\", \"payload\": {\"pattern\": {\"id\": "
        "\"%s_pattern_17953344%02u_%u\", \"type\": \"learned_behavior\", \"confidence\": 0.%02u, "
        "\"data\": {\"example\": \"%s pattern %u\"}, \"specialization\": \"%s\"}}, "
        "\"target_ai\": null}",
        id, sender, second, (unsigned)(draw() % 1000000), sender, second, number,
        (unsigned)(10 + draw() % 90), sender, number, kinds[draw() % 4]);
    if (len != LINE_SIZE) {
        fprintf(stderr, "scan: the line is %d bytes, not %d: %s\n", len, LINE_SIZE, line);
        exit(1);
    }
    lines[index] = (struct slice){room[index] + index % 16, LINE_SIZE};
    memcpy(room[index] + index % 16, line, LINE_SIZE);
}

static bool parse_khub(struct slice line)
{
    struct message message;
    struct refusal refusal;
    return message_parse(line, &message, &refusal) == 0;
}

static bool parse_check(struct slice line)
{
    size_t at;
    return json_check(line, WIRE_DEPTH_MAX + 1, &at) == JSON_FINE;
}

static bool parse_jansson(struct slice line)
{
    json_error_t error;
    json_t *tree = json_loadb(line.at, line.len, JSON_ALLOW_NUL, &error);
    json_decref(tree);
    return tree != NULL;
}

static bool parse_cjson(struct slice line)
{
    cJSON *tree = cJSON_ParseWithLength(line.at, line.len);
    cJSON_Delete(tree);
    return tree != NULL;
}

/* yajl calls back for each token; with no callbacks it judges alone, and builds nothing. */
static bool parse_yajl(struct slice line)
{
    yajl_handle handle = yajl_alloc(NULL, NULL, NULL);
    yajl_status status =
        yajl_parse(handle, (const unsigned char *)line.at, line.len) == yajl_status_ok
            ? yajl_complete_parse(handle)
            : yajl_status_error;
    yajl_free(handle);
    return status == yajl_status_ok;
}

static struct contestant {
    const char *name, *does;
    bool (*parse)(struct slice line);
    long loops; /* over all lines, in one round */
    double rounds[ROUNDS];
} contestants[] = {
    {"khub", "message_parse: judged, six members found", parse_khub},
    {"khub scan", "json_check: judged", parse_check},
    {"yajl", "judged, no callbacks", parse_yajl},
    {"cJSON", "a tree (UTF-8 not checked)", parse_cjson},
    {"jansson", "a tree", parse_jansson},
};
#define CONTESTANTS (sizeof contestants / sizeof *contestants)

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Nanoseconds a line, over `loops` times all of the lines. */
static double round_run(const struct contestant *contestant, long loops)
{
    int64_t begin = now_ns();
    for (long loop = 0; loop < loops; loop++) {
        for (int i = 0; i < LINE_COUNT; i++) {
            if (!contestant->parse(lines[i])) {
                fprintf(stderr, "scan: %s refuses a good line\n", contestant->name);
                exit(1);
            }
        }
    }
    return (double)(now_ns() - begin) / (double)(loops * LINE_COUNT);
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(void)
{
    for (int i = 0; i < LINE_COUNT; i++)
        make_line(i);
    for (size_t i = 0; i < CONTESTANTS; i++) {
        double once = round_run(&contestants[i], 20);
        contestants[i].loops = (long)(ROUND_NS / (once * LINE_COUNT)) + 1;
    }
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < CONTESTANTS; i++)
            contestants[i].rounds[round] = round_run(&contestants[i], contestants[i].loops);

    printf("pattern_share, %d bytes, %d lines in turn, median of %d rounds (CPU time)\n\n",
           LINE_SIZE, LINE_COUNT, ROUNDS);
    printf("%-10s %9s %9s %9s %8s  %s\n", "", "ns/line", "best", "worst", "ratio", "what it does");
    for (size_t i = 0; i < CONTESTANTS; i++) {
        double *rounds = contestants[i].rounds;
        qsort(rounds, ROUNDS, sizeof *rounds, by_size);
        printf("%-10s %9.0f %9.0f %9.0f %8.2f  %s\n", contestants[i].name, rounds[ROUNDS / 2],
               rounds[0], rounds[ROUNDS - 1],
               rounds[ROUNDS / 2] / contestants[0].rounds[ROUNDS / 2], contestants[i].does);
    }
    return 0;
}

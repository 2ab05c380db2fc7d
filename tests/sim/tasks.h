/* Tasks as the hub has told them so far. */
#ifndef KHUB_TESTS_SIM_TASKS_H
#define KHUB_TESTS_SIM_TASKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct effect;
struct maker;
struct world;

enum { TASKS_TOLD = 96, TASK_ITEMS = 2, TASK_RERUNS = 32 };

struct rerun_model {
    size_t index;
    char owner[64], sha256[65];
    json_int_t exit;
    bool counts;
};

struct task_model {
    char id[72], author[160], holder[160]; /* holder "": nobody */
    uint64_t fence;
    bool closed, done;
    uint64_t needs[2]; /* a bit for each of the room's */
    size_t item_count;
    struct {
        json_int_t exit;
        char sha256[65];
    } items[TASK_ITEMS];
    struct rerun_model reruns[TASK_RERUNS];
    size_t rerun_count;
};

struct tasks_model {
    struct task_model *at; /* in the order of their making; owned */
    size_t count;
};

void model_tasks_clear(struct tasks_model *tasks);
/* What an effect says of a task must go with what was said before. */
void tasks_follow(struct world *world, const struct effect *effect);
/* Payloads; and the key of some task's lease: false, there is none. */
void make_task(struct maker *maker);
void make_evidence_report(struct maker *maker);
void make_task_query(struct maker *maker);
bool make_task_key(struct maker *maker);

#endif

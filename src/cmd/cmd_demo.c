/* khub demo: a hub and four AIs as real processes, watched for a minute, and what came of it. The
 * fourth comes later, to a hub that knows something already.
 *
 * What makes it hard is the ending: whatever happens (a child dies, Ctrl-C, time runs out), every
 * child is ended by its pid and the directory is gone. So there is one way out, demo_end; and where
 * there is none (kill -9), the kernel ends the children and the next demo removes the directory. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/children.h"
#include "cmd/commands.h"
#include "cmd/demo.h"
#include "cmd/stop.h"
#include "cmd/visit.h"
#include "process/scratch.h"

#define HUB_START_MS  10000
#define MINUTES_MOST  600   /* of each of the two that make up its time */
#define LATE_MS       60000 /* that AIs may take to end when they are asked to */
#define LOOK_MS       200   /* between looks at the children, and between drawings of the block */
#define STOP_GRACE_MS 5000

const struct demo_ai demo_ais[DEMO_AIS] = {
    {"AI_Node_1", "networking", 0},
    {"AI_Node_2", "file_system", 0},
    {"AI_Node_3", "security", 0},
    {"AI_Node_4", "networking", 0.4},
};

struct demo_settings {
    double minutes, patience;
    const char *color;
    bool json, keep;
};

struct demo {
    const struct demo_settings *settings;
    struct scratch scratch; /* logs, summaries, the hub's port */
    char address[32];
    struct child hub, trainers[DEMO_AIS];
    struct demo_view view;
    struct visit visit;
    bool started[DEMO_AIS];
    bool ending; /* they have been asked to end */
    json_t *summaries[DEMO_AIS];
};

static void path_in(const struct demo *demo, const char *name, const char *suffix,
                    char path[CHILD_PATH_MAX])
{
    snprintf(path, CHILD_PATH_MAX, "%s/%s%s", demo->scratch.path, name, suffix);
}

static int fail_child(struct demo *demo, const struct child *child)
{
    demo_view_end(&demo->view);
    complain("demo", "%s ended early (%s). Its last lines:", child->name, child_ending(child));
    child_print_tail(child, stderr);
    return EXIT_FAILED;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000L}, NULL);
}

/* Waits for the port file, which the hub writes once it listens. */
static int find_port(struct demo *demo, const char *path)
{
    int64_t until = time_monotonic_ms() + HUB_START_MS;
    while (time_monotonic_ms() < until && !stop_asked()) {
        unsigned port = 0;
        FILE *file = fopen(path, "re");
        bool found = file && fscanf(file, "%5u\n", &port) == 1 && port > 0;
        if (file)
            fclose(file);
        if (found) {
            snprintf(demo->address, sizeof(demo->address), "127.0.0.1:%u", port);
            return EXIT_WORKED;
        }
        if (child_ended(&demo->hub))
            return fail_child(demo, &demo->hub);
        nap();
    }
    return complain("demo", "the hub did not listen within %d s.", HUB_START_MS / 1000);
}

static int start_hub(struct demo *demo)
{
    char port_file[CHILD_PATH_MAX];
    path_in(demo, "port", "", port_file);
    const char *const arguments[] = {"serve",       "--memory",    "--listen",
                                     "127.0.0.1:0", "--port-file", port_file,
                                     "--log",       "-",           NULL};
    if (child_start(&demo->hub, "hub", demo->scratch.path, arguments) < 0)
        return complain("demo", "could not start the hub: %s", strerror(errno));
    return find_port(demo, port_file);
}

/* Starts those whose time has come. They would go on for longer than the demo does: it asks them to
 * end. */
static int start_trainers(struct demo *demo, int64_t now)
{
    char minutes[32], summary[CHILD_PATH_MAX];
    int64_t all = demo->view.ends - demo->view.begun;
    static_assert(2 * MINUTES_MOST < TRAIN_MINUTES_MOST, "trainers outlast the demo");
    snprintf(minutes, sizeof minutes, "%d", TRAIN_MINUTES_MOST);
    for (size_t i = 0; i < DEMO_AIS; i++) {
        const struct demo_ai *ai = &demo_ais[i];
        if (demo->started[i] || (double)(now - demo->view.begun) < ai->joins * (double)all)
            continue;
        path_in(demo, ai->ai_id, ".json", summary);
        const char *const arguments[] = {"train", "--hub",   demo->address,      "--summary",
                                         summary, ai->ai_id, ai->specialization, minutes,
                                         NULL};
        if (child_start(&demo->trainers[i], ai->ai_id, demo->scratch.path, arguments) < 0)
            return complain("demo", "could not start %s: %s", ai->ai_id, strerror(errno));
        demo->started[i] = true;
    }
    return EXIT_WORKED;
}

static void on_message(struct visit *visit, const struct khub_message *message)
{
    demo_view_message(visit->data, message);
}

/* Whether all trainers are through; *ret_code: EXIT_FAILED when one or the hub went wrong. */
static bool all_done(struct demo *demo, int *ret_code)
{
    bool done = true;
    if (child_ended(&demo->hub)) {
        *ret_code = fail_child(demo, &demo->hub);
        return true;
    }
    for (size_t i = 0; i < DEMO_AIS; i++) {
        bool ended = demo->started[i] && child_ended(&demo->trainers[i]);
        if (ended && !(demo->ending && child_worked(&demo->trainers[i]))) {
            *ret_code = fail_child(demo, &demo->trainers[i]);
            return true;
        }
        done = done && ended;
    }
    return done;
}

/* The link breaks a moment before the process is gone: its end says more. */
static int lose_hub(struct demo *demo)
{
    int64_t until = time_monotonic_ms() + LOOK_MS;
    while (!child_ended(&demo->hub) && time_monotonic_ms() < until)
        nap();
    if (demo->hub.pid == 0)
        return fail_child(demo, &demo->hub);
    return complain("demo", "lost the hub: %s", demo->visit.why);
}

/* The time is up, and all has happened, or will not for as long as anybody waits. */
static bool time_to_end(const struct demo *demo, int64_t now)
{
    int64_t patience = (int64_t)(demo->settings->patience * 60000);
    return now >= demo->view.ends &&
           (demo_view_happened(&demo->view) || now >= demo->view.ends + patience);
}

static void ask_to_end(struct demo *demo)
{
    demo->ending = true;
    for (size_t i = 0; i < DEMO_AIS; i++)
        child_ask(&demo->trainers[i]);
}

/* One turn of watching: EXIT_WORKED to go on. */
static int watch(struct demo *demo)
{
    struct pollfd reader = {.fd = STDOUT_FILENO};
    int64_t until = time_monotonic_ms() + LOOK_MS;
    enum visit_result result = visit_wait(&demo->visit, until, &reader, 1);
    if (result == VISIT_STOPPED)
        return complain("demo", "stopped before the end.");
    if (result == VISIT_ENDED)
        return lose_hub(demo);
    if (fflush(stdout) != 0 || (reader.revents & (POLLERR | POLLHUP | POLLNVAL)))
        return EXIT_FAILED; /* nobody reads any more */
    demo_view_refresh(&demo->view);
    return EXIT_WORKED;
}

static int follow(struct demo *demo)
{
    int code = EXIT_WORKED;
    int64_t last = 0; /* when even asking them to end has not helped */
    while (!all_done(demo, &code)) {
        int64_t now = time_monotonic_ms();
        if (!demo->ending && time_to_end(demo, now)) {
            ask_to_end(demo);
            last = now + LATE_MS;
        }
        if (demo->ending && now > last)
            return complain("demo", "the AIs did not end within %d s.", LATE_MS / 1000);
        code = demo->ending ? EXIT_WORKED : start_trainers(demo, now);
        if (code == EXIT_WORKED)
            code = watch(demo);
        if (code != EXIT_WORKED)
            return code;
    }
    if (code == EXIT_WORKED)
        visit_settle(&demo->visit, STOP_GRACE_MS); /* the last messages, still on their way to us */
    return code;
}

static void read_summaries(struct demo *demo)
{
    char path[CHILD_PATH_MAX];
    for (size_t i = 0; i < DEMO_AIS; i++) {
        path_in(demo, demo_ais[i].ai_id, ".json", path);
        demo->summaries[i] = json_load_file(path, 0, NULL);
    }
}

/* Everything up to the result: the hub, the AIs, the minute. */
static int perform(struct demo *demo)
{
    int code = start_hub(demo);
    if (code != EXIT_WORKED)
        return code;
    demo->visit = (struct visit){.command = "demo",
                                 .address = demo->address,
                                 .observer = true,
                                 .message = on_message,
                                 .data = &demo->view};
    code = visit_begin(&demo->visit);
    if (code != EXIT_WORKED)
        return code;
    demo->visit.quiet = true; /* from here on the children's ends say what went wrong */
    demo->view.begun = time_monotonic_ms();
    demo->view.ends = demo->view.begun + (int64_t)(demo->settings->minutes * 60000);
    demo_view_note(&demo->view, "a hub on %s and four AIs, for %g %s", demo->address,
                   demo->settings->minutes, demo->settings->minutes == 1 ? "minute" : "minutes");
    code = follow(demo);
    demo_view_end(&demo->view);
    if (code != EXIT_WORKED)
        return code;
    visit_end(&demo->visit);
    child_stop(&demo->hub, STOP_GRACE_MS);
    if (!child_worked(&demo->hub))
        return fail_child(demo, &demo->hub);
    read_summaries(demo);
    return demo_result(&demo->view, demo->summaries, demo->settings->json);
}

static void demo_end(struct demo *demo)
{
    demo_view_end(&demo->view);
    feed_free(&demo->view.feed);
    demo->visit.quiet = true;
    visit_end(&demo->visit);
    for (size_t i = 0; i < DEMO_AIS; i++)
        child_ask(&demo->trainers[i]);
    for (size_t i = 0; i < DEMO_AIS; i++) {
        child_stop(&demo->trainers[i], STOP_GRACE_MS);
        json_decref(demo->summaries[i]);
    }
    child_stop(&demo->hub, STOP_GRACE_MS);
    if (!demo->settings->keep)
        scratch_remove(&demo->scratch);
    else if (scratch_keep(&demo->scratch) == 0)
        complain("demo", "the logs are in %s", demo->scratch.path);
    else
        complain("demo", "could not keep %s: %s", demo->scratch.path, strerror(errno));
}

static int run(const void *data)
{
    struct demo demo = {.settings = data};
    if (scratch_make("demo", &demo.scratch) < 0)
        return complain("demo", "could not make a temporary directory: %s", strerror(errno));
    stop_catch();
    demo_view_begin(&demo.view, demo.settings->color, demo.settings->json);
    int code = perform(&demo);
    demo_end(&demo);
    return code;
}

#define AT(member) .offset = offsetof(struct demo_settings, member)
static const struct setting options[] = {
    {.name = "minutes",
     .letter = 'm',
     .kind = SETTING_NUMBER,
     AT(minutes),
     .argument = "N",
     .fallback = "1",
     .low = 0.05,
     .high = MINUTES_MOST,
     .help = "How long the AIs train."},
    {.name = "patience",
     .kind = SETTING_NUMBER,
     AT(patience),
     .argument = "N",
     .fallback = "4",
     .low = 0,
     .high = MINUTES_MOST,
     .help =
         "How many minutes longer at the most, on a slow machine, until everything has happened."},
    JSON_SETTING(struct demo_settings, "No live view; the result as JSON."),
    COLOR_SETTING(struct demo_settings),
    {.name = "keep",
     .kind = SETTING_FLAG,
     AT(keep),
     .help = "Keeps the logs and summaries of the hub and the AIs, and says where."},
    {0},
};

const struct command command_demo = {
    .name = "demo",
    .summary = "see a hub and four AIs at work, for a minute",
    .about = "Starts a hub and AIs (networking, file_system, security, and later a second one of "
             "networking) as processes of their own on this machine, on a free port of 127.0.0.1, "
             "and shows what they say to each other. At the end it sums up: what each AI has "
             "learned alone and together with the others, beside the textbook and the bound that "
             "nobody can beat; what was shared, taken in, checked and confirmed by others; which "
             "sessions were completed. "
             "Ctrl-C ends it at once. It leaves nothing behind.",
    .example = "  khub demo\n  khub demo --minutes 0.5 --json",
    .worked = "everything happened that should",
    .failed = "something of it did not; it says what",
    .options = options,
    .settings_size = sizeof(struct demo_settings),
    .run = run,
};

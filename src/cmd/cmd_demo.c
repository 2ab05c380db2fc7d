/* khub demo: a hub and four AIs as real processes, watched for a minute, and what came of it. The
 * fourth comes later, to a hub that knows something already; and in the middle the hub is killed
 * and started again.
 *
 * What makes it hard is the ending: whatever happens (a child dies, Ctrl-C, time runs out), every
 * child is ended by its pid and the directories are gone. So there is one way out, demo_end; and
 * where there is none (kill -9), the kernel ends the children, and the next demo removes the
 * directories. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/children.h"
#include "cmd/commands.h"
#include "cmd/demo.h"
#include "cmd/fields.h"
#include "cmd/kb.h"
#include "cmd/searcher_given.h"
#include "cmd/stop.h"
#include "cmd/visit.h"
#include "process/scratch.h"

#define START_MS      10000 /* that a hub, or a gateway, may take until it listens */
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
    struct text_list by;
    struct searcher_settings searcher;
    bool json, keep, memory;
};

struct demo {
    const struct demo_settings *settings;
    struct scratch scratch; /* logs, summaries, the hub's port */
    struct scratch data;    /* the hub's */
    char address[32];
    struct child hub, gateway, trainers[DEMO_AIS];
    struct demo_view view;
    struct demo_audit audit;
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

/* Waits for the port file that a child writes once it listens. */
static int find_port(struct demo *demo, struct child *child, const char *path, unsigned *ret_port)
{
    int64_t until = time_monotonic_ms() + START_MS;
    while (time_monotonic_ms() < until && !stop_asked()) {
        FILE *file = fopen(path, "re");
        bool found = file && fscanf(file, "%5u\n", ret_port) == 1 && *ret_port > 0;
        if (file)
            fclose(file);
        if (found)
            return EXIT_WORKED;
        if (child_ended(child))
            return fail_child(demo, child);
        nap();
    }
    return complain("demo", "the %s did not listen within %d s.", child->name, START_MS / 1000);
}

/* On a port of its own, or again on the one that it had. Each has a log of its own. */
static int start_hub(struct demo *demo, const char *name, const char *address)
{
    char port_file[CHILD_PATH_MAX];
    bool memory = demo->settings->memory;
    path_in(demo, name, ".port", port_file);
    const char *const arguments[] = {"serve",
                                     "--listen",
                                     address,
                                     "--port-file",
                                     port_file,
                                     "--log",
                                     "-",
                                     memory ? "--memory" : "--data",
                                     memory ? NULL : demo->data.path,
                                     NULL};
    if (child_start(&demo->hub, name, demo->scratch.path, arguments) < 0)
        return complain("demo", "could not start the hub: %s", strerror(errno));
    unsigned port = 0;
    int code = find_port(demo, &demo->hub, port_file, &port);
    if (code == EXIT_WORKED)
        snprintf(demo->address, sizeof demo->address, "127.0.0.1:%u", port);
    return code;
}

/* The page is a process of its own: while the hub is away, it is there to say so. */
static int start_gateway(struct demo *demo, unsigned *ret_port)
{
    char port_file[CHILD_PATH_MAX];
    path_in(demo, "gateway", ".port", port_file);
    const char *const arguments[] = {"gateway",     "--hub",       demo->address, "--http",
                                     "127.0.0.1:0", "--port-file", port_file,     NULL};
    if (child_start(&demo->gateway, "gateway", demo->scratch.path, arguments) < 0)
        return complain("demo", "could not start the gateway: %s", strerror(errno));
    return find_port(demo, &demo->gateway, port_file, ret_port);
}

static bool has_acked(const struct demo *demo)
{
    char path[CHILD_PATH_MAX];
    bool has = false;
    for (size_t i = 0; i < DEMO_AIS && !has; i++) {
        path_in(demo, demo_ais[i].ai_id, ".acks", path);
        has = audit_has_acked(path, khub_seq(demo->visit.link));
    }
    return has;
}

static bool out_of_patience(const struct demo *demo, int64_t now)
{
    return now >= demo->view.ends + (int64_t)(demo->settings->patience * 60000);
}

/* The hub has acked something, half of the time is gone, and some are at work together; or all of
 * it, and none are. */
static bool time_to_kill(const struct demo *demo, int64_t now)
{
    int64_t gone = now - demo->view.begun, all = demo->view.ends - demo->view.begun;
    bool busy = json_object_size(demo->view.active) > 0;
    if (demo->audit.killed || demo->ending)
        return false;
    return out_of_patience(demo, now) ||
           ((gone >= all || (2 * gone >= all && busy)) && has_acked(demo));
}

/* Without a warning, and in the middle of everything. */
static int kill_hub(struct demo *demo)
{
    char address[sizeof demo->address];
    int64_t now = time_monotonic_ms();
    memcpy(address, demo->address, sizeof address);
    audit_kill(&demo->audit, khub_seq(demo->visit.link), demo->view.active);
    demo->audit.killed_after = now - demo->view.begun;
    child_kill(&demo->hub);
    demo_view_note(&demo->view, "the hub is killed (SIGKILL), and started again %s",
                   demo->settings->memory ? "with nothing" : "on its data directory");
    int code = start_hub(demo, "hub_again", address);
    demo->audit.away = time_monotonic_ms() - now;
    demo->audit.killed = code == EXIT_WORKED;
    return code;
}

static void add_searcher(const struct demo *demo, const char *by, struct searcher_words *words,
                         const char **at)
{
    searcher_write(&demo->settings->searcher, words);
    *at++ = "--by";
    *at++ = by;
    memcpy(at, words->words, sizeof words->words);
}

/* Starts those whose time has come. They would go on for longer than the demo does: it asks them to
 * end. */
static int start_trainers(struct demo *demo, int64_t now)
{
    char minutes[32], summary[CHILD_PATH_MAX], acks[CHILD_PATH_MAX];
    struct searcher_words words;
    int64_t all = demo->view.ends - demo->view.begun;
    static_assert(2 * MINUTES_MOST < TRAIN_MINUTES_MOST, "trainers outlast the demo");
    snprintf(minutes, sizeof minutes, "%d", TRAIN_MINUTES_MOST);
    for (size_t i = 0; i < DEMO_AIS; i++) {
        const struct demo_ai *ai = &demo_ais[i];
        if (demo->started[i] || (double)(now - demo->view.begun) < ai->joins * (double)all)
            continue;
        path_in(demo, ai->ai_id, ".json", summary);
        path_in(demo, ai->ai_id, ".acks", acks);
        const char *arguments[10 + 2 + SEARCHER_WORDS_MAX + 1] = {
            "train",  "--hub", demo->address, "--summary",        summary,
            "--acks", acks,    ai->ai_id,     ai->specialization, minutes};
        /* Whoever the user names searches for the last of them, or the last ones. */
        size_t behind = DEMO_AIS - 1 - i;
        if (behind < demo->settings->by.count)
            add_searcher(demo, demo->settings->by.at[behind], &words, arguments + 10);
        if (child_start(&demo->trainers[i], ai->ai_id, demo->scratch.path, arguments) < 0)
            return complain("demo", "could not start %s: %s", ai->ai_id, strerror(errno));
        demo->started[i] = true;
    }
    return EXIT_WORKED;
}

static void on_message(struct visit *visit, const struct khub_message *message)
{
    struct demo *demo = visit->data;
    demo_view_message(&demo->view, message);
}

static void on_change(struct visit *visit, const char *why)
{
    struct demo *demo = visit->data;
    if (!why)
        audit_back(&demo->audit, khub_seq(visit->link));
}

/* Whether all trainers are through; *ret_code: EXIT_FAILED when one or the hub went wrong. */
static bool all_done(struct demo *demo, int *ret_code)
{
    bool done = true;
    if (child_ended(&demo->hub)) {
        *ret_code = fail_child(demo, &demo->hub);
        return true;
    }
    if (child_ended(&demo->gateway)) {
        *ret_code = fail_child(demo, &demo->gateway);
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

static void read_summaries(struct demo *demo)
{
    char path[CHILD_PATH_MAX];
    for (size_t i = 0; i < DEMO_AIS; i++) {
        path_in(demo, demo_ais[i].ai_id, ".json", path);
        json_decref(demo->summaries[i]);
        demo->summaries[i] = json_load_file(path, 0, NULL);
    }
}

/* All was seen on the wire, and each AI has measured that it gained. */
static bool all_happened(struct demo *demo)
{
    if (!demo_view_happened(&demo->view))
        return false;
    read_summaries(demo);
    return demo_all_gained(demo->summaries);
}

/* The time is up, and all has happened, or will not for as long as anybody waits. */
static bool time_to_end(struct demo *demo, int64_t now)
{
    return now >= demo->view.ends && demo->audit.killed &&
           (out_of_patience(demo, now) || all_happened(demo));
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
    if (!output_flush() || (reader.revents & (POLLERR | POLLHUP | POLLNVAL)))
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
        if (code == EXIT_WORKED && time_to_kill(demo, now))
            code = kill_hub(demo);
        if (code == EXIT_WORKED)
            code = watch(demo);
        if (code != EXIT_WORKED)
            return code;
    }
    if (code == EXIT_WORKED)
        visit_settle(&demo->visit, STOP_GRACE_MS); /* the last messages, still on their way to us */
    return code;
}

/* ── what is there at the end ── */

struct historian {
    struct demo_audit *audit;
    bool caught_up;
};

static void on_history(struct visit *visit, const struct khub_message *message)
{
    struct historian *historian = visit->data;
    if (strcmp(message->type.at, "caught_up") == 0)
        historian->caught_up = true;
    else if (!historian->caught_up)
        audit_told(historian->audit, message);
}

/* The hub tells all from its beginning. */
static int read_history(struct demo *demo)
{
    char identity[IDENTITY_SIZE];
    struct historian historian = {.audit = &demo->audit};
    struct visit visit = {.command = "demo",
                          .address = demo->address,
                          .ai_id = identity,
                          .observer = true,
                          .resumes = true,
                          .since = 1,
                          .message = on_history,
                          .data = &historian};
    identity_make("historian", true, identity);
    int code = visit_begin(&visit);
    while (code == EXIT_WORKED && !historian.caught_up)
        if (visit_wait(&visit, -1, NULL, 0) != VISIT_TURNED)
            code = EXIT_FAILED;
    visit_end(&visit);
    return code;
}

static void on_pattern(void *data, const struct kb_entry *entry)
{
    OWNED char *author = field_string(entry->value, "contributor");
    audit_known(data, author, true, entry->id);
}

static void on_component(void *data, const struct kb_entry *entry)
{
    OWNED char *author = field_string(entry->value, "contributor");
    OWNED char *id = field_string(kb_body(entry->value), "id");
    audit_known(data, author, false, id);
}

/* And what it knows. */
static int read_knowledge(struct demo *demo)
{
    char identity[IDENTITY_SIZE];
    struct visit visit = {.command = "demo",
                          .address = demo->address,
                          .ai_id = identity,
                          .observer = true,
                          .knowing = true,
                          .message = kb_pages_message};
    identity_make("librarian", true, identity);
    int code = visit_begin(&visit);
    if (code == EXIT_WORKED)
        code = kb_complete(&visit);
    if (code == EXIT_WORKED) {
        kb_each_entry("patterns", visit.sync, on_pattern, &demo->audit);
        kb_each_entry("components", visit.sync, on_component, &demo->audit);
    }
    visit_end(&visit);
    return code;
}

static int take_stock(struct demo *demo)
{
    char path[CHILD_PATH_MAX];
    int code = read_history(demo);
    if (code == EXIT_WORKED)
        code = read_knowledge(demo);
    for (size_t i = 0; code == EXIT_WORKED && i < DEMO_AIS; i++) {
        path_in(demo, demo_ais[i].ai_id, ".acks", path);
        if (audit_acked(&demo->audit, demo_ais[i].ai_id, path) < 0)
            code = complain("demo", "what the hub acked to %s can't be read.", demo_ais[i].ai_id);
    }
    audit_end(&demo->audit);
    return code;
}

/* Everything up to the result: the hub, the AIs, the minute. */
static int perform(struct demo *demo)
{
    unsigned page = 0;
    int code = start_hub(demo, "hub", "127.0.0.1:0");
    if (code == EXIT_WORKED)
        code = start_gateway(demo, &page);
    if (code != EXIT_WORKED)
        return code;
    demo->visit = (struct visit){.command = "demo",
                                 .address = demo->address,
                                 .observer = true,
                                 .keeps_trying = true,
                                 .resumes = true,
                                 .message = on_message,
                                 .changed = on_change,
                                 .data = demo};
    code = visit_begin(&demo->visit);
    if (code != EXIT_WORKED)
        return code;
    demo->visit.quiet = true; /* from here on the children's ends say what went wrong */
    demo->view.begun = time_monotonic_ms();
    demo->view.ends = demo->view.begun + (int64_t)(demo->settings->minutes * 60000);
    demo_view_note(&demo->view, "a hub on %s and four AIs, for %g %s", demo->address,
                   demo->settings->minutes, demo->settings->minutes == 1 ? "minute" : "minutes");
    demo_view_note(&demo->view, "the page to watch them on: http://127.0.0.1:%u/", page);
    code = follow(demo);
    demo_view_end(&demo->view);
    if (code != EXIT_WORKED)
        return code;
    visit_end(&demo->visit);
    code = take_stock(demo);
    if (code != EXIT_WORKED)
        return code;
    child_stop(&demo->hub, STOP_GRACE_MS);
    if (!child_worked(&demo->hub))
        return fail_child(demo, &demo->hub);
    read_summaries(demo);
    return demo_result(&demo->view, &demo->audit, demo->summaries, demo->settings->json);
}

static void demo_end(struct demo *demo)
{
    demo_view_end(&demo->view);
    demo_view_free(&demo->view);
    audit_free(&demo->audit);
    demo->visit.quiet = true;
    visit_end(&demo->visit);
    for (size_t i = 0; i < DEMO_AIS; i++)
        child_ask(&demo->trainers[i]);
    for (size_t i = 0; i < DEMO_AIS; i++) {
        child_stop(&demo->trainers[i], STOP_GRACE_MS);
        json_decref(demo->summaries[i]);
    }
    child_stop(&demo->gateway, STOP_GRACE_MS);
    child_stop(&demo->hub, STOP_GRACE_MS);
    scratch_remove(&demo->data);
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
    const struct text_list *by = &demo.settings->by;
    if (searcher_check("demo", &demo.settings->searcher, by->at, by->count) != EXIT_WORKED)
        return EXIT_USAGE;
    if (by->count > DEMO_AIS)
        return complain("demo", "there are %zu searchers, and %u AIs for them.", by->count,
                        DEMO_AIS),
               EXIT_USAGE;
    if (scratch_make("demo", &demo.scratch) < 0 || scratch_make("demo-hub", &demo.data) < 0) {
        int cause = errno;
        scratch_remove(&demo.scratch);
        return complain("demo", "could not make a temporary directory: %s", strerror(cause));
    }
    stop_catch();
    demo_view_begin(&demo.view, demo.settings->color, demo.settings->json);
    audit_begin(&demo.audit);
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
    {.name = "by",
     .kind = SETTING_LIST,
     AT(by),
     .argument = "SEARCHER",
     .help = "Who searches for the AI that comes last, as 'khub train --by': genetic, exec:COMMAND "
             "or llm:MODEL. A second one searches for the AI before it, and so on."},
    MODEL_SETTINGS(struct demo_settings),
    JSON_SETTING(struct demo_settings, "No live view; the result as JSON."),
    COLOR_SETTING(struct demo_settings),
    {.name = "memory",
     .kind = SETTING_FLAG,
     AT(memory),
     .help = "The hub keeps nothing: see what is lost then."},
    {.name = "keep",
     .kind = SETTING_FLAG,
     AT(keep),
     .help = "Keeps the logs and summaries of the hub and the AIs, and says where."},
    {0},
};

const struct command command_demo = {
    .name = "demo",
    .summary = "see a hub and four AIs at work, for a minute",
    .about =
        "Starts a hub and AIs (networking, file_system, security, and later a second one of "
        "networking) as processes of their own on this machine, on a free port of 127.0.0.1, "
        "and shows what they say to each other, here and on a page for browsers, whose address "
        "it prints. In the middle it kills the hub (SIGKILL) and "
        "starts it again on its data directory. At the end it sums up: what each AI has "
        "learned alone and together with the others, beside the textbook and the bound that "
        "nobody can beat; what was shared, taken in, checked and confirmed by others; which "
        "sessions were completed; and what of all that the hub had acked, knew and had under "
        "way when it was killed is there afterwards. "
        "Ctrl-C ends it at once. It leaves nothing behind.",
    .example = "  khub demo\n  khub demo --minutes 0.5 --json",
    .worked = "everything happened that should, and nothing was lost",
    .failed = "something of it did not, or something was lost; it says what",
    .options = options,
    .settings_size = sizeof(struct demo_settings),
    .run = run,
};

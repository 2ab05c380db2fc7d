/* A task of A2A out of what was said in its session, message by message. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/a2a_task.h"

#define ID   "21758a7f-b24a-4e59-9453-888c49102267"
#define TIME "2026-11-26T21:42:34.663+00:00"

static struct a2a_task *task_of(const char *type, const char *status)
{
    json_t *session = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "session_id", ID, "type", type,
                                "status", status, "initiator", "cal", "target", "ada", "created",
                                TIME, "changed", "2026-11-26T22:00:00+00:00");
    struct a2a_task *task = a2a_task_new(session);
    json_decref(session);
    return task;
}

/* payload is the members behind session_id. */
static void say_at(struct a2a_task *task, uint64_t seq, const char *sender, const char *type,
                   const char *timestamp, const char *payload)
{
    char text[1024];
    json_error_t fault;
    snprintf(text, sizeof text,
             "{\"message_id\":\"m%u\",\"sender_id\":\"%s\",\"message_type\":\"%s\",\"timestamp\":"
             "\"%s\",\"payload\":{\"session_id\":\"" ID "\"%s%s}}",
             (unsigned)seq, sender, type, timestamp, *payload ? "," : "", payload);
    json_t *message = json_loads(text, 0, &fault);
    assert_non_null(message);
    a2a_task_take(task, seq, message);
    json_decref(message);
}

static void say(struct a2a_task *task, uint64_t seq, const char *sender, const char *type,
                const char *payload)
{
    say_at(task, seq, sender, type, TIME, payload);
}

/* The states and artifacts that its events tell since the last look, "WORKING report ". */
static void told(struct a2a_task *task, const char *wanted)
{
    char text[512] = "";
    json_t *events = a2a_task_events(task), *event;
    size_t i;
    json_array_foreach(events, i, event)
    {
        const json_t *update = json_object_get(event, "statusUpdate");
        const json_t *artifact =
            json_object_get(json_object_get(event, "artifactUpdate"), "artifact");
        const char *state =
            json_string_value(json_object_get(json_object_get(update, "status"), "state"));
        const char *name = json_string_value(json_object_get(artifact, "name"));
        size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "%s ",
                 state ? state + strlen("TASK_STATE_") : name);
    }
    json_decref(events);
    assert_string_equal(text, wanted);
}

static void sessions_that_are_tasks(void **state)
{
    static const char *const states[][2] = {
        {"pending", "SUBMITTED"}, {"active", "WORKING"},   {"completed", "COMPLETED"},
        {"failed", "FAILED"},     {"abandoned", "FAILED"}, {"cancelled", "CANCELED"},
        {"declined", "REJECTED"}, {"expired", "REJECTED"},
    };
    char long_type[80] = "a2a/";
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct a2a_task *task = task_of("a2a/c", states[i][0]);
        a2a_task_settle(task); /* of which nothing that was said is kept */
        json_t *json = a2a_task_json(task, 9, true);
        const json_t *status = json_object_get(json, "status");
        bool ends = a2a_state_ends(task->state);
        assert_string_equal(json_string_value(json_object_get(status, "state")) + 11, states[i][1]);
        assert_string_equal(json_string_value(json_object_get(status, "timestamp")),
                            ends ? "2026-11-26T22:00:00.000Z" : "2026-11-26T21:42:34.663Z");
        json_decref(json);
        a2a_task_free(task);
    }
    memset(long_type + 4, 'x', 60);
    assert_null(task_of("a2a", "active"));
    assert_null(task_of("a2a/", "active"));
    assert_null(task_of("review", "active"));
    assert_null(task_of(long_type, "active"));
    assert_null(task_of("a2a/c", "sleeping"));
    a2a_task_free(NULL);
}

static void a_completion_waits_for_what_completes_it(void **state)
{
    static const char component[] = "\"component\":{\"name\":\"result\"}";
    static const char completed[] = "\"status\":\"completed\",\"by\":\"ada\"";
    (void)state;
    struct a2a_task *task = task_of("a2a/c", "active");
    say(task, 5, "hub", "collaboration_update", "\"status\":\"pending\",\"by\":\"cal\"");
    told(task, "");
    say(task, 7, "hub", "collaboration_update", "\"status\":\"active\",\"by\":\"ada\"");
    say(task, 9, "hub", "collaboration_update", completed);
    told(task, "WORKING ");
    a2a_task_upto(task, 9);
    told(task, "");
    say(task, 9, "ada", "os_component_share", component);
    told(task, "result COMPLETED ");
    say(task, 9, "ada", "os_component_share", component);
    say(task, 10, "ada", "chat", "\"text\":\"and more\"");
    told(task, "");
    a2a_task_free(task);

    task = task_of("a2a/c", "active"); /* what completed it was taken back */
    say(task, 9, "hub", "collaboration_update", completed);
    a2a_task_upto(task, 10);
    told(task, "COMPLETED ");
    a2a_task_free(task);
}

static void who_is_asked_and_answers(void **state)
{
    (void)state;
    struct a2a_task *task = task_of("a2a/c", "active");
    say(task, 6, "ada", "chat", "\"text\":\"x\",\"a2a\":{\"state\":\"input-required\"}");
    told(task, "SUBMITTED "); /* it has accepted nothing yet */
    say(task, 7, "hub", "collaboration_update", "\"status\":\"active\",\"by\":\"ada\"");
    say(task, 8, "ada", "chat", "\"a2a\":{\"state\":\"TASK_STATE_AUTH_REQUIRED\"}");
    say(task, 9, "ada", "chat", "\"text\":\"well?\"");
    say(task, 10, "cal", "chat", "\"text\":\"yes\"");
    say(task, 11, "cal", "chat", "\"text\":\"and no\"");
    told(task, "WORKING AUTH_REQUIRED AUTH_REQUIRED WORKING ");
    say(task, 12, "ada", "chat", "\"text\":\"x\",\"a2a\":{\"state\":\"completed\"}");
    say(task, 13, "eve", "chat", "\"text\":\"x\",\"a2a\":{\"state\":\"input-required\"}");
    say(task, 14, "eve", "collaboration_update", "\"status\":\"failed\"");
    say(task, 15, "cal", "workspace_update", "\"key\":\"k\",\"value\":1");
    say(task, 16, "eve", "os_component_share", "\"component\":{}");
    told(task, "WORKING ");
    say(task, 17, "ada", "workspace_update", "\"key\":\"k\",\"value\":1,\"version\":2");
    say(task, 18, "hub", "artifact", "\"name\":\"f\",\"status\":\"kept\",\"by\":\"ada\"");
    say(task, 19, "hub", "artifact", "\"name\":\"g\",\"status\":\"open\",\"by\":\"ada\"");
    say(task, 20, "hub", "artifact", "\"name\":\"h\",\"status\":\"kept\",\"by\":\"cal\"");
    told(task, "k f ");
    assert_int_equal(json_array_size(task->history), 4); /* x, well?, yes, and no */
    a2a_task_free(task);
}

static void clocks_of_senders(void **state)
{
    static const struct {
        const char *said, *taken;
    } times[] = {
        {"2026-11-27T08:00:00+00:00", "2026-11-27T08:00:00.000Z"},
        {"2026-11-26T08:00:00.5Z", "2026-11-27T08:00:00.000Z"}, /* never back */
        {"2026-11-28T08:00:00.123456Z", "2026-11-28T08:00:00.123Z"},
        {"2026-11-29T08:00:00.1Z", "2026-11-29T08:00:00.100Z"},
        {"2027-11-29T08:00:00+01:00", "2026-11-29T08:00:00.100Z"}, /* what is not in UTC */
        {"2027-11-29 08:00:00Z", "2026-11-29T08:00:00.100Z"},
        {"soon", "2026-11-29T08:00:00.100Z"},
        {"", "2026-11-29T08:00:00.100Z"},
    };
    (void)state;
    struct a2a_task *task = task_of("a2a/c", "active");
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        say_at(task, 6 + i, "ada", "chat", times[i].said, "\"text\":\"x\"");
        assert_string_equal(task->timestamp, times[i].taken);
    }
    say(task, 20, "hub", "collaboration_update", "\"status\":\"active\",\"by\":\"ada\"");
    assert_string_equal(task->timestamp, "2026-11-26T21:42:34.663Z"); /* the hub's is the hub's */
    a2a_task_free(task);
}

static void parts_that_are_none(void **state)
{
    static const char *const none[] = {
        "[]",
        "{}",
        "[1]",
        "[{}]",
        "[{\"text\":1}]",
        "[{\"text\":\"a\",\"url\":\"b\"}]",
        "[{\"raw\":\"a\"}]",
        "[{\"raw\":\"ab=c\"}]",
        "[{\"raw\":\"ab===\"}]",
        "[{\"raw\":\"a b=\"}]",
        "[{\"data\":1,\"metadata\":[]}]",
        "[{\"data\":1,\"filename\":2}]",
        "[{\"data\":1,\"mediaType\":null}]",
    };
    json_error_t fault;
    const char *why;
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        json_t *parts = json_loads(none[i], 0, &fault);
        assert_null(a2a_parts_read(parts, &why));
        assert_non_null(why);
        json_decref(parts);
    }
    json_t *parts = json_loads("[{\"text\":\"a\",\"more\":1},{\"raw\":\"YWI=\"},{\"raw\":\"-_8\"},"
                               "{\"raw\":\"\"},{\"text\":\"b\"},{\"data\":null}]",
                               0, &fault);
    json_t *read = a2a_parts_read(parts, &why), *text = a2a_parts_text(read);
    assert_null(why);
    assert_int_equal(json_array_size(read), 6);
    assert_null(json_object_get(json_array_get(read, 0), "more"));
    assert_string_equal(json_string_value(text), "a\nb");
    json_decref(text);
    json_decref(read);
    json_decref(parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_that_are_tasks),
        cmocka_unit_test(a_completion_waits_for_what_completes_it),
        cmocka_unit_test(who_is_asked_and_answers),
        cmocka_unit_test(clocks_of_senders),
        cmocka_unit_test(parts_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What of the hub's and others' words an AI called ada is shown, by whichever door. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/concern.h"

struct heard {
    const char *sender, *type, *target, *payload;
    enum concern is;
};

static void check(const struct heard *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct heard *one = &cases[i];
        enum concern is = concern_of(slice_of("ada"), slice_of(one->sender), slice_of(one->type),
                                     slice_of(one->target), json_value_of(slice_of(one->payload)));
        if (is != one->is)
            fail_msg("%s of %s, %s: %d and not %d", one->type, one->sender, one->payload, is,
                     one->is);
    }
}

static void what_others_say(void **state)
{
    static const struct heard cases[] = {
        {"bea", "chat", "ada", "{}", CONCERN_OWN},
        {"bea", "chat", "", "{}", CONCERN_ALL},
        {"bea", "chat", "adam", "{}", CONCERN_ALL},
        {"bea", "hello", "", "{}", CONCERN_CAME},
        {"bea", "workspace_update", "", "{}", CONCERN_ALL},
        {"bea", "not_known_yet", "", "{}", CONCERN_ALL},
        {"bea", "not_known_yet", "ada", "{}", CONCERN_OWN},
        {"bea", "collaboration_request", "ada", "{}", CONCERN_OWN},
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases);
}

static void what_the_hub_says(void **state)
{
    static const struct heard cases[] = {
        {"hub", "presence", "", "{\"ai_id\":\"bea\",\"status\":\"left\"}", CONCERN_LEFT},
        {"hub", "presence", "", "{\"ai_id\":\"bea\",\"status\":\"idle\"}", CONCERN_NONE},
        {"hub", "lease", "", "{\"holder\":\"ada\",\"status\":\"expired\"}", CONCERN_OWN},
        {"hub", "lease", "", "{\"holder\":\"bea\",\"status\":\"expired\"}", CONCERN_NONE},
        {"hub", "lease", "", "{\"holder\":\"ada\",\"status\":\"released\"}", CONCERN_NONE},
        {"hub", "approval", "", "{\"status\":\"pending\",\"target\":\"ada\",\"asker\":\"bea\"}",
         CONCERN_OWN},
        {"hub", "approval", "", "{\"status\":\"pending\",\"target\":null,\"asker\":\"ada\"}",
         CONCERN_NONE},
        {"hub", "approval", "", "{\"status\":\"answered\",\"target\":\"pia\",\"asker\":\"ada\"}",
         CONCERN_OWN},
        {"hub", "approval", "", "{\"status\":\"answered\",\"target\":\"ada\",\"asker\":\"bea\"}",
         CONCERN_NONE},
        {"hub", "artifact", "", "{\"status\":\"kept\",\"by\":\"bea\"}", CONCERN_ALL},
        {"hub", "artifact", "", "{\"status\":\"kept\",\"by\":\"ada\"}", CONCERN_NONE},
        {"hub", "artifact", "ada", "{\"status\":\"open\",\"next\":1}", CONCERN_NONE},
        {"hub", "error", "ada", "{\"code\":\"no_reply\"}", CONCERN_OWN},
        {"hub", "error", "ada", "{\"code\":\"bad_payload\"}", CONCERN_NONE},
        {"hub", "path_warning", "", "{}", CONCERN_OWN},
        {"hub", "feature_response", "ada", "{}", CONCERN_OWN},
        {"hub", "collaboration_update", "", "{}", CONCERN_ALL},
        {"hub", "verification", "", "{}", CONCERN_ALL},
        {"hub", "moderation", "", "{}", CONCERN_ALL},
        {"hub", "workspace_update", "ada", "{}", CONCERN_NONE},
        {"hub", "heartbeat", "ada", "{}", CONCERN_NONE},
        {"hub", "caught_up", "ada", "{}", CONCERN_NONE},
        {"hub", "task_result", "ada", "{}", CONCERN_NONE},
        {"hub", "not_known_yet", "ada", "{}", CONCERN_ALL},
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases);
}

#define TASK(by, author, held_by, change)                                                          \
    "{\"by\":\"" by "\",\"author\":\"" author "\",\"held_by\":\"" held_by                          \
    "\",\"change\":\"" change "\"}"

static void what_is_done_to_a_task(void **state)
{
    static const struct heard cases[] = {
        {"hub", "task", "", TASK("bea", "bea", "", "added"), CONCERN_ALL},
        {"hub", "task", "", TASK("ada", "bea", "", "added"), CONCERN_NONE},
        {"hub", "task", "", TASK("bea", "ada", "bea", "done"), CONCERN_OWN},
        {"hub", "task", "", TASK("bea", "bea", "ada", "dropped"), CONCERN_OWN},
        {"hub", "task", "", TASK("bea", "ada", "bea", "claimed"), CONCERN_NONE},
        {"hub", "task", "", TASK("bea", "ada", "bea", "released"), CONCERN_OWN},
        {"hub", "task", "", TASK("bea", "cid", "bea", "released"), CONCERN_NONE},
        {"hub", "task", "", TASK("hub", "ada", "bea", "expired"), CONCERN_OWN},
        {"hub", "task", "", TASK("hub", "cid", "bea", "expired"), CONCERN_ALL},
        {"hub", "task", "", TASK("hub", "bea", "ada", "expired"), CONCERN_NONE},
        {"hub", "task", "", TASK("hub", "ada", "ada", "expired"), CONCERN_NONE},
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_say),
        cmocka_unit_test(what_the_hub_says),
        cmocka_unit_test(what_is_done_to_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

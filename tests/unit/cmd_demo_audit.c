/* What the demo says of a hub that was killed: true only when it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/demo_audit.h"

struct fixture {
    struct demo_audit audit;
    char path[64];
};

static struct khub_text text_of(const char *text)
{
    return (struct khub_text){.at = text, .len = strlen(text)};
}

/* What the hub tells at the end. */
static void told(struct fixture *f, const char *ai_id, const char *id, const char *type,
                 const char *payload, uint64_t seq)
{
    const struct khub_message message = {.message_id = text_of(id),
                                         .sender_id = text_of(ai_id),
                                         .type = text_of(type),
                                         .payload = text_of(payload),
                                         .seq = seq};
    audit_told(&f->audit, &message);
}

static int acked(struct fixture *f, const char *ai_id, const char *lines)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    fputs(lines, file);
    fclose(file);
    return audit_acked(&f->audit, ai_id, f->path);
}

/* A hub that was killed at seq 20, while session "s" was under way, and was back at 30. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *folder = getenv("TMPDIR");
    json_t *sessions = json_pack("{s:b}", "s", 1);
    snprintf(f->path, sizeof f->path, "%s/acks-XXXXXX", folder ? folder : "/tmp");
    int fd = mkstemp(f->path);
    if (fd >= 0)
        close(fd);
    audit_begin(&f->audit);
    audit_kill(&f->audit, 20, sessions);
    f->audit.killed = true;
    audit_back(&f->audit, 30);
    audit_back(&f->audit, 50); /* the first counts */
    json_decref(sessions);
    *state = f;
    return fd < 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    audit_free(&f->audit);
    unlink(f->path);
    free(f);
    return 0;
}

/* Two AIs, who may use the same message_ids; one share before the kill and one behind it. */
static void all_is_there(struct fixture *f)
{
    told(f, "ada", "m1", "pattern_share", "{\"pattern\":{\"id\":\"p\"}}", 10);
    told(f, "bob", "m1", "feature_request", "{}", 12);
    told(f, "ada", "m2", "os_component_share", "{\"component\":{\"id\":\"o\"}}", 40);
    told(f, "hub", "u1", "collaboration_update", "{\"session_id\":\"s\"}", 41);
    assert_int_equal(
        acked(f, "ada", "m1 10 pattern_share\nm0 11 commitment\nm2 40 os_component_share\n"), 0);
    assert_int_equal(acked(f, "bob", "m1 12 feature_request\n"), 0);
}

/* And known. */
static void all_is_known(struct fixture *f)
{
    audit_known(&f->audit, "ada", true, "p");
    audit_known(&f->audit, "ada", false, "o");
}

/* What is said of the losses that are of this count, one a line. */
static void assert_losses(const struct fixture *f, const char *of, const char *wanted)
{
    struct text text = {0};
    const json_t *loss;
    size_t i;
    json_array_foreach(f->audit.losses, i, loss)
    {
        if (strcmp(json_string_value(json_object_get(loss, "of")), of) != 0)
            continue;
        text_add_literal(&text, audit_is_missing(loss) ? "" : "(there) ");
        audit_loss_add(&f->audit, loss, &text);
        text_add_literal(&text, "\n");
    }
    text_add(&text, (struct slice){"", 1});
    assert_string_equal(text.at, wanted);
    text_free(&text);
}

static void assert_count(const struct audit_count *count, unsigned counted, unsigned there,
                         unsigned twice)
{
    assert_int_equal(count->counted, counted);
    assert_int_equal(count->there, there);
    assert_int_equal(count->twice, twice);
    assert_int_equal(audit_failed(count), there != counted || twice > 0);
}

static void what_is_all_there_is_said_to_be(void **state)
{
    struct fixture *f = *state;
    all_is_there(f);
    all_is_known(f);
    audit_end(&f->audit);
    assert_int_equal(json_array_size(f->audit.losses), 0);
    assert_count(&f->audit.before, 2, 2, 0);
    assert_count(&f->audit.all, 3, 3, 0);
    assert_count(&f->audit.shares, 2, 2, 0);
    assert_count(&f->audit.sessions_count, 1, 1, 0);
    assert_true(audit_nothing_lost(&f->audit));
    f->audit.killed = false; /* nobody can say so of a hub that was not killed */
    assert_false(audit_nothing_lost(&f->audit));
}

/* After a kill an AI may share anew what it can't know to be there, or be acked again. */
static void what_is_shared_anew_is_one_thing(void **state)
{
    struct fixture *f = *state;
    all_is_there(f);
    told(f, "ada", "m5", "os_component_share", "{\"component\":{\"id\":\"c\"}}", 42);
    told(f, "ada", "m6", "os_component_share", "{\"component\":{\"id\":\"c\"}}", 43);
    told(f, "ada", "m7", "pattern_share", "{\"pattern\":{\"id\":\"c\"}}", 44);
    told(f, "bob", "m7", "pattern_share", "{\"pattern\":{\"id\":\"c\"}}", 45);
    assert_int_equal(acked(f, "ada",
                           "m5 42 os_component_share\nm6 43 os_component_share\n"
                           "m6 43 os_component_share\nm7 44 pattern_share\n"),
                     0);
    assert_int_equal(acked(f, "bob", "m7 45 pattern_share\n"), 0);
    all_is_known(f);
    audit_known(&f->audit, "ada", false, "c");
    audit_known(&f->audit, "ada", true, "c");
    audit_known(&f->audit, "bob", true, "c");
    audit_end(&f->audit);
    assert_count(&f->audit.shares, 5, 5, 0);
    assert_true(audit_nothing_lost(&f->audit));
}

static void an_acked_message_that_is_gone_is_lost(void **state)
{
    struct fixture *f = *state;
    all_is_there(f);
    told(f, "ada", "m3", "chat", "{}", 14); /* another's of that id is no substitute */
    assert_int_equal(acked(f, "bob", "m3 14 chat\nm9 50 code_share\n"), 0);
    all_is_known(f);
    audit_end(&f->audit);
    assert_count(&f->audit.before, 3, 2, 0);
    assert_count(&f->audit.all, 5, 3, 0);
    assert_false(audit_nothing_lost(&f->audit));
    assert_losses(f, "acked_before",
                  "bob's chat m3, acked as seq 14, is gone; its log has there \"ada m3 chat\"\n");
    assert_losses(
        f, "acked",
        "bob's chat m3, acked as seq 14, is gone; its log has there \"ada m3 chat\"\n"
        "bob's code_share m9, acked as seq 50, is gone; its log has nothing there (it was "
        "killed after seq 20, back at 30, and ends at 41)\n");
    assert_losses(f, "shares", "");
}

static void a_message_that_came_twice_is_seen(void **state)
{
    struct fixture *f = *state;
    all_is_there(f);
    told(f, "bob", "m1", "feature_request", "{}", 35);
    told(f, "ada", "m4", "chat", "{}", 36);
    assert_int_equal(acked(f, "bob", "m1 12 feature_request\n"), 0);
    assert_int_equal(acked(f, "ada", "m4 37 chat\n"), 0); /* in another place than was said */
    all_is_known(f);
    audit_end(&f->audit);
    assert_count(&f->audit.before, 3, 3, 1);
    assert_count(&f->audit.all, 5, 5, 2);
    assert_false(audit_nothing_lost(&f->audit));
    assert_losses(
        f, "acked",
        "(there) bob's feature_request m1, acked as seq 12, is there more than once: the "
        "hub tells it as seq 12, 35; its log has there \"bob m1 feature_request\"\n"
        "(there) ada's chat m4, acked as seq 37, is in another place: the hub tells it as "
        "seq 36; its log has nothing there (it was killed after seq 20, back at 30, and "
        "ends at 41)\n");
}

static void knowledge_that_is_less_than_was_shared_is_lost(void **state)
{
    struct fixture *f = *state;
    all_is_there(f);
    audit_known(&f->audit, "ada", true, "p");
    audit_known(&f->audit, "ada", true, "o");  /* no component, */
    audit_known(&f->audit, "bob", false, "o"); /* and another's */
    audit_end(&f->audit);
    assert_count(&f->audit.shares, 2, 1, 0);
    assert_false(audit_nothing_lost(&f->audit));
    assert_losses(f, "shares",
                  "ada's os_component_share m2, acked as seq 40 (\"ada os_component_share o\"), is "
                  "not among what the hub knows: the hub tells it as seq 40; its log has there "
                  "\"ada m2 os_component_share\"\n");
}

static void a_session_of_which_nothing_is_heard_is_lost(void **state)
{
    struct fixture *f = *state;
    told(f, "hub", "u1", "collaboration_update", "{\"session_id\":\"s\"}", 30); /* from before */
    told(f, "hub", "u2", "collaboration_update", "{\"session_id\":\"other\"}", 41);
    audit_end(&f->audit);
    assert_count(&f->audit.sessions_count, 1, 0, 0);
    assert_false(audit_nothing_lost(&f->audit));
    assert_losses(f, "sessions", "session s, of which nothing was heard any more\n");
}

/* The hub had kept its end when it was killed, and told nobody: it was under way no more. */
static void a_session_that_had_ended_is_not_lost(void **state)
{
    struct fixture *f = *state;
    told(f, "hub", "u1", "collaboration_update", "{\"session_id\":\"s\",\"status\":\"completed\"}",
         21);
    audit_end(&f->audit);
    assert_count(&f->audit.sessions_count, 0, 0, 0);
}

/* Its AIs were back at the hub before who watches it all, and said all that they had to. */
static void a_session_goes_on_before_the_observer_is_back(void **state)
{
    struct fixture *f = *state;
    told(f, "ada", "h1", "hello", "{}", 22);
    told(f, "hub", "u1", "collaboration_update", "{\"session_id\":\"s\",\"status\":\"completed\"}",
         23);
    audit_end(&f->audit);
    assert_count(&f->audit.sessions_count, 1, 1, 0);
}

/* The hub is killed once it has: of what is counted, and up to what was seen of it. */
static void whether_anything_was_acked_yet(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    assert_false(audit_has_acked(f->path, 1000));
    assert_int_equal(acked(f, "ada", "m0 11 commitment\n"), 0);
    assert_false(audit_has_acked(f->path, 1000));
    assert_int_equal(acked(f, "ada", "m0 11 commitment\nm2 40 os_component_share\n"), 0);
    assert_false(audit_has_acked(f->path, 39));
    assert_true(audit_has_acked(f->path, 40));
}

static void a_file_that_says_something_else_is_an_error(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(acked(f, "ada", "m1 ten pattern_share\n"), -1);
    assert_int_equal(acked(f, "ada", "m1\n"), -1);
    assert_int_equal(audit_acked(&f->audit, "ada", "/nowhere/acks"), -1);
}

#define AUDIT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(what_is_all_there_is_said_to_be),
        AUDIT_TEST(what_is_shared_anew_is_one_thing),
        AUDIT_TEST(an_acked_message_that_is_gone_is_lost),
        AUDIT_TEST(a_message_that_came_twice_is_seen),
        AUDIT_TEST(knowledge_that_is_less_than_was_shared_is_lost),
        AUDIT_TEST(a_session_of_which_nothing_is_heard_is_lost),
        AUDIT_TEST(a_session_that_had_ended_is_not_lost),
        AUDIT_TEST(a_session_goes_on_before_the_observer_is_back),
        AUDIT_TEST(whether_anything_was_acked_yet),
        AUDIT_TEST(a_file_that_says_something_else_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

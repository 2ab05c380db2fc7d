/* Letters: what was not taken lies there, for those whom it concerns, until it is taken, sent again
 * or given up. */
#include "core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_steps.h"
#include "wire/text.h"

#define LETTERS_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define KEEPING_TEST(name) cmocka_unit_test_setup_teardown(name, keeping_setup, fixture_teardown)

static void verify(struct fixture *f)
{
    char why[256] = "";
    hub_recount(fixture_hub(f), why, sizeof why);
    assert_string_equal(why, "");
}

/* A hub whose edge has a store. */
static int keeping_setup(void **state)
{
    struct hub_config config = fixture_config();
    config.keeps = true;
    *state = fixture_new(&config);
    return 0;
}

static void join_four(struct fixture *f)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, CEY, "cey", 2, "");
    join(f, EVE, "eve", 2, "'role':'observer'");
}

static void bob_goes(struct fixture *f)
{
    leave(f, BOB);
    skip_all(f);
}

/* The payload of the answer. */
static json_t *query(struct fixture *f, unsigned peer, const char *payload)
{
    say(f, peer, "dead_query", "%s", payload);
    return expect(f, peer, "dead_result");
}

static json_t *letter_at(json_t *result, size_t index)
{
    return json_array_get(json_object_get(result, "letters"), index);
}

static long long whole_of(json_t *object, const char *name)
{
    json_t *number = json_object_get(object, name);
    assert_true(json_is_integer(number));
    return (long long)json_integer_value(number);
}

static long long total(struct fixture *f, unsigned peer)
{
    return whole_of(query(f, peer, "{}"), "total");
}

static long long first_id(struct fixture *f)
{
    return whole_of(letter_at(query(f, EVE, "{}"), 0), "id");
}

static void test_what_is_for_an_absent_ai_lies_there(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    say_to(f, ADA, "bob", "chat", "{'text':'taken'}");
    assert_int_equal(total(f, EVE), 0);
    bob_goes(f);
    say_to(f, ADA, "bob", "chat", "{'text':'not taken'}");
    char message_id[48];
    snprintf(message_id, sizeof message_id, "%s", last_message_id(f));
    say(f, ADA, "chat", "{'text':'to all'}");
    json_t *result = query(f, EVE, "{}"), *letter = letter_at(result, 0);
    assert_int_equal(whole_of(result, "total"), 1);
    assert_true(json_is_null(json_object_get(result, "next")));
    assert_true(json_is_false(json_object_get(result, "kept")));
    assert_string_equal(string_of(letter, "sender"), "ada");
    assert_string_equal(string_of(letter, "target"), "bob");
    assert_string_equal(string_of(letter, "type"), "chat");
    assert_string_equal(string_of(letter, "why"), "absent");
    assert_string_equal(string_of(letter, "message_id"), message_id);
    assert_string_equal(string_of(letter, "since"), "2026-11-22T08:00:00.000+00:00");
    assert_true(json_is_false(json_object_get(letter, "connected")));
    assert_null(json_object_get(letter, "message"));
    verify(f);
}

static void test_whom_it_concerns_sees_it(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    bob_goes(f);
    say_to(f, ADA, "bob", "chat", "{'text':'1'}");
    say_to(f, CEY, "bob", "chat", "{'text':'2'}");
    skip_all(f);
    assert_int_equal(total(f, EVE), 2);
    assert_int_equal(total(f, ADA), 1);
    assert_int_equal(total(f, CEY), 1);
    long long id = first_id(f);
    say(f, CEY, "dead_query", "{'id':%lld}", id);
    expect_error(f, CEY, "not_found");
    say(f, CEY, "dead_letter", "{'id':%lld,'action':'drop'}", id);
    expect_error(f, CEY, "not_found");
    join(f, DAN, "bob", 2, "");
    assert_int_equal(total(f, DAN), 2); /* they are for it */
    join(f, FAY, "fay", 1, "");
    say(f, FAY, "dead_query", "{}");
    expect_error(f, FAY, "forbidden");
    say(f, FAY, "dead_letter", "{'id':%lld,'action':'drop'}", id);
    expect_error(f, FAY, "forbidden");
    verify(f);
}

static void test_by_its_id_it_is_shown_whole(void **state)
{
    struct fixture *f = *state;
    char query_text[48];
    join_four(f);
    bob_goes(f);
    say_to(f, ADA, "bob", "chat", "{'text':'\\u0041 \\u202e','n':1.50}");
    char line[512];
    snprintf(line, sizeof line, "%s", last_line(f));
    snprintf(query_text, sizeof query_text, "{'id':%lld}", first_id(f));
    assert_non_null(json_object_get(letter_at(query(f, EVE, query_text), 0), "message"));
    assert_non_null(strstr(read_line(f), line)); /* byte for byte */
}

static void test_who_resumes_takes_it(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    bob_goes(f);
    say_to(f, ADA, "bob", "chat", "{'text':'1'}");
    say_to(f, ADA, "bob", "chat", "{'text':'2'}");
    char since[64];
    snprintf(since, sizeof since, "'since':%lld", first_id(f));
    join(f, DAN, "bob", 2, "");
    assert_int_equal(total(f, EVE), 2); /* it did not ask for them */
    leave(f, DAN);
    join(f, FAY, "bob", 2, since);
    assert_int_equal(total(f, EVE), 1); /* the first it has, it says; so it has not asked for it */
    leave(f, FAY);
    join(f, GUS, "bob", 2, "'since':0");
    assert_int_equal(total(f, EVE), 0);
    verify(f);
}

static void test_without_a_store_nobody_takes_it_by_resuming(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    bob_goes(f);
    say_to(f, ADA, "bob", "chat", "{'text':'1'}");
    join(f, DAN, "bob", 2, "'since':0");
    assert_int_equal(total(f, EVE), 1);
}

static void test_what_found_no_reply_is_dead_until_it_finds_one(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    say_to(f, ADA, "bob", "chat", "{'text':'?','reply_by':10}");
    char asked[48];
    snprintf(asked, sizeof asked, "%s", last_message_id(f));
    assert_int_equal(total(f, EVE), 0); /* nothing is wrong yet */
    wait_ticking(f, 11000);
    json_t *letter = letter_at(query(f, EVE, "{}"), 0);
    assert_string_equal(string_of(letter, "why"), "no_reply");
    assert_true(json_is_true(json_object_get(letter, "no_reply")));
    assert_number(json_number_value(json_object_get(letter, "reply_by")), 10);
    assert_true(json_is_true(json_object_get(letter, "connected")));
    verify(f);
    say_to(f, CEY, "ada", "chat", "{'in_reply_to':'%s'}", asked); /* not its target */
    assert_int_equal(total(f, EVE), 1);
    say_to(f, BOB, "ada", "chat", "{'in_reply_to':'%s'}", asked); /* late */
    assert_int_equal(total(f, EVE), 0);
    verify(f);
}

static void test_absent_and_without_a_reply_is_one_letter(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    bob_goes(f);
    say_to(f, ADA, "bob", "chat", "{'text':'?','reply_by':10}");
    assert_string_equal(string_of(letter_at(query(f, EVE, "{}"), 0), "why"), "absent");
    wait_ticking(f, 11000);
    json_t *result = query(f, EVE, "{}");
    assert_int_equal(whole_of(result, "total"), 1);
    assert_string_equal(string_of(letter_at(result, 0), "why"), "absent");
    assert_true(json_is_true(json_object_get(letter_at(result, 0), "no_reply")));
    join(f, DAN, "bob", 2, "'since':0");
    assert_string_equal(string_of(letter_at(query(f, EVE, "{}"), 0), "why"), "no_reply");
    verify(f);
}

static void test_a_level_1_ai_never_gets_a_chat(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    join(f, FAY, "fay", 1, "");
    say_to(f, ADA, "fay", "chat", "{'text':'?'}");
    expect_nothing(f, FAY);
    assert_string_equal(string_of(letter_at(query(f, EVE, "{}"), 0), "why"), "level");
    say(f, ADA, "dead_letter", "{'id':%lld,'action':'resend'}", first_id(f));
    expect_error(f, ADA, "conflict");
    assert_int_equal(total(f, EVE), 1);
}

static void test_it_is_sent_again_as_it_was(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    bob_goes(f);
    say_to(f, ADA, "bob", "chat", "{'text':'\\u0041','n':1.50}");
    char line[512];
    snprintf(line, sizeof line, "%s", last_line(f));
    line[strlen(line) - 1] = '\0'; /* its last brace */
    long long id = first_id(f);
    say(f, EVE, "dead_letter", "{'id':%lld,'action':'resend'}", id);
    json_t *error = expect_error(f, EVE, "target_offline");
    assert_true(json_is_false(json_object_get(error, "accepted")));
    assert_int_equal(total(f, EVE), 1);
    join(f, DAN, "bob", 2, "");
    say(f, EVE, "dead_letter", "{'id':%lld,'action':'resend'}", id);
    assert_string_equal(string_of(expect(f, EVE, "chat"), "text"), "A"); /* observers see it */
    json_t *result = expect(f, EVE, "dead_result");
    assert_string_equal(string_of(result, "status"), "resent");
    assert_int_equal(whole_of(json_object_get(result, "letter"), "id"), id);
    json_t *again = expect_whole(f, DAN, "chat");
    assert_string_equal(string_of(again, "sender_id"), "ada");
    assert_true(whole_of(again, "seq") > id);
    assert_memory_equal(read_line(f), line, strlen(line));
    expect_nothing(f, ADA);
    expect_nothing(f, CEY);
    expect_nothing(f, DAN);
    assert_int_equal(total(f, EVE), 0);
    say(f, EVE, "dead_letter", "{'id':%lld,'action':'resend'}", id);
    expect_error(f, EVE, "not_found");
    verify(f);
}

static void test_sent_again_it_is_waited_for_again(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    say_to(f, ADA, "bob", "chat", "{'text':'?','reply_by':10}");
    char asked[48];
    snprintf(asked, sizeof asked, "%s", last_message_id(f));
    wait_ticking(f, 11000);
    say(f, ADA, "dead_letter", "{'id':%lld,'action':'resend'}", first_id(f));
    assert_int_equal(total(f, EVE), 0);
    skip_all(f);
    verify(f);
    wait_ticking(f, 9000);
    expect_nothing(f, ADA);
    wait_ticking(f, 2000);
    assert_string_equal(string_of(expect(f, ADA, "error"), "in_reply_to"), asked);
    assert_int_equal(total(f, EVE), 1);
    say(f, ADA, "dead_letter", "{'id':%lld,'action':'resend'}", first_id(f));
    say_to(f, BOB, "ada", "chat", "{'in_reply_to':'%s'}", asked);
    skip_all(f);
    wait_ticking(f, 60000);
    expect_nothing(f, ADA);
    assert_int_equal(total(f, EVE), 0);
    verify(f);
}

/* Who is absent and still awaited: no second clock runs. */
static void test_sent_again_before_its_time_is_up(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    bob_goes(f);
    say_to(f, ADA, "bob", "chat", "{'text':'?','reply_by':10}");
    wait_ticking(f, 8000);
    join(f, DAN, "bob", 2, "");
    say(f, ADA, "dead_letter", "{'id':%lld,'action':'resend'}", first_id(f));
    skip_all(f);
    wait_ticking(f, 9000);
    expect_nothing(f, ADA);
    wait_ticking(f, 2000);
    assert_string_equal(string_of(expect(f, ADA, "error"), "code"), "no_reply");
    expect_nothing(f, ADA);
    assert_int_equal(total(f, EVE), 1);
    verify(f);
}

static void test_it_is_given_up(void **state)
{
    struct fixture *f = *state;
    join_four(f);
    bob_goes(f);
    say_to(f, ADA, "bob", "chat", "{'text':'?'}");
    skip_all(f);
    say(f, ADA, "dead_letter", "{'id':%lld,'action':'drop'}", first_id(f));
    assert_string_equal(string_of(expect(f, ADA, "dead_result"), "status"), "dropped");
    assert_int_equal(total(f, EVE), 0);
    verify(f);
}

static void test_pages_and_filters(void **state)
{
    struct fixture *f = *state;
    char text[64];
    long long after = 0, found = 0;
    join_four(f);
    bob_goes(f);
    leave(f, CEY);
    for (int i = 0; i < 7; i++)
        say_to(f, ADA, i % 2 ? "bob" : "cey", "chat", "{'text':'%d'}", i);
    skip_all(f);
    do {
        snprintf(text, sizeof text, "{'limit':3,'after':%lld}", after);
        json_t *result = query(f, EVE, text), *next = json_object_get(result, "next");
        json_t *letters = json_object_get(result, "letters");
        for (size_t i = 0; i < json_array_size(letters); i++) {
            assert_true(whole_of(json_array_get(letters, i), "id") > after);
            after = whole_of(json_array_get(letters, i), "id");
        }
        found += (long long)json_array_size(letters);
        assert_int_equal(whole_of(result, "total"), 7);
        if (json_is_null(next))
            break;
        assert_int_equal(json_integer_value(next), after);
    } while (found < 100);
    assert_int_equal(found, 7);
    assert_int_equal(whole_of(query(f, EVE, "{'target':'bob'}"), "total"), 3);
    assert_int_equal(whole_of(query(f, EVE, "{'sender':'ada','target':'cey'}"), "total"), 4);
    assert_int_equal(whole_of(query(f, EVE, "{'sender':'bob'}"), "total"), 0);
}

static void test_what_is_no_question_is_refused(void **state)
{
    static const char *const queries[] = {"{'id':0}", "{'id':'1'}", "{'limit':0}", "{'limit':201}",
                                          "{'sender':5}"};
    static const char *const letters[] = {"{}", "{'action':'drop'}", "{'id':-1,'action':'drop'}",
                                          "{'id':1}", "{'id':1,'action':5}"};
    struct fixture *f = *state;
    join_four(f);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        say(f, ADA, "dead_query", "%s", queries[i]);
        expect_error(f, ADA, "bad_payload");
    }
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        say(f, ADA, "dead_letter", "%s", letters[i]);
        expect_error(f, ADA, "bad_payload");
    }
    say(f, ADA, "dead_letter", "{'id':1,'action':'drop'}");
    expect_error(f, ADA, "not_found");
}

/* The oldest of a sender make way for its own, and then those of all. */
static void test_there_is_room_for_so_many(void **state)
{
    struct fixture *f = *state;
    char name[16];
    join_four(f);
    bob_goes(f);
    say_to(f, CEY, "bob", "chat", "{'text':'first'}");
    for (unsigned i = 0; i < LETTERS_EACH_MAX + 3; i++)
        say_to(f, ADA, "bob", "chat", "{'text':'%u'}", i);
    skip_all(f);
    json_t *result = query(f, EVE, "{}");
    assert_int_equal(whole_of(result, "total"), LETTERS_EACH_MAX + 1);
    assert_int_equal(whole_of(result, "forgotten"), 3);
    assert_string_equal(string_of(letter_at(result, 0), "sender"), "cey");
    verify(f);
    for (unsigned i = 0; i < LETTERS_MAX / LETTERS_EACH_MAX; i++) {
        snprintf(name, sizeof name, "s%u", i);
        join(f, 100 + i, name, 2, "");
        for (unsigned j = 0; j < LETTERS_EACH_MAX; j++)
            say_to(f, 100 + i, "bob", "chat", "{'text':'%u'}", j);
        skip_all(f);
    }
    result = query(f, EVE, "{}");
    assert_int_equal(whole_of(result, "total"), LETTERS_MAX);
    assert_int_equal(whole_of(result, "forgotten"), 3 + LETTERS_EACH_MAX + 1);
    assert_string_equal(string_of(letter_at(result, 0), "sender"), "s0");
    verify(f);
}

static void test_there_are_so_many_bytes(void **state)
{
    enum { LINE = 1 << 19 };
    struct fixture *f = *state;
    char *line = malloc(LINE + 256);
    join_four(f);
    bob_goes(f);
    for (unsigned i = 0; i < LETTERS_BYTES_EACH_MAX / LINE; i++) {
        int len = sprintf(line,
                          "{\"message_id\":\"%u\",\"sender_id\":\"ada\",\"message_type\":\"chat\","
                          "\"timestamp\":\"\",\"target_ai\":\"bob\",\"payload\":{\"text\":\"",
                          i);
        memset(line + len, 'x', LINE);
        strcpy(line + len + LINE, "\"}}");
        say_bytes(f, ADA, line, (size_t)len + LINE + 3);
    }
    free(line);
    skip_all(f);
    json_t *result = query(f, EVE, "{}");
    assert_int_equal(whole_of(result, "total"), LETTERS_BYTES_EACH_MAX / LINE - 1);
    assert_int_equal(whole_of(result, "forgotten"), 1);
    verify(f);
}

struct rows {
    struct hub *into;
    char why[256];
};

static void take_row(void *ctx, const struct row *row)
{
    struct rows *rows = ctx;
    if (!*rows->why)
        hub_load(rows->into, slice_of("main"), row, rows->why, sizeof rows->why);
}

static void dump(const struct hub *hub, struct text *text)
{
    hub_dump(hub, slice_of("main"), text);
    text_add(text, (struct slice){"", 1});
}

/* Ten and more of them, so that the order of their keys is not that of their seqs. */
static void test_they_outlive_the_hub(void **state)
{
    struct fixture *f = *state;
    struct hub_edge edge = fixture_edge(f);
    struct hub_config config = fixture_config();
    struct text before = {0}, after = {0};
    join_four(f);
    say_to(f, ADA, "bob", "chat", "{'text':'awaited','reply_by':100}");
    say_to(f, ADA, "bob", "chat", "{'text':'overdue','reply_by':1}");
    bob_goes(f);
    for (int i = 0; i < 120; i++)
        say_to(f, ADA, "bob", "chat", "{'text':'%d'}", i);
    wait_ticking(f, 2000);
    skip_all(f);
    struct rows rows = {hub_new(&config, &edge), ""};
    hub_save(fixture_hub(f), slice_of("main"), take_row, &rows);
    assert_string_equal(rows.why, "");
    assert_int_equal(hub_loaded(rows.into, slice_of("main"), rows.why, sizeof rows.why), 0);
    assert_int_equal(hub_recount(rows.into, rows.why, sizeof rows.why), 0);
    dump(fixture_hub(f), &before);
    dump(rows.into, &after);
    assert_string_equal(after.at, before.at);
    assert_non_null(strstr(before.at, "\"absent\""));
    hub_free(rows.into);
    text_free(&before);
    text_free(&after);
}

/* Rows of letters, and those that say that one is gone. */
struct letter_rows {
    unsigned there, gone;
};

static void count_rows(void *ctx, const struct row *row)
{
    struct letter_rows *rows = ctx;
    if (row->kind == ROW_LETTER && row->bytes.at)
        rows->there++;
    else if (row->kind == ROW_LETTER)
        rows->gone++;
}

static struct letter_rows rows_changed(struct fixture *f)
{
    struct letter_rows rows = {0, 0};
    hub_save_changes(fixture_hub(f), slice_of("main"), SIZE_MAX, count_rows, &rows);
    return rows;
}

static void drop_first(struct fixture *f)
{
    say(f, EVE, "dead_letter", "{'id':%lld,'action':'drop'}", first_id(f));
    skip_all(f);
}

/* What came and went between two checkpoints is in none. */
static void test_a_letter_that_goes_at_once_costs_no_row(void **state)
{
    struct fixture *f = *state;
    hub_keep_changes(fixture_hub(f));
    join_four(f);
    bob_goes(f);
    say_to(f, ADA, "bob", "chat", "{'text':'goes at once'}");
    drop_first(f);
    struct letter_rows rows = rows_changed(f);
    assert_int_equal(rows.there + rows.gone, 0);
    say_to(f, ADA, "bob", "chat", "{'text':'goes later'}");
    rows = rows_changed(f);
    assert_int_equal(rows.there, 1);
    drop_first(f);
    rows = rows_changed(f);
    assert_int_equal(rows.there, 0);
    assert_int_equal(rows.gone, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LETTERS_TEST(test_a_letter_that_goes_at_once_costs_no_row),
        LETTERS_TEST(test_what_is_for_an_absent_ai_lies_there),
        LETTERS_TEST(test_whom_it_concerns_sees_it),
        LETTERS_TEST(test_by_its_id_it_is_shown_whole),
        KEEPING_TEST(test_who_resumes_takes_it),
        LETTERS_TEST(test_without_a_store_nobody_takes_it_by_resuming),
        LETTERS_TEST(test_what_found_no_reply_is_dead_until_it_finds_one),
        KEEPING_TEST(test_absent_and_without_a_reply_is_one_letter),
        LETTERS_TEST(test_a_level_1_ai_never_gets_a_chat),
        LETTERS_TEST(test_it_is_sent_again_as_it_was),
        LETTERS_TEST(test_sent_again_it_is_waited_for_again),
        LETTERS_TEST(test_sent_again_before_its_time_is_up),
        LETTERS_TEST(test_it_is_given_up),
        LETTERS_TEST(test_pages_and_filters),
        LETTERS_TEST(test_what_is_no_question_is_refused),
        LETTERS_TEST(test_there_is_room_for_so_many),
        LETTERS_TEST(test_there_are_so_many_bytes),
        KEEPING_TEST(test_they_outlive_the_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* An inbox: what is picked, what comes again, what is done with. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/bounds.h"
#include "gateway/mailbox.h"

static int setup(void **state)
{
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    assert_non_null(mailbox);
    assert_int_equal(mailbox_init(mailbox, &(struct mail_past){.acked = 100, .told = 100}), 0);
    *state = mailbox;
    return 0;
}

static int teardown(void **state)
{
    mailbox_free(*state);
    free(*state);
    return 0;
}

static void add_sized(struct mailbox *mailbox, uint64_t seq, bool directed, size_t len)
{
    char *payload = malloc(len + 1);
    assert_non_null(payload);
    memset(payload, 'x', len);
    payload[len] = '\0';
    struct mail message = {.seq = seq,
                           .message_id = "id",
                           .sender = directed ? "bea" : "cid",
                           .type = directed ? "chat" : "pattern_share",
                           .target = directed ? "ada" : "",
                           .timestamp = "now",
                           .payload = payload,
                           .payload_len = len,
                           .directed = directed};
    assert_int_equal(mailbox_add(mailbox, &message), 0);
    free(payload);
}

static void add(struct mailbox *mailbox, uint64_t seq, bool directed)
{
    add_sized(mailbox, seq, directed, 8);
}

/* The seqs that are picked, in their order. */
static void assert_picked(struct mailbox *mailbox, size_t messages, size_t tokens, bool again,
                          const char *wanted)
{
    struct mail_wish wish = {.messages = messages, .tokens = tokens, .again = again};
    struct mail *picked[INBOX_SHOW_MAX];
    char seqs[512] = "";
    size_t count = mailbox_pick(mailbox, &wish, picked);
    for (size_t i = 0; i < count; i++)
        snprintf(seqs + strlen(seqs), sizeof seqs - strlen(seqs), "%s%d", i ? " " : "",
                 (int)picked[i]->seq);
    assert_string_equal(seqs, wanted);
}

static void what_is_for_one_alone_comes_first_then_the_newest(void **state)
{
    struct mailbox *mailbox = *state;
    for (uint64_t seq = 101; seq <= 106; seq++)
        add(mailbox, seq, seq % 3 == 0);
    assert_picked(mailbox, 4, 10000, false, "102 105 106 104");
    assert_picked(mailbox, 4, 10000, false, "103 101");
    assert_picked(mailbox, 4, 10000, false, "");
    assert_picked(mailbox, 9, 10000, true, "102 105 106 104 103 101");
    assert_int_equal(mailbox->unshown, 0);
    assert_int_equal(mailbox->count, 6);
}

static void a_budget_of_tokens_holds_and_one_comes_in_any_case(void **state)
{
    struct mailbox *mailbox = *state;
    add_sized(mailbox, 101, true, 40000);
    add_sized(mailbox, 102, true, 400);
    add_sized(mailbox, 103, true, 400);
    assert_picked(mailbox, 9, 300, false, "101");
    assert_picked(mailbox, 9, 260, false, "102 103"); /* 130 each: 100 of text, 30 around it */
    add_sized(mailbox, 104, true, 400);
    add_sized(mailbox, 105, true, 400);
    assert_picked(mailbox, 9, 259, false, "104");
    struct mail long_one = {.payload_len = 40000}, short_one = {.payload_len = 7};
    assert_int_equal(mailbox_shown_bytes(&long_one, 300), 270 * 4);
    assert_int_equal(mailbox_shown_bytes(&short_one, 300), 7);
    assert_int_equal(mailbox_shown_bytes(&long_one, 3), 0);
}

static void what_was_shown_is_done_with_and_a_cursor_goes_up_to_what_waits(void **state)
{
    struct mailbox *mailbox = *state;
    for (uint64_t seq = 101; seq <= 104; seq++)
        add(mailbox, seq, false);
    assert_picked(mailbox, 2, 10000, false, "104 103");
    assert_int_equal(mailbox_ack(mailbox, 0), 2);
    assert_int_equal(mailbox->acked, 100); /* 101 and 102 wait */
    assert_picked(mailbox, 1, 10000, true, "102");
    assert_int_equal(mailbox_ack(mailbox, 0), 1);
    assert_int_equal(mailbox->acked, 100);
    assert_int_equal(mailbox_ack(mailbox, 101), 1);
    assert_int_equal(mailbox->acked, 104);
    assert_int_equal(mailbox->count, 0);
    add(mailbox, 104, false); /* told again: it is dealt with */
    assert_int_equal(mailbox->count, 0);
}

static void who_comes_back_is_not_shown_again_what_it_was_shown(void **state)
{
    static const uint64_t unread[] = {102, 104};
    struct mailbox mailbox;
    (void)state;
    const struct mail_past past = {.acked = 100, .told = 105, .unread = unread, .unread_count = 2};
    assert_int_equal(mailbox_init(&mailbox, &past), 0);
    for (uint64_t seq = 99; seq <= 107; seq++)
        add(&mailbox, seq, false);
    assert_int_equal(mailbox.unshown, 4);
    assert_picked(&mailbox, 9, 10000, false, "107 106 104 102");
    assert_picked(&mailbox, 9, 10000, true, "107 106 105 104 103 102 101");
    assert_int_equal(mailbox_ack(&mailbox, 0), 7);
    assert_int_equal(mailbox.acked, 107);
    mailbox_free(&mailbox);
}

static void an_error_has_no_place_and_moves_no_cursor(void **state)
{
    struct mailbox *mailbox = *state;
    add(mailbox, 0, true);
    assert_int_equal(mailbox_ack(mailbox, 50), 0); /* nobody has seen it */
    assert_picked(mailbox, 9, 10000, false, "0");
    add(mailbox, 101, false);
    assert_int_equal(mailbox_ack(mailbox, 0), 1);
    assert_int_equal(mailbox->acked, 100);
    assert_int_equal(mailbox->count, 1);
    assert_picked(mailbox, 9, 10000, false, "101");
}

static void of_too_many_those_go_that_are_missed_least(void **state)
{
    struct mailbox *mailbox = *state;
    add(mailbox, 101, true);
    add(mailbox, 102, false);
    assert_picked(mailbox, 1, 10000, false, "101");
    for (uint64_t seq = 103; seq <= 100 + MAILBOX_MESSAGES_MAX; seq++)
        add(mailbox, seq, true);
    assert_int_equal(mailbox->count, MAILBOX_MESSAGES_MAX);
    add(mailbox, 20000, true); /* the one that was shown goes */
    assert_int_equal(mailbox->dropped, 0);
    assert_null(mailbox_find(mailbox, 101));
    add(mailbox, 20001, true); /* then the one that was said to all */
    assert_int_equal(mailbox->dropped, 1);
    assert_null(mailbox_find(mailbox, 102));
    add(mailbox, 20002, true); /* then the oldest */
    assert_null(mailbox_find(mailbox, 103));
    assert_non_null(mailbox_find(mailbox, 104));
    json_t *rest = mailbox_rest(mailbox);
    assert_int_equal(json_integer_value(json_object_get(rest, "let_go")), 2);
    assert_int_equal(json_integer_value(json_object_get(rest, "count")), MAILBOX_MESSAGES_MAX);
    json_decref(rest);
    while (mailbox->bytes < MAILBOX_BYTES_MAX - (1u << 20))
        add_sized(mailbox, 30000 + mailbox->bytes, true, 1u << 20);
    size_t before = mailbox->count;
    add_sized(mailbox, 40000000, true, 2u << 20);
    assert_true(mailbox->bytes <= MAILBOX_BYTES_MAX);
    assert_true(mailbox->count <= before);
}

static void the_rest_is_counted_by_type_and_sender(void **state)
{
    struct mailbox *mailbox = *state;
    for (uint64_t seq = 101; seq <= 105; seq++)
        add(mailbox, seq, seq == 105);
    assert_picked(mailbox, 2, 10000, false, "105 104");
    add(mailbox, 106, true);
    json_t *rest = mailbox_rest(mailbox);
    char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"count\":4,\"senders\":2,\"to_you\":1,"
                              "\"types\":{\"chat\":1,\"pattern_share\":3}}");
    free(text);
    json_decref(rest);
}

static void what_another_door_dealt_with_waits_no_more(void **state)
{
    static const uint64_t unread[] = {103};
    struct mailbox mailbox;
    (void)state;
    const struct mail_past past = {.acked = 100, .told = 104, .unread = unread, .unread_count = 1};
    assert_int_equal(mailbox_init(&mailbox, &past), 0);
    add(&mailbox, 0, true); /* an error has no place: it stays */
    add(&mailbox, 101, true);
    assert_int_equal(mailbox_skip(&mailbox, 103), 1);
    for (uint64_t seq = 102; seq <= 105; seq++)
        add(&mailbox, seq, seq == 105);
    assert_int_equal(mailbox.acked, 103);
    assert_int_equal(mailbox.count, 3);
    assert_int_equal(mailbox.unshown, 2);
    assert_picked(&mailbox, 9, 10000, true, "0 105 104");
    assert_int_equal(mailbox_skip(&mailbox, 90), 0);
    assert_int_equal(mailbox.acked, 103);
    assert_int_equal(mailbox_skip(&mailbox, 110), 2);
    assert_int_equal(mailbox.newest, 110);
    assert_int_equal(mailbox_ack(&mailbox, 0), 1); /* of the error */
    assert_int_equal(mailbox.acked, 110);
    mailbox_free(&mailbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(what_is_for_one_alone_comes_first_then_the_newest),
        TEST(a_budget_of_tokens_holds_and_one_comes_in_any_case),
        TEST(what_was_shown_is_done_with_and_a_cursor_goes_up_to_what_waits),
        TEST(who_comes_back_is_not_shown_again_what_it_was_shown),
        TEST(an_error_has_no_place_and_moves_no_cursor),
        TEST(what_another_door_dealt_with_waits_no_more),
        TEST(of_too_many_those_go_that_are_missed_least),
        TEST(the_rest_is_counted_by_type_and_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

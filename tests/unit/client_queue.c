/* The queue: bounded, in order, and whole lines only, whatever happens to the connection. */
#include "client_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "client/outbox.h"
#include "let_go.h"

static void an_outbox_keeps_the_line_under_way(void **state)
{
    struct outbox outbox = {0};
    (void)state;
    assert_int_equal(outbox_unsent(&outbox).len, 0);
    outbox_rewind(&outbox);
    assert_int_equal(outbox_push(&outbox, (struct slice)SLICE("first"), 100), 0);
    assert_int_equal(outbox_push(&outbox, (struct slice)SLICE("second"), 100), 0);
    outbox_advance(&outbox, 3);
    outbox_rewind(&outbox);
    assert_true(slice_is(outbox_unsent(&outbox), "first\nsecond\n"));
    outbox_advance(&outbox, 6); /* exactly the first line */
    outbox_rewind(&outbox);
    assert_true(slice_is(outbox_unsent(&outbox), "second\n"));
    outbox_advance(&outbox, 6); /* all but its end */
    outbox_rewind(&outbox);
    assert_true(slice_is(outbox_unsent(&outbox), "second\n"));
    outbox_advance(&outbox, 7);
    assert_int_equal(outbox_unsent(&outbox).len, 0);
    outbox_free(&outbox);
    outbox_free(&outbox);
}

static void an_outbox_is_bounded(void **state)
{
    struct outbox outbox = {0};
    (void)state;
    assert_int_equal(outbox_push(&outbox, (struct slice)SLICE("12345"), 5), KHUB_E_FULL);
    assert_int_equal(outbox_push(&outbox, (struct slice)SLICE("12345"), 6), 0);
    assert_int_equal(outbox_push(&outbox, (struct slice)SLICE(""), 6), KHUB_E_FULL);
    outbox_advance(&outbox, 3); /* the line is kept until it is whole: no room yet */
    assert_int_equal(outbox_push(&outbox, (struct slice)SLICE(""), 6), KHUB_E_FULL);
    outbox_advance(&outbox, 3);
    assert_int_equal(outbox_push(&outbox, (struct slice)SLICE("54321"), 6), 0);
    outbox_free(&outbox);
}

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
    let_go(block);
    return __real_realloc(block, size);
}

static unsigned secrets_in(const struct outbox *outbox)
{
    const char *at = outbox->at, *end = outbox->at + outbox->capacity;
    unsigned count = 0;
    for (; (at = memmem(at, (size_t)(end - at), "secret", 6)); at += 6)
        count++;
    return count;
}

/* Each line when it is sent, wherever it moved to meanwhile. */
static void a_secret_outbox_is_overwritten(void **state)
{
    struct outbox outbox = {.secret = true};
    static char first[3490], last[700];
    (void)state;
    memset(first, 'x', sizeof first);
    memset(last, 'y', sizeof last);
    assert_int_equal(outbox_push(&outbox, (struct slice){first, sizeof first}, SIZE_MAX), 0);
    assert_int_equal(outbox_push(&outbox, (struct slice)SLICE("a secret"), SIZE_MAX), 0);
    outbox_advance(&outbox, sizeof first + 1);
    const char *before = outbox.at;
    assert_int_equal(outbox_push(&outbox, (struct slice){last, sizeof last}, SIZE_MAX), 0);
    assert_ptr_equal(outbox.at, before); /* it found room by moving */
    assert_int_equal(secrets_in(&outbox), 1);
    outbox_advance(&outbox, 5);
    assert_int_equal(secrets_in(&outbox), 1); /* it may have to be sent again */
    outbox_advance(&outbox, sizeof "a secret" - 5);
    assert_int_equal(secrets_in(&outbox), 0);
    assert_true(outbox.secret);
    outbox_advance(&outbox, sizeof last + 1);
    assert_false(outbox.secret);
    outbox.secret = true; /* one that is never sent */
    assert_int_equal(outbox_push(&outbox, (struct slice)SLICE("a secret"), SIZE_MAX), 0);
    looked_for = "secret";
    for (int i = 0; i < 10; i++) /* and grows */
        assert_int_equal(outbox_push(&outbox, (struct slice){last, sizeof last}, SIZE_MAX), 0);
    assert_int_equal(secrets_in(&outbox), 1);
    outbox_free(&outbox);
    looked_for = NULL;
    assert_int_equal(let_go_count, 0);
    assert_false(outbox.secret);
}

/* Random pushes, sends and losses, against the plain idea: an array of lines and a count of bytes
 * sent of the first. */
static void an_outbox_agrees_with_its_model(void **state)
{
    struct outbox outbox = {0};
    unsigned random = 1, pushed = 0, first = 0, sent_of_first = 0;
    static unsigned lengths[100000];
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        random = random * 1664525u + 1013904223u;
        unsigned choice = random >> 28, amount = (random >> 8) % 997;
        if (choice < 7) {
            char line[1000];
            memset(line, 'a' + (int)(pushed % 26), amount);
            assert_int_equal(outbox_push(&outbox, (struct slice){line, amount}, SIZE_MAX), 0);
            lengths[pushed++] = amount + 1;
        } else if (choice < 15) {
            size_t most = outbox_unsent(&outbox).len,
                   count = amount * (size_t)4 < most ? amount * (size_t)4 : most;
            outbox_advance(&outbox, count);
            sent_of_first += (unsigned)count;
            while (first < pushed && sent_of_first >= lengths[first])
                sent_of_first -= lengths[first++];
        } else {
            outbox_rewind(&outbox);
            sent_of_first = 0;
        }
        struct slice unsent = outbox_unsent(&outbox);
        assert_int_equal(unsent.len == 0, first == pushed);
        if (unsent.len == 0)
            continue;
        unsigned left = lengths[first] - sent_of_first;
        assert_true(unsent.len >= left && unsent.at[left - 1] == '\n');
        if (left > 1)
            assert_int_equal(unsent.at[0], 'a' + (int)(first % 26));
        assert_int_equal(unsent.at[unsent.len - 1], '\n');
    }
    assert_true(first > 10000);
    outbox_free(&outbox);
}

/* Small buffers in the kernel, so that the queue is where things wait. */
static void make_narrow(struct life *life)
{
    int size = 4096;
    assert_return_code(setsockopt(khub_fd(life->link), SOL_SOCKET, SO_SNDBUF, &size, sizeof size),
                       errno);
}

static void listen_narrow(struct life *life)
{
    int size = 4096;
    assert_return_code(setsockopt(life->hub.listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof size),
                       errno);
}

static int chat_number(struct khub *link, unsigned number)
{
    char text[1000];
    snprintf(text, sizeof text, "number %u %0900d", number, 0);
    return khub_chat(link, text, NULL);
}

static void a_hub_that_never_reads_fills_it(void **state)
{
    struct life *life = *state;
    const size_t queue_max = 100000;
    listen_narrow(life);
    life_join(life, (struct khub_options){.queue_max = queue_max});
    make_narrow(life);
    life->hub.deaf = true;
    unsigned published = 0;
    int result;
    for (unsigned idle = 0; idle < 20; life_step(life)) {
        size_t before = khub_queued(life->link);
        while ((result = chat_number(life->link, published)) == 0)
            published++;
        assert_int_equal(result, KHUB_E_FULL);
        assert_in_range(khub_queued(life->link), queue_max / 2, queue_max);
        idle = khub_queued(life->link) == before ? idle + 1 : 0;
    }
    assert_true(khub_wants_write(life->link));
    assert_int_equal(khub_link_state(life->link), KHUB_JOINED);
    /* It is not woken in vain either: the full queue waits for the fd, not for a timer. */
    khub_turn(life->link);
    assert_true(khub_timeout_ms(life->link) > 1000);

    life->hub.deaf = false;
    UNTIL(life, fake_hub_count(&life->hub, "chat") == published);
    for (unsigned i = 0; i < published; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "\"number %u ", i);
        assert_line_valid(life->hub.lines[i + 1]);
        assert_non_null(strstr(life->hub.lines[i + 1], wanted));
    }
    assert_int_equal(khub_queued(life->link), 0);
    assert_false(khub_wants_write(life->link));
}

/* What was partly sent is sent again whole; what was wholly sent is not. */
static void a_cut_line_is_sent_again(void **state)
{
    struct life *life = *state;
    listen_narrow(life);
    life_join(life, (struct khub_options){0});
    make_narrow(life);
    assert_int_equal(khub_chat(life->link, "before", NULL), 0);
    UNTIL(life, fake_hub_count(&life->hub, "chat") == 1);

    size_t len = 1000000;
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    assert_int_equal(khub_chat(life->link, text, NULL), 0);
    assert_int_equal(khub_chat(life->link, "after", NULL), 0);
    size_t all = khub_queued(life->link);
    UNTIL(life, khub_queued(life->link) < all / 2);
    assert_true(khub_queued(life->link) > 0);
    fake_hub_drop(&life->hub);
    UNTIL(life, khub_link_state(life->link) != KHUB_JOINED);
    assert_int_equal(khub_queued(life->link), all);

    UNTIL(life, fake_hub_count(&life->hub, "chat") == 3);
    assert_line_valid(fake_hub_line(&life->hub, "chat", 1));
    assert_true(strlen(fake_hub_line(&life->hub, "chat", 1)) > len);
    assert_non_null(strstr(fake_hub_line(&life->hub, "chat", 2), "\"after\""));
    /* The hello came first on the new connection. */
    assert_non_null(strstr(life->hub.lines[2], "\"message_type\":\"hello\""));
    assert_int_equal(fake_hub_count(&life->hub, "chat"), 3);
    free(text);
}

/* However often and wherever the connection breaks: nothing out of order, nothing cut, nothing
 * twice. */
static void many_losses_keep_the_order(void **state)
{
    struct life *life = *state;
    listen_narrow(life);
    life_join(life, (struct khub_options){0});
    unsigned published = 0, dropped = 0;
    for (; published < 1000 || khub_queued(life->link) > 0; life_step(life)) {
        if (khub_fd(life->link) >= 0 && khub_link_state(life->link) == KHUB_JOINED)
            make_narrow(life);
        for (int i = 0; i < 7 && published < 1000; i++)
            published += chat_number(life->link, published) == 0;
        if (dropped < 20 && published > 40 * dropped && life->hub.peer >= 0 &&
            life_saw(life, KHUB_JOINED, dropped + 1)) {
            fake_hub_step(&life->hub);
            fake_hub_drop(&life->hub);
            dropped++;
        }
    }
    UNTIL(life, life_saw(life, KHUB_JOINED, 21));
    assert_int_equal(khub_chat(life->link, "the end", NULL), 0);
    UNTIL(life, strstr(life->hub.lines[life->hub.line_count - 1], "the end"));
    int last = -1;
    unsigned received = 0;
    for (unsigned i = 0; i < life->hub.line_count; i++) {
        assert_line_valid(life->hub.lines[i]);
        const char *text = strstr(life->hub.lines[i], "\"number ");
        if (!text)
            continue;
        int number = atoi(text + strlen("\"number "));
        assert_true(number > last);
        last = number;
        received++;
    }
    assert_int_equal(last, 999);
    /* Lost is only what the kernel had taken when the hub went: acks, when they come, will tell. */
    assert_in_range(received, 500, 1000);
}

/* Whoever publishes from a timer of its own and only asks for the time-out is served as well. */
static void publishing_asks_for_a_turn(void **state)
{
    struct life *life = *state;
    life_join(life, (struct khub_options){0});
    life_step(life);
    assert_true(khub_timeout_ms(life->link) > 1000);
    assert_false(khub_wants_write(life->link));
    assert_int_equal(khub_chat(life->link, "x", NULL), 0);
    assert_true(khub_wants_write(life->link));
    assert_int_equal(khub_timeout_ms(life->link), 0);
    assert_int_equal(khub_turn(life->link), 0);
    assert_false(khub_wants_write(life->link));
    assert_true(khub_timeout_ms(life->link) > 1000);
}

#define LIFE(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outbox_keeps_the_line_under_way),
        cmocka_unit_test(an_outbox_is_bounded),
        cmocka_unit_test(a_secret_outbox_is_overwritten),
        cmocka_unit_test(an_outbox_agrees_with_its_model),
        LIFE(a_hub_that_never_reads_fills_it),
        LIFE(a_cut_line_is_sent_again),
        LIFE(many_losses_keep_the_order),
        LIFE(publishing_asks_for_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A whole life of a link with allocations failing: the k-th alone, and all from the k-th on, for
 * every k that there is.
 *
 * The linker's --wrap puts our malloc, calloc and realloc before those of the library (client and
 * wire). They fail only inside the library, never in the fixture. Leaks are LeakSanitizer's to
 * find: run this in a sanitizer build. */
#include "client_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned calls; /* allocations of the library so far in this life */
static unsigned fail_from, fail_to;
static unsigned failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool fails(void)
{
    if (!fixture_inside_link)
        return false;
    calls++;
    if (calls < fail_from || calls > fail_to)
        return false;
    failed++;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

static const char *const capabilities[] = {"one", "two", NULL};
static char *long_text; /* longer than all buffers at their start */

static int publish_each(struct khub *link, unsigned which)
{
    switch (which) {
    case 0:
        return khub_publish(link, "chat", "{\"text\":\"raw\"}", "eve", NULL);
    case 1:
        return khub_share_pattern(link, "{}");
    case 2:
        return khub_share_code(link, "{}");
    case 3:
        return khub_share_component(link, "{}");
    case 4:
        return khub_answer_feature(link, "eve", "f", "{}");
    case 5:
        return khub_report_performance(link, "c", "{}");
    case 6:
        return khub_request_feature(link, "f", NULL);
    case 7:
        return khub_request_collaboration(link, "t", "d", NULL, capabilities, capabilities);
    case 8:
        return khub_respond_collaboration(link, "s", true, "yes");
    case 9:
        return khub_report_progress(link, "s", 0.5, NULL);
    case 10:
        return khub_end_collaboration(link, "s", "failed", NULL);
    case 11:
        return khub_complete_collaboration(link, "s", "{}");
    case 12:
        return khub_update_workspace(link, "s", "k", "1", 0);
    case 13:
        return khub_update_capabilities(link, capabilities);
    case 14:
        return khub_request_lease(link, "k", 60, "to build it");
    case 15:
        return khub_add_task(link, "t", long_text, NULL, capabilities);
    case 16:
        return khub_finish_task(link, "t7", 1, "[{}]");
    case 17:
        return khub_report_evidence(link, "t7", 0, 0, long_text);
    default:
        return khub_chat(link, long_text, NULL);
    }
}
#define EACH_COUNT 19

/* Publishes all; what fails for want of memory is tried once more, and published unless memory is
 * gone for good. */
static void publish_all(struct life *life)
{
    for (unsigned which = 0; which < EACH_COUNT; which++) {
        fixture_inside_link = true;
        int result = publish_each(life->link, which);
        if (result == KHUB_E_NO_MEMORY)
            result = publish_each(life->link, which);
        fixture_inside_link = false;
        if (result == 0)
            continue;
        assert_true(result == KHUB_E_NO_MEMORY || result == KHUB_E_CLOSED);
        assert_true(fail_to == UINT32_MAX);
    }
}

static bool acks; /* the lives are of a link with acks and resuming */

static bool make(struct life *life)
{
    struct khub_options options = {.ai_id = "ada",
                                   .address = life->hub.address,
                                   .specialization = "security",
                                   .capabilities = capabilities,
                                   .features = capabilities,
                                   .room = "r",
                                   .resume_token = "t",
                                   .retry_first_ms = 1,
                                   .retry_max_ms = 1,
                                   .retries = 4,
                                   .acks = acks,
                                   .resume = acks,
                                   .data = life};
    fixture_inside_link = true;
    int result = khub_new(&options, &life_callbacks, &life->link);
    if (result == KHUB_E_NO_MEMORY) {
        assert_null(life->link);
        result = khub_new(&options, &life_callbacks, &life->link);
    }
    fixture_inside_link = false;
    assert_true(result == 0 || (result == KHUB_E_NO_MEMORY && fail_to == UINT32_MAX));
    return result == 0;
}

static bool ended(const struct life *life)
{
    return khub_link_state(life->link) == KHUB_ENDED;
}

/* The hub says something long in two pieces on every connection, until the link has heard it. */
static void hear(struct life *life)
{
    unsigned said_to = 0;
    while (!life_message(life, "weather") && !ended(life)) {
        if (life->hub.peer >= 0 && khub_link_state(life->link) == KHUB_JOINED &&
            said_to != life->hub.accepted) {
            said_to = life->hub.accepted;
            fake_hub_send(&life->hub,
                          "{\"message_id\":\"a\",\"sender_id\":\"e\\u0076e\",\"timestamp\":\"t\","
                          "\"message_type\":\"weather\",\"payload\":{\"text\":\"");
            life_step(life);
            fake_hub_send(&life->hub, long_text);
            fake_hub_send(&life->hub, "\"}}\n");
        }
        life_step(life);
    }
}

/* The hub acks whatever has come since. */
static void ack_new(struct life *life, unsigned *acked)
{
    for (; acks && *acked < life->hub.line_count; ++*acked) {
        char payload[128];
        const char *id = strstr(life->hub.lines[*acked], "\"message_id\":\"");
        assert_non_null(id);
        snprintf(payload, sizeof payload, "{%.50s\",\"seq\":1,\"delivered\":true}", id);
        fake_hub_say(&life->hub, "hub", "ack", payload, 1);
    }
}

/* Returns whether the link lived to its own end. */
static bool live(struct life *life)
{
    if (!make(life))
        return false;
    publish_all(life);
    UNTIL(life, khub_link_state(life->link) == KHUB_JOINED || ended(life));
    hear(life);
    fake_hub_drop(&life->hub);
    unsigned accepted = life->hub.accepted;
    UNTIL(life, (khub_link_state(life->link) == KHUB_JOINED && life->hub.accepted > accepted) ||
                    ended(life));
    publish_all(life);
    khub_close(life->link);
    unsigned acked = 0;
    for (unsigned steps = 0; !ended(life); steps++) {
        assert_true(steps < 1000000);
        ack_new(life, &acked);
        life_step(life);
    }
    return life->turned == 0;
}

/* One life per k, until a life makes fewer than k allocations. */
static void live_for_every_k(bool for_good)
{
    unsigned k;
    for (k = 1;; k++) {
        assert_true(k < 10000);
        void *opened;
        assert_int_equal(life_setup(&opened), 0);
        struct life *life = opened;
        calls = failed = 0;
        fail_from = k;
        fail_to = for_good ? UINT32_MAX : k;
        bool lived = live(life);
        if (!for_good || failed == 0) {
            assert_true(lived);
            /* Everything of the second round has arrived, whatever failed before. */
            assert_true(fake_hub_count(&life->hub, "pattern_share") >= 1);
            assert_true(fake_hub_count(&life->hub, "workspace_update") >= 1);
            assert_non_null(life_message(life, "weather"));
        }
        for (unsigned i = 0; i < life->hub.line_count; i++)
            assert_line_valid(life->hub.lines[i]);
        bool over = failed == 0;
        life_teardown(&opened);
        if (over)
            break;
    }
    assert_true(k > 20); /* a life allocates: this has tested something */
    print_message("# %u allocations in a life\n", k - 1);
}

static void each_allocation_may_fail_once(void **state)
{
    (void)state;
    live_for_every_k(false);
}

static void memory_may_run_out_for_good(void **state)
{
    (void)state;
    live_for_every_k(true);
}

static void with_acks_each_allocation_may_fail_once(void **state)
{
    (void)state;
    acks = true;
    live_for_every_k(false);
    acks = false;
}

int main(void)
{
    const size_t len = 300000;
    long_text = malloc(len + 1);
    if (!long_text)
        return 1;
    memset(long_text, 'x', len);
    long_text[len] = '\0';
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail_once),
        cmocka_unit_test(memory_may_run_out_for_good),
        cmocka_unit_test(with_acks_each_allocation_may_fail_once),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    free(long_text);
    return result;
}

/* What an admin takes back, knowledge or a message: what is left of it, and what comes of it no
 * more. */
#include "core_claims.h"
#include "core_steps.h"

#define RETRACTION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

/* Everybody may come in, and hal is an admin. */
static int let_in(void *ctx, const struct hub_login *login, struct hub_pass *ret_pass,
                  struct refusal *ret_refusal)
{
    (void)ctx, (void)ret_refusal;
    *ret_pass = (struct hub_pass){.admin = slice_is(login->ai_id, "hal")};
    return 0;
}

static int setup(void **state)
{
    int error = fixture_setup(state);
    fixture_let_in(*state, let_in);
    return error;
}

static void retract(struct fixture *f, const char *id)
{
    say(f, HAL, "moderation", "{'action':'retract','target':{'id':'%s'},'reason':'secret'}", id);
}

static json_t *entry_of(struct fixture *f, const char *section, const char *id)
{
    json_t *entry = json_object_get(knowledge(f, section), id);
    assert_non_null(entry);
    return entry;
}

static void assert_tombstone(json_t *entry, const char *body)
{
    json_t *retracted = json_object_get(entry, "retracted");
    assert_int_equal(json_object_size(json_object_get(entry, body)), 0);
    assert_true(json_is_object(json_object_get(entry, body)));
    assert_string_equal(string_of(retracted, "by"), "hal");
    assert_string_equal(string_of(retracted, "reason"), "secret");
    assert_true(json_is_string(json_object_get(retracted, "since")));
}

static void recount(struct fixture *f)
{
    char why[256];
    if (hub_recount(fixture_hub(f), why, sizeof why) < 0)
        fail_msg("%s", why);
}

static void test_a_tombstone_is_left_in_its_place(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, HAL, "hal", 2, "");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p','text':'hunter2'}}");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p','text':'hunter3'}}");
    say(f, ADA, "code_share", "{'code':{'id':'p','source':'hunter2'}}");
    say(f, BOB, "performance_report",
        "{'component_id':'p','performance':{'score':1,'x':'hunter2'}}");
    assert_number(score_of(f, "ada"), 4);
    skip_all(f);
    retract(f, "p");
    json_t *told = expect(f, BOB, "moderation");
    assert_string_equal(string_of(told, "action"), "retract");
    assert_string_equal(string_of(json_object_get(told, "target"), "id"), "p");
    assert_tombstone(entry_of(f, "shared_patterns", "p"), "pattern");
    assert_int_equal(integer_of(entry_of(f, "shared_patterns", "p"), "usage_count"), 0);
    json_t *code = entry_of(f, "shared_components", "p");
    assert_tombstone(code, "code");
    assert_number(json_number_value(json_object_get(code, "quality_score")), 0);
    assert_int_equal(json_array_size(entry_of(f, "performance_benchmarks", "p")), 0);
    assert_number(score_of(f, "ada"), 0);
    skip_all(f);
    say(f, BOB, "knowledge_query", "{'id':'p','revision':'all'}");
    json_t *answer = expect(f, BOB, "knowledge_result");
    assert_null(strstr(read_line(f), "hunter"));
    json_t *revisions = json_object_get(answer, "revisions"); /* one of each */
    assert_int_equal(json_array_size(revisions), 2);
    assert_int_equal(integer_of(json_array_get(revisions, 0), "revision"), 3);
    assert_tombstone(json_object_get(json_array_get(revisions, 0), "entry"), "pattern");
    say(f, BOB, "knowledge_query", "{'text':'hunter2'}");
    expect(f, BOB, "knowledge_result");
    assert_null(strstr(read_line(f), "\"p\""));
    recount(f);
}

static void test_its_id_is_nobodys_again(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, HAL, "hal", 2, "");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'own'}}");
    say(f, BOB, "performance_report", "{'component_id':'own','performance':{'score':1}}");
    retract(f, "p");
    retract(f, "own");
    assert_int_equal(json_array_size(entry_of(f, "performance_benchmarks", "own")), 0);
    skip_all(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    json_t *error = expect_error(f, ADA, "retracted");
    assert_string_equal(string_of(error, "by"), "hal");
    assert_string_equal(string_of(error, "reason"), "secret");
    assert_non_null(strstr(string_of(error, "detail"), "\"p\" was retracted by \"hal\": secret"));
    say(f, BOB, "pattern_share", "{'pattern':{'id':'p'}}");
    expect_error(f, BOB, "retracted");
    say(f, BOB, "performance_report", "{'component_id':'p','performance':{'score':1}}");
    expect_error(f, BOB, "retracted");
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'own'}}");
    expect_error(f, ADA, "retracted");
    say(f, BOB, "performance_report", "{'component_id':'own','performance':{'score':1}}");
    expect_error(f, BOB, "retracted");
    say(f, BOB, "os_component_share", "{'component':{'name':'n','id':'own'}}"); /* is its own */
    say(f, ADA, "os_component_share", "{'component':{'name':'n','id':'other'}}");
    say(f, BOB, "code_share", "{'code':{'id':'p'}}"); /* which was no code */
    skip_all(f);
    say(f, ADA, "performance_report", "{'component_id':'p','performance':{'score':1}}");
    expect_relayed(f, BOB);
    assert_int_equal(integer_of(entry_of(f, "shared_components", "p"), "usage_count"), 1);
    assert_int_equal(integer_of(entry_of(f, "shared_patterns", "p"), "usage_count"), 0);
    recount(f);
}

static void test_what_is_not_there_is_not_retracted(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, HAL, "hal", 2, "");
    say(f, ADA, "performance_report", "{'component_id':'loose','performance':{}}");
    skip_all(f);
    retract(f, "loose");
    expect_error(f, HAL, "not_found");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p'}}");
    retract(f, "p");
    skip_all(f);
    retract(f, "p");
    expect_error(f, HAL, "conflict");
    say(f, ADA, "moderation", "{'action':'retract','target':{'id':'p'},'reason':'r'}");
    expect_error(f, ADA, "forbidden");
    say(f, HAL, "moderation", "{'action':'retract','target':{'id':'p'}}");
    expect_error(f, HAL, "bad_payload");
    say(f, HAL, "moderation", "{'action':'retract','target':{'ai_id':'p'},'reason':'r'}");
    expect_error(f, HAL, "bad_payload");
    say(f, HAL, "moderation", "{'action':'retract','target':{'id':'%0*d'},'reason':'r'}",
        (int)COMPONENT_ID_BYTES_MAX + 1, 0);
    expect_error(f, HAL, "bad_payload");
}

/* What was sealed is told, as when its author withdraws it; the votes are gone. */
static void test_a_claim_ends_with_it(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    join(f, HAL, "hal", 2, "");
    struct challenge sealed = claim(f, ADA, "p", 0.4);
    report(f, BOB, "p", &sealed, 0.4);
    skip_all(f);
    retract(f, "p");
    expect(f, CEY, "moderation");
    json_t *told = expect(f, CEY, "verification");
    assert_string_equal(string_of(told, "id"), "p");
    json_t *entry = entry_of(f, "shared_patterns", "p");
    assert_tombstone(entry, "pattern");
    assert_null(json_object_get(entry, "verification"));
    wait_ticking(f, SEAL_MS + 1000); /* nothing of it runs on */
    recount(f);
}

static void test_who_was_refuted_stays_so(void **state)
{
    struct fixture *f = *state;
    join_five(f);
    join(f, HAL, "hal", 2, "");
    struct challenge lie = claim(f, ADA, "p", 0.4);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'q'}}");
    report(f, BOB, "p", &lie, 0.9);
    report(f, CEY, "p", &lie, 0.9);
    skip_all(f);
    retract(f, "p");
    assert_string_equal(account_of(f, "ada"), "1 1 0 1 0 0");
    assert_number(score_of(f, "ada"), 0);
    recount(f);
}

/* ── messages ── */

/* What the edge is told to show no more. */
static struct {
    uint64_t seqs[64];
    size_t count;
    char line[1024]; /* the last one in its place, whole */
} shown_no_more;

static void edge_retract(void *ctx, const struct hub_retraction *retraction)
{
    (void)ctx;
    assert_true(slice_is(retraction->room, "main"));
    assert_int_equal(retraction->level, 2);
    assert_in_range(shown_no_more.count, 0, 63);
    shown_no_more.seqs[shown_no_more.count++] = retraction->seq;
    snprintf(shown_no_more.line, sizeof shown_no_more.line, "%.*s}",
             SLICE_FORMAT(retraction->line));
}

static int setup_keeping(void **state)
{
    int error = setup(state);
    fixture_retract(*state, edge_retract);
    shown_no_more.count = 0;
    return error;
}

#define MESSAGE_TEST(name) cmocka_unit_test_setup_teardown(name, setup_keeping, fixture_teardown)

static uint64_t seq_now(struct fixture *f)
{
    return hub_seq(fixture_hub(f), slice_of("main"));
}

static void retract_seq(struct fixture *f, uint64_t seq)
{
    say(f, HAL, "moderation", "{'action':'retract','target':{'seq':%llu},'reason':'secret'}",
        (unsigned long long)seq);
}

static void join_three(struct fixture *f)
{
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "");
    join(f, HAL, "hal", 2, "");
}

/* Those seqs, and no other, in that order. */
static void assert_shown_no_more(const char *wanted)
{
    char found[512] = "";
    for (size_t i = 0; i < shown_no_more.count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%llu", i ? "," : "",
                 (unsigned long long)shown_no_more.seqs[i]);
    assert_string_equal(found, wanted);
}

static const char *numbers(const uint64_t *seqs, size_t count)
{
    static char text[512];
    *text = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%llu", i ? "," : "",
                 (unsigned long long)seqs[i]);
    return text;
}

static void test_what_was_said_is_shown_no_more(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    say(f, ADA, "chat", "{'text':'hunter2'}");
    uint64_t seq = seq_now(f);
    skip_all(f);
    retract_seq(f, seq);
    json_t *told = expect(f, BOB, "moderation");
    assert_string_equal(string_of(told, "action"), "retract");
    assert_string_equal(string_of(told, "by"), "hal");
    assert_string_equal(string_of(told, "reason"), "secret");
    assert_int_equal(integer_of(json_object_get(told, "target"), "seq"), seq);
    assert_shown_no_more(numbers(&seq, 1));
    json_t *stands = json_loads(shown_no_more.line, 0, NULL);
    assert_true(json_equal(json_object_get(stands, "payload"), told));
    json_decref(stands);
    recount(f);
}

static void test_what_can_not_be_taken_back(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    uint64_t hello = seq_now(f);
    join(f, BOB, "bob", 2, "");
    join(f, HAL, "hal", 2, "");
    say(f, ADA, "chat", "{'text':'hunter2'}");
    uint64_t seq = seq_now(f);
    say(f, ADA, "chat", "{'text':'x'}");
    skip_all(f);
    retract_seq(f, seq_now(f) + 1);
    assert_non_null(strstr(string_of(expect_error(f, HAL, "not_found"), "detail"), "the last is"));
    retract_seq(f, hello);
    assert_non_null(strstr(string_of(expect_error(f, HAL, "not_found"), "detail"), "no message"));
    say(f, ADA, "moderation", "{'action':'retract','target':{'seq':%d},'reason':'r'}", (int)seq);
    expect_error(f, ADA, "forbidden");
    static const char *const wrong[] = {"{}", "{'seq':0}", "{'seq':'1'}", "{'seq':4,'id':'p'}",
                                        "{'seq':-1}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        say(f, HAL, "moderation", "{'action':'retract','target':%s,'reason':'r'}", wrong[i]);
        expect_error(f, HAL, "bad_payload");
    }
    say(f, HAL, "moderation", "{'action':'retract','target':{'seq':%d}}", (int)seq);
    expect_error(f, HAL, "bad_payload");
    assert_shown_no_more("");
    retract_seq(f, seq);
    uint64_t order = seq_now(f);
    skip_all(f);
    retract_seq(f, seq);
    assert_non_null(strstr(string_of(expect_error(f, HAL, "conflict"), "detail"), "already"));
    retract_seq(f, order); /* that it was taken back stays */
    expect_error(f, HAL, "not_found");
    assert_shown_no_more(numbers(&seq, 1));
}

static void test_it_is_no_letter_any_more(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    leave(f, BOB);
    say_to(f, ADA, "bob", "chat", "{'text':'hunter2','reply_by':5}");
    uint64_t seq = seq_now(f);
    say_to(f, ADA, "bob", "chat", "{'text':'fine'}");
    retract_seq(f, seq);
    skip_all(f);
    say(f, ADA, "dead_query", "{}");
    json_t *answer = expect(f, ADA, "dead_result");
    assert_int_equal(integer_of(answer, "total"), 1);
    assert_int_equal(json_array_size(json_object_get(answer, "letters")), 1);
    say(f, ADA, "dead_query", "{'id':%d}", (int)seq);
    expect_error(f, ADA, "not_found");
    skip_all(f);
    wait_ticking(f, 6000); /* nor is a reply to it awaited */
    expect_no(f, ADA, "error");
    recount(f);
}

/* Sent again, it stands at two places, and is taken back at each. */
static void test_a_letter_that_was_sent_again(void **state)
{
    struct fixture *f = *state;
    uint64_t seqs[2];
    join_three(f);
    leave(f, BOB);
    say_to(f, ADA, "bob", "chat", "{'text':'hunter2'}");
    seqs[0] = seq_now(f);
    join(f, CEY, "bob", 2, "");
    say(f, ADA, "dead_letter", "{'id':%d,'action':'resend'}", (int)seqs[0]);
    seqs[1] = seq_now(f);
    expect(f, CEY, "chat");
    retract_seq(f, seqs[0]);
    retract_seq(f, seqs[1]);
    assert_shown_no_more(numbers(seqs, 2));
}

static void test_a_share_goes_with_what_it_shared(void **state)
{
    struct fixture *f = *state;
    uint64_t seqs[3];
    join_three(f);
    for (unsigned i = 0; i < 3; i++) {
        say(f, ADA, "pattern_share", "{'pattern':{'id':'p','text':'hunter%u'}}", i);
        seqs[i] = seq_now(f);
    }
    retract_seq(f, seqs[1]); /* a former revision: the others stand */
    assert_shown_no_more(numbers(&seqs[1], 1));
    assert_string_equal(
        string_of(json_object_get(entry_of(f, "shared_patterns", "p"), "pattern"), "text"),
        "hunter2");
    skip_all(f);
    say(f, BOB, "knowledge_query", "{'id':'p','revision':'all'}");
    json_t *revisions = json_object_get(expect(f, BOB, "knowledge_result"), "revisions");
    assert_int_equal(json_array_size(revisions), 2);
    assert_null(strstr(read_line(f), "hunter1"));
    recount(f);
    shown_no_more.count = 0;
    retract_seq(f, seqs[2]);
    assert_tombstone(entry_of(f, "shared_patterns", "p"), "pattern");
    assert_shown_no_more(numbers((uint64_t[]){seqs[0], seqs[2]}, 2));
    skip_all(f);
    retract(f, "p");
    expect_error(f, HAL, "conflict");
    recount(f);
}

/* Also a share that lies there for somebody who is away. */
static void test_an_entry_goes_with_its_messages(void **state)
{
    struct fixture *f = *state;
    uint64_t seqs[3];
    join_three(f);
    leave(f, BOB);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p','text':'hunter2'}}");
    seqs[0] = seq_now(f);
    say_to(f, ADA, "bob", "code_share", "{'code':{'id':'p','source':'hunter2'}}");
    seqs[2] = seq_now(f);
    say(f, ADA, "pattern_share", "{'pattern':{'id':'other'}}");
    say(f, ADA, "pattern_share", "{'pattern':{'id':'p','text':'hunter3'}}");
    seqs[1] = seq_now(f);
    skip_all(f);
    say(f, ADA, "dead_query", "{}");
    assert_int_equal(integer_of(expect(f, ADA, "dead_result"), "total"), 1);
    retract(f, "p");
    assert_shown_no_more(numbers(seqs, 3));
    skip_all(f);
    say(f, ADA, "dead_query", "{}");
    assert_int_equal(integer_of(expect(f, ADA, "dead_result"), "total"), 0);
    recount(f);
}

/* Its score is a number, and counts on. */
static void test_a_report_is_blank(void **state)
{
    struct fixture *f = *state;
    join_three(f);
    say(f, ADA, "code_share", "{'code':{'id':'p'}}");
    say(f, BOB, "performance_report",
        "{'component_id':'p','performance':{'score':0.5,'x':'hunter2'}}");
    retract_seq(f, seq_now(f));
    json_t *sync = newcomer_sync(f);
    char *text = json_dumps(sync, 0);
    assert_null(strstr(text, "hunter2"));
    free(text);
    assert_int_equal(json_array_size(entry_of(f, "performance_benchmarks", "p")), 1);
    assert_number(
        json_number_value(json_object_get(entry_of(f, "shared_components", "p"), "quality_score")),
        0.5);
    recount(f);
}

/* Nor is it told who has read it. */
static void test_what_became_of_it_is_told_no_more(void **state)
{
    struct fixture *f = *state;
    char said[64];
    join(f, ADA, "ada", 2, "'acks':true");
    join(f, BOB, "bob", 2, "");
    join(f, HAL, "hal", 2, "");
    say(f, ADA, "chat", "{'text':'hunter2'}");
    snprintf(said, sizeof said, "%s", last_message_id(f));
    unsigned long long seq = hub_seq(fixture_hub(f), slice_of("main"));
    say(f, ADA, "sent_query", "{'message_id':'%s'}", said);
    expect(f, ADA, "sent_result");
    say(f, HAL, "moderation", "{'action':'retract','target':{'seq':%llu},'reason':'r'}", seq);
    skip_all(f);
    say(f, ADA, "sent_query", "{'message_id':'%s'}", said);
    expect_error(f, ADA, "not_found");
    recount(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RETRACTION_TEST(test_a_tombstone_is_left_in_its_place),
        RETRACTION_TEST(test_its_id_is_nobodys_again),
        RETRACTION_TEST(test_what_became_of_it_is_told_no_more),
        RETRACTION_TEST(test_what_is_not_there_is_not_retracted),
        RETRACTION_TEST(test_a_claim_ends_with_it),
        RETRACTION_TEST(test_who_was_refuted_stays_so),
        MESSAGE_TEST(test_what_was_said_is_shown_no_more),
        MESSAGE_TEST(test_what_can_not_be_taken_back),
        MESSAGE_TEST(test_it_is_no_letter_any_more),
        MESSAGE_TEST(test_a_letter_that_was_sent_again),
        MESSAGE_TEST(test_a_share_goes_with_what_it_shared),
        MESSAGE_TEST(test_an_entry_goes_with_its_messages),
        MESSAGE_TEST(test_a_report_is_blank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

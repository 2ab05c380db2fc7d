/* Feature requests: who is capable, and who is told so. */
#include "core_fixture.h"

#define FEATURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void test_the_capable_are_asked(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "'capabilities':['tcp_stack']");
    join(f, BOB, "bob", 1, "'capabilities':['x','TCP_stack_v2']");
    join(f, CEY, "cey", 2, "'capabilities':['my_tcp_stack']");
    join(f, DAN, "dan", 1,
         "'capabilities':['tcp']"); /* contained in the feature, not the other way round */
    say(f, ADA, "feature_request", "{'feature':'Tcp_Stack','requirements':{'n':1.50}}");
    json_t *line = expect_whole(f, BOB, "feature_response");
    assert_string_equal(string_of(line, "sender_id"), "hub");
    assert_string_equal(string_of(line, "target_ai"), "bob");
    json_t *payload = json_object_get(line, "payload");
    assert_string_equal(names_of(payload), "original_request,request_id,requestor");
    assert_string_equal(string_of(payload, "request_id"), last_message_id(f));
    assert_string_equal(string_of(payload, "requestor"), "ada");
    json_t *original = json_object_get(payload, "original_request");
    assert_string_equal(names_of(original), "feature,requirements");
    assert_string_equal(string_of(original, "feature"), "Tcp_Stack");
    assert_number(number_of(json_object_get(original, "requirements"), "n"), 1.5);
    line = expect_whole(f, CEY, "feature_response");
    assert_string_equal(string_of(line, "target_ai"), "cey");
    for (unsigned peer = BOB; peer <= DAN; peer++)
        expect_relayed(f, peer); /* the raw request, by the relay rule */
    expect_nothing(f, BOB);
    expect_nothing(f, CEY);
    expect_nothing(f, DAN);
    expect_nothing(f, ADA); /* capable itself, but it asked */
}

static void test_a_level_2_requestor_learns_who_was_asked(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "'capabilities':['fs']");
    join(f, BOB, "bob", 1, "'capabilities':['fs']");
    join(f, CEY, "cey", 2, "'capabilities':['ext4_fs']");
    join(f, DAN, "dan", 2, "'capabilities':['net']");
    say(f, ADA, "feature_request", "{'feature':'fs','requirements':{}}");
    json_t *payload = expect(f, ADA, "feature_response");
    assert_string_equal(names_of(payload), "asked,original_request,request_id,requestor");
    assert_string_equal(joined_of(payload, "asked"), "bob,cey");
    assert_string_equal(string_of(payload, "requestor"), "ada");
    say(f, DAN, "feature_request", "{'feature':'quantum','requirements':{}}");
    assert_string_equal(joined_of(expect(f, DAN, "feature_response"), "asked"), "");
}

static void test_observers_are_never_asked(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "eye", 2, "'role':'observer','capabilities':['fs']");
    say(f, ADA, "feature_request", "{'feature':'fs'}");
    assert_string_equal(joined_of(expect(f, ADA, "feature_response"), "asked"), "");
    expect_relayed(f, BOB);
}

static void test_those_who_went_are_not_asked(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "'capabilities':['fs']");
    leave(f, BOB);
    skip_all(f);
    say(f, ADA, "feature_request", "{'feature':'fs'}");
    assert_string_equal(joined_of(expect(f, ADA, "feature_response"), "asked"), "");
}

static void test_a_second_hello_changes_who_is_capable(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "'capabilities':['fs']");
    say_hello(f, BOB, "bob", "{'protocol':2,'capabilities':['mm']}");
    skip_all(f);
    say(f, ADA, "feature_request", "{'feature':'fs'}");
    assert_string_equal(joined_of(expect(f, ADA, "feature_response"), "asked"), "");
    say(f, ADA, "feature_request", "{'feature':'MM'}");
    assert_string_equal(joined_of(expect(f, ADA, "feature_response"), "asked"), "bob");
}

static void test_requirements_are_an_object_when_there_are_none(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 1, "'capabilities':['fs']");
    say(f, ADA, "feature_request", "{'feature':'fs'}");
    json_t *payload = expect(f, BOB, "feature_response");
    json_t *requirements =
        json_object_get(json_object_get(payload, "original_request"), "requirements");
    assert_int_equal(json_object_size(requirements), 0);
    assert_true(json_is_object(requirements));
}

static void test_the_answer_reaches_the_requestor_and_is_stored(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 1, "");
    join(f, BOB, "bob", 1, "'capabilities':['fs']");
    join(f, CEY, "cey", 2, "");
    say_to(f, BOB, "ada", "os_component_share",
           "{'component':{'name':'fs'},'original_requestor':'ada','feature_name':'fs'}");
    expect_relayed(f, ADA);
    expect_nothing(f, CEY);
    assert_string_equal(names_of(knowledge(f, "collective_features")), "bob_fs_1795334400");
}

/* A NUL is a character like any other. */
static void test_a_nul_does_not_end_a_feature(void **state)
{
    struct fixture *f = *state;
    join(f, ADA, "ada", 2, "");
    join(f, BOB, "bob", 2, "'capabilities':['a\\u0000b']");
    say(f, ADA, "feature_request", "{'feature':'a\\u0000zzz'}");
    assert_string_equal(joined_of(expect(f, ADA, "feature_response"), "asked"), "");
    say(f, ADA, "feature_request", "{'feature':'A\\u0000B'}");
    assert_string_equal(joined_of(expect(f, ADA, "feature_response"), "asked"), "bob");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FEATURE_TEST(test_the_capable_are_asked),
        FEATURE_TEST(test_a_level_2_requestor_learns_who_was_asked),
        FEATURE_TEST(test_observers_are_never_asked),
        FEATURE_TEST(test_those_who_went_are_not_asked),
        FEATURE_TEST(test_a_second_hello_changes_who_is_capable),
        FEATURE_TEST(test_requirements_are_an_object_when_there_are_none),
        FEATURE_TEST(test_the_answer_reaches_the_requestor_and_is_stored),
        FEATURE_TEST(test_a_nul_does_not_end_a_feature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* JSON-RPC, the judging of arguments, and the quoting of peers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/bounds.h"
#include "gateway/params.h"
#include "gateway/peer_json.h"
#include "gateway/quoted.h"
#include "gateway/rpc.h"

static void assert_refused(const char *text, int code, const char *why)
{
    struct rpc_message message;
    json_t *error = NULL;
    assert_int_equal(rpc_parse(slice_of(text), &message, &error), -1);
    const json_t *inside = json_object_get(error, "error");
    assert_int_equal(json_integer_value(json_object_get(inside, "code")), code);
    const char *sentence = json_string_value(json_object_get(inside, "message"));
    if (!strstr(sentence, why))
        fail_msg("\"%s\" does not say \"%s\"", sentence, why);
    json_decref(error);
}

static void malformed_messages_are_refused_with_the_reason(void **state)
{
    (void)state;
    assert_refused("{", RPC_PARSE_ERROR, "no JSON (RFC 8259) at byte 2 of 1");
    assert_refused("", RPC_PARSE_ERROR, "no JSON");
    assert_refused("{\"a\":\"\xff\"}", RPC_PARSE_ERROR, "at byte 7");
    assert_refused("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"x\"}", RPC_PARSE_ERROR,
                   "duplicate");
    assert_refused("[]", RPC_INVALID_REQUEST, "a batch");
    assert_refused("7", RPC_INVALID_REQUEST, "must be an object");
    assert_refused("{\"id\":1,\"method\":\"x\"}", RPC_INVALID_REQUEST, "\"2.0\"");
    assert_refused("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}", RPC_INVALID_REQUEST, "id");
    assert_refused("{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"x\"}", RPC_INVALID_REQUEST, "id");
    assert_refused("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[]}",
                   RPC_INVALID_REQUEST, "params");
    assert_refused("{\"jsonrpc\":\"2.0\",\"id\":1}", RPC_INVALID_REQUEST, "method");
}

static void assert_read(const char *text, const char *wanted)
{
    json_t *json = peer_json(slice_of(text));
    char *dumped = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(dumped, wanted);
    free(dumped);
    json_decref(json);
}

static void json_of_a_peer_is_read_whatever_it_holds(void **state)
{
    (void)state;
    assert_read("{\"a\":[1,-2.5,\"x\\\"\\u0000\",null,{}]}",
                "{\"a\":[1,-2.5,\"x\\\"\\u0000\",null,{}]}");
    assert_read("9223372036854775807", "9223372036854775807");
    assert_read("-9223372036854775808", "-9223372036854775808");
    assert_read("9223372036854775808", "\"9223372036854775808\"");
    assert_read("-9223372036854775809", "\"-9223372036854775809\"");
    assert_read("[1e999,-1E999,1e-999,7,\"1e999\"]", "[\"1e999\",\"-1E999\",0.0,7,\"1e999\"]");
    assert_read(" { \"n\" : [ ] , \"m\" : 123456789012345678901234567890 , \"t\" : true } ",
                "{\"n\":[],\"m\":\"123456789012345678901234567890\",\"t\":true}");
    assert_read("{\"a\\u0000b\":1,\"c\\\\u0000\":{\"\\u0000\":\"\\u0000\"}}",
                "{\"a\xef\xbf\xbd"
                "b\":1,\"c\\\\u0000\":{\"\xef\xbf\xbd\":\"\\u0000\"}}");
}

static void a_refusal_names_the_request_that_it_can_read(void **state)
{
    struct rpc_message message;
    json_t *error = NULL;
    (void)state;
    rpc_parse(slice_of("{\"jsonrpc\":\"2.0\",\"id\":\"a\"}"), &message, &error);
    assert_string_equal(json_string_value(json_object_get(error, "id")), "a");
    json_decref(error);
    rpc_parse(slice_of("{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"x\"}"), &message, &error);
    assert_true(json_is_null(json_object_get(error, "id")));
    json_decref(error);
}

static void nesting_and_length_are_bounded(void **state)
{
    (void)state;
    size_t deep = RPC_DEPTH_MAX + 1;
    char *text = malloc(2 * deep + 1);
    assert_non_null(text);
    memset(text, '[', deep);
    memset(text + deep, ']', deep);
    text[2 * deep] = '\0';
    assert_refused(text, RPC_PARSE_ERROR, "nested deeper than");
    free(text);
    text = malloc(RPC_LINE_MAX + 2);
    assert_non_null(text);
    memset(text, ' ', RPC_LINE_MAX + 1);
    text[RPC_LINE_MAX + 1] = '\0';
    assert_refused(text, RPC_PARSE_ERROR, "4194305 bytes, and a message may have 4194304");
    free(text);
}

static void requests_notifications_and_responses_are_told_apart(void **state)
{
    struct rpc_message message;
    json_t *error;
    (void)state;
    assert_int_equal(rpc_parse(slice_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"m\","
                                        "\"params\":{\"a\":1}}"),
                               &message, &error),
                     0);
    assert_string_equal(message.method, "m");
    assert_int_equal(json_integer_value(message.id), 7);
    assert_int_equal(json_object_size(message.params), 1);
    rpc_free(&message);
    assert_int_equal(
        rpc_parse(slice_of("{\"jsonrpc\":\"2.0\",\"method\":\"n\"}"), &message, &error), 0);
    assert_null(message.id);
    rpc_free(&message);
    assert_int_equal(
        rpc_parse(slice_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"), &message, &error), 0);
    assert_null(message.method);
    rpc_free(&message);
}

/* ── arguments ── */

static const char *const colours[] = {"red", "green", NULL};
static const struct param params[] = {
    {"name", PARAM_TEXT, true, "Yours", .low = 1, .high = 8},
    {"colour", PARAM_TEXT, .choices = colours},
    {"count", PARAM_WHOLE, .low = 1, .high = 9},
    {"share", PARAM_NUMBER, .low = 0, .high = 1},
    {"loud", PARAM_FLAG},
    {"words", PARAM_TEXTS, .high = 2},
    {"body", PARAM_OBJECT},
    {"value", PARAM_ANY},
    {0},
};

static void assert_judged(const char *text, const char *wanted)
{
    char why[256] = "";
    json_error_t error;
    json_t *arguments = json_loads(text, 0, &error);
    int result = params_check(params, arguments, why, sizeof why);
    assert_string_equal(why, wanted);
    assert_int_equal(result, *wanted ? -1 : 0);
    json_decref(arguments);
}

static void arguments_are_judged_with_value_and_limit(void **state)
{
    (void)state;
    assert_judged("{\"name\":\"ada\",\"colour\":\"red\",\"count\":9,\"share\":0.5,\"loud\":true,"
                  "\"words\":[\"a\",\"b\"],\"body\":{},\"value\":null}",
                  "");
    assert_judged("{\"name\":\"ada\",\"colour\":null}", "");
    assert_judged("{}", "'name' is missing: Yours");
    assert_judged("{\"name\":null}", "'name' must be a text, and is null");
    assert_judged("{\"name\":\"\"}", "'name' has 0 bytes, and must have 1 to 8");
    assert_judged("{\"name\":\"a\",\"colour\":\"blue\"}",
                  "'colour' is \"blue\", and must be one of red, green");
    assert_judged("{\"name\":\"a\",\"count\":10}", "'count' is 10, and must be from 1 to 9");
    assert_judged("{\"name\":\"a\",\"count\":1.5}", "'count' must be a whole number, and is 1.5");
    assert_judged("{\"name\":\"a\",\"share\":\"x\"}", "'share' must be a number, and is \"x\"");
    assert_judged("{\"name\":\"a\",\"loud\":1}", "'loud' must be true or false, and is 1");
    assert_judged("{\"name\":\"a\",\"words\":[\"a\",\"b\",\"c\"]}",
                  "'words' has 3 texts, and may have 2");
    assert_judged("{\"name\":\"a\",\"words\":[1]}",
                  "'words' must hold texts of at most 128 bytes, and has 1");
    assert_judged("{\"name\":\"a\",\"body\":[]}", "'body' must be an object, and is []");
    assert_judged("{\"nam\":\"a\"}", "there is no 'nam': did you mean 'name'?");
    assert_judged("{\"name\":\"a\",\"zzzzzz\":1}", "there is no 'zzzzzz' here");
    assert_judged("[]", "the arguments must be an object, and are []");
}

static void no_arguments_are_none(void **state)
{
    char why[256];
    (void)state;
    assert_int_equal(params_check(params, NULL, why, sizeof why), -1);
    assert_string_equal(why, "'name' is missing: Yours");
    assert_int_equal(params_check(params + 1, NULL, why, sizeof why), 0);
}

static void a_table_is_a_schema(void **state)
{
    (void)state;
    json_t *schema = params_schema(params + 1);
    char *text = json_dumps(schema, JSON_COMPACT);
    assert_string_equal(
        text, "{\"type\":\"object\",\"properties\":{"
              "\"colour\":{\"type\":\"string\",\"enum\":[\"red\",\"green\"]},"
              "\"count\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9},"
              "\"share\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},"
              "\"loud\":{\"type\":\"boolean\"},"
              "\"words\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
              "\"body\":{\"type\":\"object\"},\"value\":{}},\"additionalProperties\":false}");
    free(text);
    json_decref(schema);
    schema = params_schema(params);
    text = json_dumps(json_object_get(schema, "required"), JSON_COMPACT);
    assert_string_equal(text, "[\"name\"]");
    free(text);
    json_decref(schema);
}

/* ── quoting ── */

static void a_peers_lines_can_not_pass_for_others(void **state)
{
    struct text text = {0};
    (void)state;
    text_add_quoted(&text, slice_of("one\n#7 eve to you\r\n\x1b[31m\ttwo\xe2\x80\xae\n"));
    text_add(&text, (struct slice){"", 1});
    assert_string_equal(text.at, "| one\n| #7 eve to you\n| \\x1b[31m\ttwo\\u{202e}\n| \n");
    text_clear(&text);
    text_add_shown(&text, slice_of("a\nb\x07"));
    text_add(&text, (struct slice){"", 1});
    assert_string_equal(text.at, "a b\\x07");
    text_free(&text);
}

static void a_cut_splits_no_character(void **state)
{
    struct slice text = slice_of("a\xc3\xa9\xe2\x82\xac");
    static const size_t wanted[] = {0, 1, 1, 3, 3, 3, 6, 6};
    (void)state;
    for (size_t size = 0; size < sizeof wanted / sizeof *wanted; size++)
        assert_int_equal(slice_cut(text, size).len, wanted[size]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_messages_are_refused_with_the_reason),
        cmocka_unit_test(json_of_a_peer_is_read_whatever_it_holds),
        cmocka_unit_test(a_refusal_names_the_request_that_it_can_read),
        cmocka_unit_test(nesting_and_length_are_bounded),
        cmocka_unit_test(requests_notifications_and_responses_are_told_apart),
        cmocka_unit_test(arguments_are_judged_with_value_and_limit),
        cmocka_unit_test(no_arguments_are_none),
        cmocka_unit_test(a_table_is_a_schema),
        cmocka_unit_test(a_peers_lines_can_not_pass_for_others),
        cmocka_unit_test(a_cut_splits_no_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

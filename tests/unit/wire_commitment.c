/* The text of a commitment: the same bytes from the same parameters, however they are spelt, and
 * from no others; and from a module. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/commitment.h"
#include "wire_sentence.h"

static struct committed_parameters parameters;

static int read_text(const char *json)
{
    size_t at;
    assert_int_equal(json_check(slice_of(json), WIRE_DEPTH_MAX, &at), JSON_FINE);
    memset(&refusal, 0, sizeof refusal);
    return committed_parameters_read(json_value_of(slice_of(json)), "payload.pattern.parameters",
                                     &parameters, &refusal);
}

/* The text of these parameters; the caller frees. */
static char *written(const char *json)
{
    struct text text = {0};
    assert_int_equal(read_text(json), 0);
    assert_int_equal(
        commitment_write(slice_of("cpu"), slice_of("v1"), parameters.all, parameters.count, &text),
        0);
    char *copy = strndup(text.at, text.len);
    assert_non_null(copy);
    text_free(&text);
    return copy;
}

static void assert_written(const char *json, const char *wanted)
{
    char *text = written(json);
    assert_string_equal(text, wanted);
    free(text);
}

#define HEAD "khub parameters 1\ncpu\nv1\n"

static void the_text_is_what_is_agreed_on(void **state)
{
    (void)state;
    assert_written("{}", HEAD);
    assert_written("{\"b\":0.1,\"a\":1,\"c\":-2}", HEAD "a=3ff0000000000000\n"
                                                        "b=3fb999999999999a\n"
                                                        "c=c000000000000000\n");
}

static void spelling_does_not_matter(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"quantum\":0.5,\"boost\":1000}",
        "{\"boost\":1000,\"quantum\":0.5}",
        " { \"boost\" : 1e3 , \"quantum\" : 5e-1 } ",
        "{\"\\u0062oost\":1000.0,\"qu\\u0061ntum\":0.500000}",
        "{\"boost\":10E+2,\"quantum\":0.50000000000000000000000000001}",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_written(same[i], HEAD "boost=408f400000000000\nquantum=3fe0000000000000\n");
}

static void the_last_bit_matters(void **state)
{
    (void)state;
    assert_written("{\"a\":0.1}", HEAD "a=3fb999999999999a\n");
    assert_written("{\"a\":0.10000000000000002}", HEAD "a=3fb999999999999b\n");
    assert_written("{\"a\":-0.0}", HEAD "a=8000000000000000\n");
    assert_written("{\"a\":0}", HEAD "a=0000000000000000\n");
    assert_written("{\"a\":5e-324}", HEAD "a=0000000000000001\n");
    assert_written("{\"a\":1.7976931348623157e308}", HEAD "a=7fefffffffffffff\n");
}

static void names_are_sorted_by_their_bytes(void **state)
{
    (void)state;
    assert_written("{\"é\":1,\"z\":1,\"Z\":1,\"aa\":1,\"a\":1,\"a=0\":1}",
                   HEAD "Z=3ff0000000000000\n"
                        "a=3ff0000000000000\n"
                        "a=0=3ff0000000000000\n"
                        "aa=3ff0000000000000\n"
                        "z=3ff0000000000000\n"
                        "é=3ff0000000000000\n");
}

static void what_no_parameters_are_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *says;
    } wrong[] = {
        {"[1]", "payload.pattern.parameters must be an object"},
        {"7", "payload.pattern.parameters must be an object"},
        {"{\"a\":\"1\"}", "payload.pattern.parameters.a must be a finite number, not 1"},
        {"{\"a\":null}", "payload.pattern.parameters.a must be a finite number, not null"},
        {"{\"a\":{\"b\":1}}", "payload.pattern.parameters.a must be a finite number"},
        {"{\"a\":1e400}", "payload.pattern.parameters.a must be a finite number, not 1e400"},
        {"{\"\":1}", "1 to 64 bytes and no control characters"},
        {"{\"a\\nb\":1}", "1 to 64 bytes and no control characters"},
        {"{\"a\\u0085\":1}", "1 to 64 bytes and no control characters"},
        {"{\"a\":1,\"b\":2,\"a\":1}", "payload.pattern.parameters.a stands twice"},
        {"{\"a\":1,\"\\u0061\":1}", "payload.pattern.parameters.a stands twice"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(read_text(wrong[i].json), -WIRE_BAD_PAYLOAD);
        assert_int_equal(refusal.code, WIRE_BAD_PAYLOAD);
        assert_sentence();
        ASSERT_SAYS(wrong[i].says);
    }
}

static void parameters_end_at_their_limits(void **state)
{
    (void)state;
    char json[16384];
    for (unsigned more = 0; more < 2; more++) {
        size_t at = 0;
        for (unsigned i = 0; i < COMMITMENT_PARAMETERS_MAX + more; i++)
            at +=
                (size_t)snprintf(json + at, sizeof json - at, "%s\"p%u\":%u", i ? "," : "{", i, i);
        snprintf(json + at, sizeof json - at, "}");
        assert_int_equal(read_text(json), more ? -WIRE_BAD_PAYLOAD : 0);
    }
    ASSERT_SAYS("has more than 64 members");
    for (unsigned more = 0; more < 2; more++) {
        snprintf(json, sizeof json, "{\"%0*d\":1}", (int)(COMMITMENT_NAME_MAX + more), 0);
        assert_int_equal(read_text(json), more ? -WIRE_BAD_PAYLOAD : 0);
    }
    ASSERT_SAYS("1 to 64 bytes");
}

/* What a trainer might hand in by mistake. */
static void nothing_is_written_that_breaks_a_rule(void **state)
{
    (void)state;
    struct text text = {0};
    char long_text[COMMITMENT_SUBJECT_MAX + 2];
    struct slice good = slice_of("cpu"), too_long = {long_text, COMMITMENT_SUBJECT_MAX + 1},
                 longest = {long_text, COMMITMENT_SUBJECT_MAX}, broken = slice_of("a\nb"),
                 none = {NULL, 0};
    memset(long_text, 'x', sizeof long_text);
    static struct committed_parameter many[COMMITMENT_PARAMETERS_MAX + 1];
    static char names[COMMITMENT_PARAMETERS_MAX + 1][4];
    for (unsigned i = 0; i <= COMMITMENT_PARAMETERS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "%u", i);
        many[i] = (struct committed_parameter){slice_of(names[i]), i};
    }
    struct committed_parameter twice[] = {{good, 1}, {slice_of("b"), 1}, {good, 2}};
    struct committed_parameter endless[] = {{good, HUGE_VAL}}, no_number[] = {{good, (double)NAN}};
    struct committed_parameter nameless[] = {{none, 1}}, broken_name[] = {{broken, 1}};
    struct committed_parameter long_name[] = {{too_long, 1}};
    text_add_literal(&text, "before");
    assert_int_equal(commitment_write(none, good, many, 1, &text), -1);
    assert_int_equal(commitment_write(good, none, many, 1, &text), -1);
    assert_int_equal(commitment_write(broken, good, many, 1, &text), -1);
    assert_int_equal(commitment_write(good, broken, many, 1, &text), -1);
    assert_int_equal(commitment_write(too_long, good, many, 1, &text), -1);
    assert_int_equal(commitment_write(good, too_long, many, 1, &text), -1);
    assert_int_equal(commitment_write(good, good, many, COMMITMENT_PARAMETERS_MAX + 1, &text), -1);
    assert_int_equal(commitment_write(good, good, twice, 3, &text), -1);
    assert_int_equal(commitment_write(good, good, endless, 1, &text), -1);
    assert_int_equal(commitment_write(good, good, no_number, 1, &text), -1);
    assert_int_equal(commitment_write(good, good, nameless, 1, &text), -1);
    assert_int_equal(commitment_write(good, good, broken_name, 1, &text), -1);
    assert_int_equal(commitment_write(good, good, long_name, 1, &text), -1);
    assert_true(slice_is(text_slice(&text), "before"));
    assert_int_equal(commitment_write(longest, longest, many, COMMITMENT_PARAMETERS_MAX, &text), 0);
    assert_true(text.len > 6 + 18 + 2 * 65);
    text.failed = true; /* memory was out */
    assert_int_equal(commitment_write(good, good, many, 1, &text), -1);
    text_free(&text);
}

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void a_modules_text_is_what_is_agreed_on(void **state)
{
    (void)state;
    struct text text = {0};
    text_add_literal(&text, "before ");
    assert_int_equal(commitment_write_module(slice_of("cpu"), slice_of("v1"), DIGEST, &text), 0);
    assert_true(slice_is(text_slice(&text), "before khub module 1\ncpu\nv1\n" DIGEST "\n"));
    text_free(&text);
}

static void no_module_is_written_that_breaks_a_rule(void **state)
{
    (void)state;
    struct text text = {0};
    char long_text[COMMITMENT_SUBJECT_MAX + 1], digest[COMMITMENT_DIGEST_SIZE] = DIGEST;
    struct slice good = slice_of("cpu"), too_long = {long_text, sizeof long_text},
                 longest = {long_text, COMMITMENT_SUBJECT_MAX}, broken = slice_of("a\nb"),
                 none = {NULL, 0};
    memset(long_text, 'x', sizeof long_text);
    text_add_literal(&text, "before");
    assert_int_equal(commitment_write_module(none, good, digest, &text), -1);
    assert_int_equal(commitment_write_module(good, none, digest, &text), -1);
    assert_int_equal(commitment_write_module(broken, good, digest, &text), -1);
    assert_int_equal(commitment_write_module(good, broken, digest, &text), -1);
    assert_int_equal(commitment_write_module(too_long, good, digest, &text), -1);
    assert_int_equal(commitment_write_module(good, too_long, digest, &text), -1);
    digest[63] = 'A';
    assert_int_equal(commitment_write_module(good, good, digest, &text), -1);
    digest[63] = '\0';
    assert_int_equal(commitment_write_module(good, good, digest, &text), -1);
    assert_true(slice_is(text_slice(&text), "before"));
    assert_int_equal(commitment_write_module(longest, longest, DIGEST, &text), 0);
    text.failed = true; /* memory was out */
    assert_int_equal(commitment_write_module(good, good, DIGEST, &text), -1);
    text_free(&text);
}

static void digests_are_lower_case(void **state)
{
    (void)state;
    uint8_t digest[COMMITMENT_DIGEST_BYTES];
    char hex[COMMITMENT_DIGEST_SIZE];
    for (unsigned i = 0; i < sizeof digest; i++)
        digest[i] = (uint8_t)(i * 8 + 7);
    commitment_digest_format(digest, hex);
    assert_string_equal(hex, "070f171f272f373f474f575f676f777f878f979fa7afb7bfc7cfd7dfe7eff7ff");
    assert_true(commitment_digest_fits(slice_of(hex)));
    assert_false(commitment_digest_fits((struct slice){hex, 63}));
    assert_false(commitment_digest_fits((struct slice){hex, 65}));
    hex[10] = 'A';
    assert_false(commitment_digest_fits(slice_of(hex)));
    hex[10] = 'g';
    assert_false(commitment_digest_fits(slice_of(hex)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_what_is_agreed_on),
        cmocka_unit_test(spelling_does_not_matter),
        cmocka_unit_test(the_last_bit_matters),
        cmocka_unit_test(names_are_sorted_by_their_bytes),
        cmocka_unit_test(what_no_parameters_are_is_refused),
        cmocka_unit_test(parameters_end_at_their_limits),
        cmocka_unit_test(nothing_is_written_that_breaks_a_rule),
        cmocka_unit_test(a_modules_text_is_what_is_agreed_on),
        cmocka_unit_test(no_module_is_written_that_breaks_a_rule),
        cmocka_unit_test(digests_are_lower_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A page of a list in the order of its numbers: what is on it, what is counted, what comes next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/order_page.h"

/* Of the numbers 2, 4 ... 20 in a list, each told as the number itself. */
static void expect_page(struct order_page page, const char *wanted)
{
    struct text text = {0};
    text_add_literal(&text, "before");
    order_page_begin(&page, &text, "list");
    for (unsigned number = 2; number <= 20; number += 2)
        if (order_page_tells(&page, number))
            text_addf(&text, "%u", number);
    order_page_total(&page);
    order_page_next(&page);
    text_add(&text, (struct slice){"", 1});
    assert_string_equal(text.at, wanted);
    text_free(&text);
}

static void test_a_page_is_of_its_limit(void **state)
{
    (void)state;
    expect_page((struct order_page){.limit = 3, .bytes_max = 1000},
                "before,\"list\":[2,4,6],\"total\":10,\"next\":6");
    expect_page((struct order_page){.limit = 9, .bytes_max = 1000},
                "before,\"list\":[2,4,6,8,10,12,14,16,18],\"total\":10,\"next\":18");
    expect_page((struct order_page){.limit = 10, .bytes_max = 1000},
                "before,\"list\":[2,4,6,8,10,12,14,16,18,20],\"total\":10,\"next\":null");
}

static void test_it_begins_behind_a_number(void **state)
{
    (void)state;
    expect_page((struct order_page){.limit = 2, .bytes_max = 1000, .after = 6},
                "before,\"list\":[8,10],\"total\":10,\"next\":10");
    expect_page((struct order_page){.limit = 2, .bytes_max = 1000, .after = 7}, /* that is gone */
                "before,\"list\":[8,10],\"total\":10,\"next\":10");
    expect_page((struct order_page){.limit = 2, .bytes_max = 1000, .after = 16},
                "before,\"list\":[18,20],\"total\":10,\"next\":null");
    expect_page((struct order_page){.limit = 2, .bytes_max = 1000, .after = 20},
                "before,\"list\":[],\"total\":10,\"next\":null");
}

/* None begins behind so many bytes; the first always fits. */
static void test_it_has_bounded_bytes(void **state)
{
    (void)state;
    const size_t head = sizeof ",\"list\":[" - 1;
    expect_page((struct order_page){.limit = 9, .bytes_max = 0},
                "before,\"list\":[2],\"total\":10,\"next\":2");
    expect_page((struct order_page){.limit = 9, .bytes_max = head},
                "before,\"list\":[2],\"total\":10,\"next\":2");
    expect_page((struct order_page){.limit = 9, .bytes_max = head + 1},
                "before,\"list\":[2,4],\"total\":10,\"next\":4");
    expect_page((struct order_page){.limit = 9, .bytes_max = head + 3},
                "before,\"list\":[2,4,6],\"total\":10,\"next\":6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_is_of_its_limit),
        cmocka_unit_test(test_it_begins_behind_a_number),
        cmocka_unit_test(test_it_has_bounded_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

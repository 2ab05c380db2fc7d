/* Ids: what is gone is not found again under another's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/id_table.h"

#define MANY 1000u

static void each_id_finds_its_own_thing(void **state)
{
    (void)state;
    struct id_table table;
    uint64_t ids[MANY];
    static int things[MANY];
    id_table_init(&table);
    assert_null(id_table_find(&table, 0));
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(id_table_add(&table, &things[i], &ids[i]), 0);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_not_equal(ids[i], 0);
        assert_ptr_equal(id_table_find(&table, ids[i]), &things[i]);
        assert_null(id_table_find(&table, ids[i] + ((uint64_t)1 << 32)));
    }
    id_table_free(&table);
}

static void a_place_that_is_taken_again_has_a_new_id(void **state)
{
    (void)state;
    struct id_table table;
    uint64_t old, new;
    int first, second;
    id_table_init(&table);
    assert_int_equal(id_table_add(&table, &first, &old), 0);
    id_table_remove(&table, old);
    assert_null(id_table_find(&table, old));
    assert_int_equal(id_table_add(&table, &second, &new), 0);
    assert_int_equal((uint32_t) new, (uint32_t)old); /* the same place */
    assert_int_not_equal(new, old);
    assert_null(id_table_find(&table, old));
    assert_ptr_equal(id_table_find(&table, new), &second);
    id_table_free(&table);
}

/* A generation that has come round is 1 and not 0, so no id is ever 0. */
static void generations_come_round(void **state)
{
    (void)state;
    struct id_table table;
    uint64_t id;
    int thing;
    id_table_init(&table);
    assert_int_equal(id_table_add(&table, &thing, &id), 0);
    table.places[(uint32_t)id].generation = UINT32_MAX;
    id_table_remove(&table, id | (uint64_t)UINT32_MAX << 32);
    assert_int_equal(id_table_add(&table, &thing, &id), 0);
    assert_int_equal(id >> 32, 1);
    id_table_free(&table);
}

static void all_are_walked_and_may_go_on_the_way(void **state)
{
    (void)state;
    struct id_table table;
    uint64_t ids[MANY];
    static int things[MANY];
    int *thing;
    unsigned walked = 0;
    id_table_init(&table);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(id_table_add(&table, &things[i], &ids[i]), 0);
    for (unsigned i = 0; i < MANY; i += 2)
        id_table_remove(&table, ids[i]);
    for (uint32_t cursor = 0; (thing = id_table_next(&table, &cursor)); walked++) {
        assert_int_equal((thing - things) % 2, 1);
        id_table_remove(&table, ids[thing - things]);
    }
    assert_int_equal(walked, MANY / 2);
    uint32_t cursor = 0;
    assert_null(id_table_next(&table, &cursor));
    id_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_id_finds_its_own_thing),
        cmocka_unit_test(a_place_that_is_taken_again_has_a_new_id),
        cmocka_unit_test(generations_come_round),
        cmocka_unit_test(all_are_walked_and_may_go_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Handles: found by their kind, bounded, and forgotten when nobody came for too long. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/bounds.h"
#include "gateway/guests.h"

static unsigned idled;
static const struct caller nobody = {{0}, false}, ada = {{1}, true}, bea = {{2}, true};

static void on_idle(struct guest *guest)
{
    idled++;
    guest->used = INT64_MAX / 2; /* once is enough */
}

static struct guest *find(const struct guests *guests, const char *handle, enum guest_kind kind)
{
    return guests_find(guests, slice_of(handle), kind, &nobody);
}

static void on_turn(uv_idle_t *alive)
{
    (void)alive;
}

static void close_all(uv_loop_t *loop, struct guests *guests)
{
    guests_close(guests);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void a_guest_is_found_by_its_handle_and_kind(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct guests *guests = guests_new(&loop, 0);
    struct guest one = {0}, other = {0};
    assert_true(guests_add(guests, &one, GUEST_REST, &nobody, on_idle));
    assert_true(guests_add(guests, &other, GUEST_MCP, &nobody, on_idle));
    assert_string_not_equal(one.handle, other.handle);
    assert_int_equal(strspn(one.handle, "0123456789abcdef"), GUEST_HANDLE_SIZE - 1);
    assert_ptr_equal(find(guests, one.handle, GUEST_REST), &one);
    assert_ptr_equal(find(guests, other.handle, GUEST_MCP), &other);
    assert_null(find(guests, one.handle, GUEST_MCP));
    assert_null(find(guests, "", GUEST_REST));
    char foreign[GUEST_HANDLE_SIZE]; /* what somebody may say instead */
    memset(foreign, 0xff, sizeof foreign - 1);
    foreign[sizeof foreign - 1] = '\0';
    assert_null(find(guests, foreign, GUEST_REST));
    guests_remove(guests, &one);
    assert_null(find(guests, one.handle, GUEST_REST));
    guests_remove(guests, &other);
    close_all(&loop, guests);
}

static void a_handle_is_good_with_the_token_that_began_it(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct guests *guests = guests_new(&loop, 0);
    struct guest one = {0};
    assert_true(guests_add(guests, &one, GUEST_REST, &ada, on_idle));
    assert_ptr_equal(guests_find(guests, slice_of(one.handle), GUEST_REST, &ada), &one);
    assert_null(guests_find(guests, slice_of(one.handle), GUEST_REST, &bea));
    assert_null(guests_find(guests, slice_of(one.handle), GUEST_REST, &nobody));
    guests_remove(guests, &one);
    close_all(&loop, guests);
}

static void a_token_does_not_take_all_of_it(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct guests *guests = guests_new(&loop, 0);
    struct guest *many = calloc(GUESTS_OWN_MAX + 1, sizeof *many);
    for (size_t i = 0; i < GUESTS_OWN_MAX; i++)
        assert_true(guests_add(guests, &many[i], GUEST_REST, &ada, on_idle));
    assert_false(guests_add(guests, &many[GUESTS_OWN_MAX], GUEST_REST, &ada, on_idle));
    assert_true(guests_add(guests, &many[GUESTS_OWN_MAX], GUEST_REST, &bea, on_idle));
    for (size_t i = 0; i <= GUESTS_OWN_MAX; i++)
        guests_remove(guests, &many[i]);
    free(many);
    close_all(&loop, guests);
}

static void there_is_room_for_so_many(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct guests *guests = guests_new(&loop, 0);
    struct guest *many = calloc(GUESTS_MAX + 1, sizeof *many);
    for (size_t i = 0; i < GUESTS_MAX; i++)
        assert_true(guests_add(guests, &many[i], GUEST_REST, &nobody, on_idle));
    assert_false(guests_add(guests, &many[GUESTS_MAX], GUEST_REST, &nobody, on_idle));
    guests_remove(guests, &many[7]);
    assert_true(guests_add(guests, &many[GUESTS_MAX], GUEST_REST, &nobody, on_idle));
    for (size_t i = 0; i <= GUESTS_MAX; i++)
        if (i != 7)
            guests_remove(guests, &many[i]);
    free(many);
    close_all(&loop, guests);
}

static void who_is_silent_is_forgotten_and_who_waits_for_an_answer_is_not(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_loop_init(&loop);
    uv_idle_t alive; /* the table alone keeps no loop going */
    uv_idle_init(&loop, &alive);
    uv_idle_start(&alive, on_turn);
    struct guests *guests = guests_new(&loop, 1);
    struct guest silent = {0}, waiting = {0};
    assert_true(guests_add(guests, &silent, GUEST_REST, &nobody, on_idle));
    assert_true(guests_add(guests, &waiting, GUEST_REST, &nobody, on_idle));
    guest_busy(&waiting);
    while (silent.used != INT64_MAX / 2)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(idled, 1);
    guest_done(&waiting);
    while (waiting.used != INT64_MAX / 2)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(idled, 2);
    guests_remove(guests, &silent);
    guests_remove(guests, &waiting);
    uv_close((uv_handle_t *)&alive, NULL);
    close_all(&loop, guests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_is_found_by_its_handle_and_kind),
        cmocka_unit_test(a_handle_is_good_with_the_token_that_began_it),
        cmocka_unit_test(a_token_does_not_take_all_of_it),
        cmocka_unit_test(there_is_room_for_so_many),
        cmocka_unit_test(who_is_silent_is_forgotten_and_who_waits_for_an_answer_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A host's name is looked up beside the loop: while the resolver is silent, turns return, and the
 * link may be closed or freed. */
#include "client_fixture.h"

#include <netdb.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>

static sem_t asked, released, left; /* the resolver: was asked, may answer, has answered */

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **found);

/* The linker puts this in the place of the real one. A number is answered at once, as ever. */
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **found)
{
    if (strstr(host, ".test") == NULL || (hints->ai_flags & AI_NUMERICHOST))
        return __real_getaddrinfo(host, port, hints, found);
    sem_post(&asked);
    sem_wait(&released);
    int fault = strcmp(host, "nobody.test") == 0
                    ? EAI_NONAME
                    : __real_getaddrinfo("127.0.0.1", port, hints, found);
    sem_post(&left);
    return fault;
}

static int lookup_setup(void **state)
{
    sem_init(&asked, 0, 0);
    sem_init(&released, 0, 0);
    sem_init(&left, 0, 0);
    return life_setup(state);
}

/* A link to host, at the port of the test's hub, whose look-up is under way. */
static void link_to(struct life *life, const char *host)
{
    static char address[64];
    snprintf(address, sizeof address, "%s%s", host, strrchr(life->hub.address, ':'));
    life_link(life, (struct khub_options){.address = address, .retries = -1});
    life_step(life);
    sem_wait(&asked);
    assert_int_equal(khub_link_state(life->link), KHUB_CONNECTING);
}

static void a_silent_resolver_stops_nobody(void **state)
{
    struct life *life = *state;
    link_to(life, "slow.test");
    for (unsigned i = 0; i < 3; i++) {
        life_step(life);
        struct pollfd waited = {.fd = khub_fd(life->link), .events = POLLIN};
        assert_true(waited.fd >= 0);
        assert_int_equal(poll(&waited, 1, 0), 0);
        assert_false(khub_wants_write(life->link));
        assert_int_not_equal(khub_timeout_ms(life->link), 0);
        assert_int_equal(khub_link_state(life->link), KHUB_CONNECTING);
    }
    sem_post(&released);
    UNTIL(life, khub_link_state(life->link) == KHUB_JOINED);
    sem_wait(&left);
}

static void a_name_that_nobody_has(void **state)
{
    struct life *life = *state;
    link_to(life, "nobody.test");
    sem_post(&released);
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_int_equal(life->turned, KHUB_E_ADDRESS);
    assert_non_null(strstr(life->details[life->state_count - 1], "nobody.test"));
    sem_wait(&left);
}

static void it_is_closed_meanwhile(void **state)
{
    struct life *life = *state;
    link_to(life, "slow.test");
    khub_close(life->link);
    UNTIL(life, khub_link_state(life->link) == KHUB_ENDED);
    assert_int_equal(khub_fd(life->link), -1);
    sem_post(&released);
    sem_wait(&left);
}

static void it_is_freed_meanwhile(void **state)
{
    struct life *life = *state;
    link_to(life, "slow.test");
    khub_free(life->link);
    life->link = NULL;
    sem_post(&released);
    sem_wait(&left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silent_resolver_stops_nobody, lookup_setup,
                                        life_teardown),
        cmocka_unit_test_setup_teardown(a_name_that_nobody_has, lookup_setup, life_teardown),
        cmocka_unit_test_setup_teardown(it_is_closed_meanwhile, lookup_setup, life_teardown),
        cmocka_unit_test_setup_teardown(it_is_freed_meanwhile, lookup_setup, life_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

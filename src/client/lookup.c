/* See lookup.h. What is shared stands in struct lookup; the thread writes its answer, then says
 * so on the eventfd, and the owner reads it only after that. */
#include "client/lookup.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct lookup {
    struct address address;
    int fd;
    atomic_int users; /* the thread and the owner */
    atomic_bool ended;
    int fault;
    const char *why;
    size_t count;
    struct endpoint endpoints[ENDPOINTS_MAX];
};

void lookup_drop(struct lookup *lookup)
{
    if (!lookup || atomic_fetch_sub(&lookup->users, 1) > 1)
        return;
    close(lookup->fd);
    free(lookup);
}

static void *look_up(void *data)
{
    struct lookup *lookup = data;
    lookup->fault = address_resolve(&lookup->address, 0, ENDPOINTS_MAX, lookup->endpoints,
                                    &lookup->count, &lookup->why);
    atomic_store(&lookup->ended, true);
    eventfd_write(lookup->fd, 1);
    lookup_drop(lookup);
    return NULL;
}

/* The program's signals are for the program's own threads. */
static int thread_begin(struct lookup *lookup)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return -1;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &attributes, look_up, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error ? -1 : 0;
}

int lookup_begin(const struct address *address, struct lookup **ret_lookup)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return -1;
    lookup->address = *address;
    lookup->users = 2;
    lookup->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lookup->fd < 0 || thread_begin(lookup) < 0) {
        if (lookup->fd >= 0)
            close(lookup->fd);
        free(lookup);
        return -1;
    }
    *ret_lookup = lookup;
    return 0;
}

int lookup_fd(const struct lookup *lookup)
{
    return lookup->fd;
}

bool lookup_take(const struct lookup *lookup, struct endpoint ret_endpoints[ENDPOINTS_MAX],
                 size_t *ret_count, int *ret_fault, const char **ret_why)
{
    if (!atomic_load(&lookup->ended))
        return false;
    *ret_fault = lookup->fault;
    if (lookup->fault) {
        *ret_why = lookup->why;
        return true;
    }
    assert(lookup->count > 0 && lookup->count <= ENDPOINTS_MAX);
    memcpy(ret_endpoints, lookup->endpoints, lookup->count * sizeof *ret_endpoints);
    *ret_count = lookup->count;
    return true;
}

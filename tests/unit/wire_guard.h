/* Texts laid so that their last byte is the last of a page, with a page behind it that nobody may
 * touch: reading one byte too far ends the test in every build, not only under a sanitizer. */
#ifndef KHUB_TESTS_WIRE_GUARD_H
#define KHUB_TESTS_WIRE_GUARD_H

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire/slice.h"

#define GUARD_ROOM (64u * 1024) /* bytes of the longest guarded text */

/* A copy of `text` before the forbidden page; good until the next call. */
static inline struct slice guarded(struct slice text)
{
    static char *fence;
    if (!fence) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        char *room = mmap(NULL, GUARD_ROOM + page, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert(room != MAP_FAILED && GUARD_ROOM % page == 0);
        fence = room + GUARD_ROOM;
        int forbidden = mprotect(fence, page, PROT_NONE);
        assert(forbidden == 0);
    }
    assert(text.len <= GUARD_ROOM);
    if (text.len > 0)
        memcpy(fence - text.len, text.at, text.len);
    return (struct slice){fence - text.len, text.len};
}

#endif

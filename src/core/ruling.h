/* What an admin ordered: who, why and when. */
#ifndef KHUB_CORE_RULING_H
#define KHUB_CORE_RULING_H

#include <stdint.h>

#include "wire/slice.h"
#include "wire/text.h"

struct ruling {
    struct slice by;     /* the owner of the admin, owned; len 0: nobody ordered anything */
    struct slice reason; /* owned */
    int64_t since_ms;    /* unix time */
};

struct ruling ruling_copy(const struct ruling *ruling);
void ruling_free(struct ruling *ruling);
/* ,"by":…,"reason":… */
void ruling_write(const struct ruling *ruling, struct text *text);
/* {"since":…,"by":…,"reason":…}, or null when there is none. */
void ruling_write_whole(const struct ruling *ruling, struct text *text);

#endif

/* See secret.h: realloc may leave the old bytes behind, and free always does. */
#include "wire/secret.h"

#include <stdlib.h>
#include <string.h>

void secret_free(void *at, size_t size)
{
    if (at)
        explicit_bzero(at, size);
    free(at);
}

void *secret_grow(void *at, size_t size, size_t grown)
{
    void *moved = malloc(grown);
    if (!moved)
        return NULL;
    if (size > 0)
        memcpy(moved, at, size);
    secret_free(at, size);
    return moved;
}

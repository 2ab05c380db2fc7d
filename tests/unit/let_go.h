/* Memory that is let go with a text in it: for tests of what overwrites secrets. The linker puts
 * these in the place of the real ones (--wrap=free); realloc is a test's own, and calls let_go. */
#ifndef KHUB_TESTS_LET_GO_H
#define KHUB_TESTS_LET_GO_H

#include <malloc.h>
#include <string.h>

/* What was let go with this text in it is counted; NULL: nobody looks. */
static const char *looked_for;
static unsigned let_go_count;

static void let_go(void *block)
{
    if (looked_for && block &&
        memmem(block, malloc_usable_size(block), looked_for, strlen(looked_for)))
        let_go_count++;
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
    let_go(block);
    __real_free(block);
}

#endif

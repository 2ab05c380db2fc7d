/* Stacks are exchanged by the compiler's own setjmp and longjmp: a few instructions. The C
 * library's getcontext and setcontext ask the kernel for the signals' mask each time: a third to
 * half of what it takes to ask a module. They make the first step onto a new stack; and every one
 * where clang has no setjmp (but on x86-64), or ThreadSanitizer counts who enters a function and
 * who leaves it.
 *
 * A sanitizer that watches the stack is told of each exchange. */
#include "probe/fiber.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESSES_WATCHED 1
#endif
#if __has_feature(thread_sanitizer)
#define THREADS_WATCHED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESSES_WATCHED 1
#endif
#if defined(__SANITIZE_THREAD__)
#define THREADS_WATCHED 1
#endif

#ifdef ADDRESSES_WATCHED
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef THREADS_WATCHED
#include <sanitizer/tsan_interface.h>
#endif

#if (defined(__x86_64__) || !defined(__clang__)) && !defined(THREADS_WATCHED)
#define COMPILER_JUMPS 1
#endif

#define STACK_BYTES ((size_t)1 << 20) /* a simulator's functions take a few KB of it */

/* One of the two stacks that are exchanged. */
struct side {
    ucontext_t context;
#ifdef COMPILER_JUMPS
    void *place[5]; /* as many words as the compiler wants; where it was left */
    bool was_left;
#endif
    const void *bottom; /* this and the rest: for sanitizers */
    size_t bytes;
    void *fake, *thread;
};

struct fiber {
    void (*function)(void *data);
    void *data;
    bool ended;
    unsigned char *memory; /* a page that nobody may touch, and the stack */
    size_t page;
    struct side own, other;
};

static _Thread_local struct fiber *running;

#ifdef COMPILER_JUMPS

/* A function of its own: what holds a setjmp may not jump. AddressSanitizer would forget all it
 * knows of the stack before a function that never returns. */
__attribute__((noreturn, noinline, no_sanitize("address"))) static void jump(struct side *to)
{
    if (to->was_left)
        __builtin_longjmp(to->place, 1);
    setcontext(&to->context);
    abort(); /* it comes back with an error alone, and has none */
}

__attribute__((noinline)) static void exchange(struct side *from, struct side *to)
{
    from->was_left = true;
    if (__builtin_setjmp(from->place) == 0)
        jump(to);
}

#else

/* What swapcontext does. AddressSanitizer's, which stands before it, says on stderr that it may be
 * wrong (and waits, where nobody reads that), and maps its notes of a stack anew at each exchange:
 * three times what a module takes. It is told of exchanges here, so need not. */
static void exchange(struct side *from, struct side *to)
{
    volatile bool back = false; /* getcontext returns a second time when this side goes on */
    getcontext(&from->context);
    if (!back) {
        back = true;
        setcontext(&to->context);
    }
}

#endif

static void leave(struct side *from, struct side *to, bool for_good)
{
#ifdef ADDRESSES_WATCHED
    __sanitizer_start_switch_fiber(for_good ? NULL : &from->fake, to->bottom, to->bytes);
#endif
#ifdef THREADS_WATCHED
    from->thread = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->thread, 0);
#endif
    (void)for_good;
    exchange(from, to);
}

/* On `own`, which was left for `other`, or is new. */
static void arrive(struct side *own, struct side *other)
{
#ifdef ADDRESSES_WATCHED
    __sanitizer_finish_switch_fiber(own->fake, &other->bottom, &other->bytes);
#endif
    (void)own;
    (void)other;
}

/* Its frame is left standing: nothing may be remembered of it. */
__attribute__((noreturn, no_sanitize("address"))) static void begin(void)
{
    struct fiber *fiber = running;
    arrive(&fiber->own, &fiber->other);
    fiber->function(fiber->data);
    fiber->ended = true;
    leave(&fiber->own, &fiber->other, true);
    abort(); /* nobody goes on with what has ended */
}

static void context_make(ucontext_t *context, void *stack)
{
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK_BYTES;
    makecontext(context, begin, 0);
}

struct fiber *fiber_new(void (*function)(void *data), void *data)
{
    struct fiber *fiber = calloc(1, sizeof *fiber);
    if (!fiber)
        return NULL;
    fiber->page = (size_t)sysconf(_SC_PAGESIZE);
    fiber->memory = mmap(NULL, fiber->page + STACK_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (fiber->memory == MAP_FAILED || mprotect(fiber->memory, fiber->page, PROT_NONE) != 0) {
        if (fiber->memory != MAP_FAILED)
            munmap(fiber->memory, fiber->page + STACK_BYTES);
        free(fiber);
        return NULL;
    }
    fiber->function = function;
    fiber->data = data;
    fiber->own.bottom = fiber->memory + fiber->page;
    fiber->own.bytes = STACK_BYTES;
    context_make(&fiber->own.context, fiber->memory + fiber->page);
#ifdef THREADS_WATCHED
    fiber->own.thread = __tsan_create_fiber(0);
#endif
    return fiber;
}

bool fiber_go_on(struct fiber *fiber)
{
    struct fiber *before = running;
    struct side back = {0}; /* whose stack it is that is left and come back to, nobody asks here */
    assert(!fiber->ended);
    running = fiber;
    leave(&fiber->other, &fiber->own, false);
    arrive(&fiber->other, &back);
    running = before;
    return !fiber->ended;
}

void fiber_stand_still(struct fiber *fiber)
{
    leave(&fiber->own, &fiber->other, false);
    arrive(&fiber->own, &fiber->other);
}

void fiber_free(struct fiber *fiber)
{
    if (!fiber)
        return;
    assert(fiber->ended);
#ifdef THREADS_WATCHED
    __tsan_destroy_fiber(fiber->own.thread);
#endif
    munmap(fiber->memory, fiber->page + STACK_BYTES);
    free(fiber);
}

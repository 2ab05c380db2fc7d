/* Two stacks are exchanged by a few instructions: what a function may not change is pushed, and
 * popped from the other. (The C library's swapcontext asks the kernel each time, of signals.)
 *
 * A sanitizer that watches the stack is told of each exchange. */
#include "probe/fiber.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
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

#define STACK_BYTES ((size_t)1 << 20) /* a simulator's functions take a few KB of it */

/* One of the two stacks that are exchanged. */
struct side {
    void *top;
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

#if defined(__x86_64__) || defined(__aarch64__) /* what modules run on (host.c.in) */

/* Pushes what it must keep, leaves where that is in *ret_top, and goes on at `top`. */
void khub_fiber_exchange(void **ret_top, void *top);
__asm__(".text\n"
        ".p2align 4\n"
        ".globl khub_fiber_exchange\n"
        ".hidden khub_fiber_exchange\n"
        ".type khub_fiber_exchange, %function\n"
        "khub_fiber_exchange:\n"
#if defined(__x86_64__)
        "    push %rbp\n    push %rbx\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbx\n    pop %rbp\n"
#else
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp]\n    stp x21, x22, [sp, #16]\n    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n    stp x27, x28, [sp, #64]\n    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp]\n    ldp x21, x22, [sp, #16]\n    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n    ldp x27, x28, [sp, #64]\n    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
#endif
        "    ret\n"
        ".size khub_fiber_exchange, . - khub_fiber_exchange\n");

/* What is popped at first: words of 8 bytes, and which of them says where to go on. Above it lies
 * where that would return to: nowhere. */
#if defined(__x86_64__)
enum { FIRST_WORDS = 8, FIRST_BEGINS = 6 };
#else
enum { FIRST_WORDS = 20, FIRST_BEGINS = 11 };
#endif

static _Thread_local struct fiber *running;

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
    khub_fiber_exchange(&from->top, to->top);
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
    uint64_t *top = (uint64_t *)(void *)(fiber->memory + fiber->page + STACK_BYTES) - FIRST_WORDS;
    top[FIRST_BEGINS] = (uint64_t)(uintptr_t)begin;
    fiber->own.top = top;
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

#else

struct fiber *fiber_new(void (*function)(void *data), void *data)
{
    (void)function;
    (void)data;
    return NULL;
}

bool fiber_go_on(struct fiber *fiber)
{
    (void)fiber;
    return false;
}

void fiber_stand_still(struct fiber *fiber)
{
    (void)fiber;
}

void fiber_free(struct fiber *fiber)
{
    (void)fiber;
}

#endif

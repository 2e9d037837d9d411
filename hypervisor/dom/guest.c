/* SPDX-License-Identifier: MIT */
/*
 * Copying to and from guest memory. Each loop has one instruction that touches the guest, and that one
 * is in the exception table: a fault leaves the loop with bytes still to go, which is the answer "false".
 * Sizes of a few words, nearly all of them, go word by word; long ones by REP MOVS. No lock; any context
 * in which a guest's address space is loaded. On the host a guest address is a pointer.
 */
#include "dom/guest.h"
#include "hw/percpu.h"
#include "hw/trap.h"
#include "lib/string.h"

#ifdef WIRT_HOST
static bool copy(void *dst, const void *src, u64 n)
{
    memcpy(dst, src, n);
    return true;
}
#define copy_in                 copy
#define copy_out                copy
#define guest_is_allowed(va, n) true
#define has_copier()            false
#else
#define guest_is_allowed(va, n) guest_range_ok(va, n)
#define has_copier()            (cpu_info()->copier != NULL)
#define WORDWISE_MAX            256u

/* n > 0 bytes in words of 8; `load` and `store` are the fixup entries for either side. */
#define COPY_WORDS(load, store)                                                                                        \
    s64 at = -(s64)n;                                                                                                  \
    u64 word;                                                                                                          \
    __asm__ volatile("1: mov (%[src],%[at]), %[word]\n"                                                                \
                     "2: mov %[word], (%[dst],%[at])\n"                                                                \
                     "add $8, %[at]\n"                                                                                 \
                     "jnz 1b\n"                                                                                        \
                     "3:\n" load store                                                                                 \
                     : [at] "+&r"(at), [word] "=&r"(word)                                                              \
                     : [src] "r"((const u8 *)src + n), [dst] "r"((u8 *)dst + n)                                        \
                     : "memory", "cc");                                                                                \
    return at == 0

static bool copy_words_in(void *dst, const void *src, u64 n)
{
    COPY_WORDS(TRAP_FIX(1b, 3b), "");
}

static bool copy_words_out(void *dst, const void *src, u64 n)
{
    COPY_WORDS("", TRAP_FIX(2b, 3b));
}

/* REP touches both sides in one instruction; ours never faults. */
static bool copy_long(void *dst, const void *src, u64 n)
{
    u64 left = n / 8;
    __asm__ volatile("1: rep movsq\n"
                     "mov %[tail], %%rcx\n"
                     "2: rep movsb\n"
                     "jmp 4f\n"
                     "3: mov $1, %%ecx\n"
                     "4:\n" TRAP_FIX(1b, 3b) TRAP_FIX(2b, 3b)
                     : "+&D"(dst), "+&S"(src), "+&c"(left)
                     : [tail] "r"(n % 8)
                     : "memory");
    return left == 0;
}

static bool copy_in(void *dst, const void *src, u64 n)
{
    if (n == 4) {
        u32 word, left = 1;
        __asm__ volatile("1: movl (%[src]), %[word]\n"
                         "movl %[word], (%[dst])\n"
                         "dec %[left]\n"
                         "2:\n" TRAP_FIX(1b, 2b)
                         : [word] "=&r"(word), [left] "+&r"(left)
                         : [src] "r"(src), [dst] "r"(dst)
                         : "memory", "cc");
        return left == 0;
    }
    if (n % 8 != 0 || n > WORDWISE_MAX || n == 0)
        return copy_long(dst, src, n);
    return copy_words_in(dst, src, n);
}

static bool copy_out(void *dst, const void *src, u64 n)
{
    if (n % 8 != 0 || n > WORDWISE_MAX || n == 0)
        return copy_long(dst, src, n);
    return copy_words_out(dst, src, n);
}
#endif

bool guest_read(void *dst, guest_ptr src, u64 n)
{
    if (unlikely(has_copier()))
        return cpu_info()->copier(dst, src.va, n, false);
    if (unlikely(!guest_is_allowed(src.va, n)))
        return false;
    return copy_in(dst, (const void *)src.va, n);
}

bool guest_write(guest_ptr dst, const void *src, u64 n)
{
    if (unlikely(has_copier()))
        return cpu_info()->copier((void *)(u64)src, dst.va, n, true);
    if (unlikely(!guest_is_allowed(dst.va, n)))
        return false;
    return copy_out((void *)dst.va, src, n);
}

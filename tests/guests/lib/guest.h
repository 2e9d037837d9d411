/* SPDX-License-Identifier: MIT */
/*
 * The runtime of the micro-guests: one PV kernel in ring 3, its first vCPU, its first address space. A guest is a
 * main() that opens tests with test("name") and states facts with EQ, TRUE and FAILS; the first fact that does not hold
 * is the test's verdict. Nothing is set up behind main's back: traps_init() and events_init() are calls like any other.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_asm.h"
#include "public/callback.h"
#include "public/event_channel.h"
#include "public/memory.h"
#include "public/physdev.h"
#include "public/sched.h"
#include "public/vcpu.h"
#include "public/version.h"
#include "public/xen.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

enum {
    E_PERM = -1,
    E_NOENT = -2,
    E_SRCH = -3,
    E_FAULT = -14,
    E_EXIST = -17,
    E_INVAL = -22,
    E_NOSPC = -28,
    E_NOSYS = -38
};
enum { V_DE, V_DB, V_NMI, V_BP, V_OF, V_BR, V_UD, V_NM, V_DF, V_TS = 10, V_NP, V_SS, V_GP, V_PF, V_AC = 17 };

#define PTE_P    1ul
#define PTE_RW   2ul
#define PTE_US   4ul
#define PTE_A    0x20ul
#define PTE_D    0x40ul
#define PTE_PSE  0x80ul
#define PTE_G    0x100ul
#define PTE_NX   (1ul << 63)
#define PTE_ADDR 0x000ffffffffff000ul
#define RW_PAGE  (PTE_P | PTE_RW | PTE_A | PTE_D)
#define RO_PAGE  (PTE_P | PTE_A | PTE_D)
#define TABLE    (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

#define HV_START      0xffff800000000000ul
#define HV_IMAGE      0xffff818000200000ul
#define HV_DIRECT     0xffff820000000000ul
#define NON_CANONICAL 0x0000800000000000ul

/* --- state as Wirt gave it --- */
enum {
    R_RAX,
    R_RBX,
    R_RCX,
    R_RDX,
    R_RSI,
    R_RDI,
    R_RBP,
    R_RSP,
    R_R8,
    R_RFLAGS = 16,
    R_CS,
    R_SS,
    R_DS,
    R_ES,
    R_FS,
    R_GS
};
extern u64 entry_regs[24];
extern struct start_info *si;
extern u8 guest_base[], guest_end[], stack_low[], stack_top[], hypercall_page[], trap_stubs[];
extern const char guest_name[]; /* by the Makefile */
bool is_case(const char *word); /* the first word of the command line */

/* --- verdicts --- */
void print(const char *format, ...) __attribute__((format(printf, 1, 2))); /* %s %c %d %u %lu %lx */
void test(const char *name);
bool fact(bool holds, const char *what, u64 got, u64 wanted, u32 line); /* returns `holds` */
#define EQ(got, wanted) fact_eq((u64)(got), (u64)(wanted), #got, __LINE__)
#define TRUE(what)      fact((what), #what " does not hold", 0, 1, __LINE__)
#define FAILS(call)     fact_fails((s64)(call), #call, __LINE__) /* a negative errno of ours */
bool fact_eq(u64 got, u64 wanted, const char *what, u32 line);
bool fact_fails(s64 rc, const char *what, u32 line);
void finish(void) __attribute__((noreturn));
void expect_crash(const char *why); /* says that the rest is for the judge */

/* --- hypercalls --- */
static inline s64 call5(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
    register u64 r10 __asm__("r10") = d;
    register u64 r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "+a"(nr), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8) : : "rcx", "r11", "memory");
    return (s64)nr;
}
#define A_(x)                 ((u64)(x))
#define call0(nr)             call5(nr, 0, 0, 0, 0, 0)
#define call1(nr, a)          call5(nr, A_(a), 0, 0, 0, 0)
#define call2(nr, a, b)       call5(nr, A_(a), A_(b), 0, 0, 0)
#define call3(nr, a, b, c)    call5(nr, A_(a), A_(b), A_(c), 0, 0)
#define call4(nr, a, b, c, d) call5(nr, A_(a), A_(b), A_(c), A_(d), 0)
s64 evtchn(u32 cmd, void *op);
s64 vcpu_op(u32 cmd, u32 vcpu, void *arg);
s64 mmu1(u64 ptr, u64 value); /* one mmu_update request; cmd in the low bits of ptr */
s64 ext(u32 cmd, u64 arg1, u64 arg2);
#define pin(level, page) ext(MMUEXT_PIN_L1_TABLE + (level)-1, mfn_of(page), 0)
#define unpin(page)      ext(MMUEXT_UNPIN_TABLE, mfn_of(page), 0)
s64 map(const void *va, u64 pte); /* update_va_mapping, INVLPG here */

/* --- memory --- */
#define PAGE 4096ul
void *page_new(void); /* zeroed, mapped writable, in the first mapping; never given back */
u64 mfn_of(const void *va);
u64 maddr(const void *va); /* machine address of a byte of the first mapping */
void *va_of_mfn(u64 mfn);
u64 *pte_of(u64 va, u32 level); /* the entry that maps va, in our own read-only view; NULL: none */
s64 page_ro(const void *page);
s64 page_rw(const void *page);
static inline u64 pte(const void *page, u64 bits)
{
    return mfn_of(page) << 12 | bits;
}
void fill(void *to, u8 value, u64 n);
bool same(const void *a, const void *b, u64 n);
void *memcpy(void *to, const void *from, size_t n);
extern u32 random_seed;
u32 random(void);

/* --- traps --- */
struct frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax, vector, error, rip, cs, rflags, rsp,
        ss;
};
extern struct frame last_trap; /* of the last exception, and its cr2 */
extern u64 last_cr2, trap_count;
extern u64 trap_resume;                   /* a kernel-mode exception continues here, once */
extern bool (*trap_hook)(struct frame *); /* sees all first; true: dealt with */
void traps_init(void);
s64 trap_set(u8 vector, u8 dpl_and_flags, u64 address);
/* An instruction that may fault: execution goes on behind it. `faulted(...)` tells and forgets. */
#define TRY(text) "movq $77f, trap_resume(%%rip)\n" text "\n77: movq $0, trap_resume(%%rip)\n"
bool faulted(u32 vector, u64 error); /* the last TRY ended in exactly this */
bool faulted_not(void);
extern u64 failsafe_selectors[4];
void event_entry(void);
void syscall_entry(void);
void nmi_entry(void);
void failsafe_entry(void);
s64 callback(u16 type, u16 flags, void (*entry)(void));

/* --- user mode: same mappings through an L4 of its own --- */
extern u8 user_stack[];
void user_init(void);
extern u64 user_return_top;            /* user_enter goes by wirt_return from a frame below it; 0: by iret */
bool user_by_return(bool is_on);       /* false: not offered here */
u64 user_run(u64 (*fn)(u64), u64 arg); /* its result; or ~0 with last_trap set, when trap_count moved */
u64 user_enter(u64 rip, u64 rsp, u64 rflags, u64 cs, u64 ss, u64 arg);
void user_leave(u64 value) __attribute__((noreturn));
void user_exit(void);
#define USER_STACK_TOP ((u64)user_stack + 8192 - 64)

/* --- events --- */
extern struct shared_info *shared; /* after shared_init() */
extern u32 event_count[4096], upcall_count;
extern void (*event_hook)(u32 port);
void shared_init(void);
void events_init(void);
u64 now(void); /* system time, ns */
static inline void events_mask(void)
{
    shared->vcpu_info[0].evtchn_upcall_mask = 1;
    __asm__ volatile("" ::: "memory");
}
void events_unmask(void); /* and take what waits */
static inline bool bit_test(const volatile u64 *map, u32 n)
{
    return map[n / 64] >> (n % 64) & 1;
}
static inline void bit_set(volatile u64 *map, u64 n)
{
    __asm__ volatile("lock bts %1, %0" : "+m"(map[0]) : "r"(n) : "memory");
}
static inline void bit_clear(volatile u64 *map, u64 n)
{
    __asm__ volatile("lock btr %1, %0" : "+m"(map[0]) : "r"(n) : "memory");
}
int main(void);

#endif

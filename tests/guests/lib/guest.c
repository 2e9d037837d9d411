/* SPDX-License-Identifier: MIT */
/*
 * The runtime behind guest.h: text and verdicts, page tables of the first mapping, traps, user mode, events. One vCPU
 * uses it (the second of the SMP guest only makes hypercalls of its own). Nothing here hides a result: a step that must
 * not fail for the guest to make sense ends the run with a FAILED line of its own.
 */
#include "guest.h"
#include "public/sysctl.h"
#include "public/wirt.h"

#include <stdarg.h>

/* --- text and verdicts --- */

static char line[512];
static u32 line_used;

static void put(char c)
{
    if (line_used < sizeof(line))
        line[line_used++] = c;
}

static void put_number(u64 v, u32 base)
{
    char digit[20];
    u32 n = 0;
    do {
        digit[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    while (n)
        put(digit[--n]);
}

static void put_v(const char *f, va_list args)
{
    for (; *f; f++) {
        if (*f != '%') {
            put(*f);
            continue;
        }
        bool is_long = *++f == 'l';
        f += is_long;
        if (*f == 's') {
            for (const char *s = va_arg(args, const char *); *s; s++)
                put(*s);
        } else if (*f == 'c') {
            put((char)va_arg(args, int));
        } else if (*f == 'd') {
            int v = va_arg(args, int);
            if (v < 0)
                put('-');
            put_number(v < 0 ? (u64) - (s64)v : (u64)v, 10);
        } else {
            put_number(is_long ? va_arg(args, u64) : va_arg(args, u32), *f == 'x' ? 16 : 10);
        }
    }
}

void console_write(const char *text, u32 count); /* domu.c */
static void flush(void)
{
    if (si->flags & SIF_PRIVILEGED)
        call3(__HYPERVISOR_console_io, CONSOLEIO_write, line_used, line);
    else
        console_write(line, line_used);
    line_used = 0;
}

void print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_v(format, args);
    va_end(args);
    flush();
}

static const char *open_test;
static u32 failures; /* in the open test */

void test(const char *name)
{
    if (open_test && !failures)
        print("WIRT-GUEST %s.%s ok\n", guest_name, open_test);
    open_test = name;
    failures = 0;
}

bool fact(bool holds, const char *what, u64 got, u64 wanted, u32 at)
{
    if (holds)
        return true;
    if (!failures)
        print("WIRT-GUEST %s.%s FAILED: line %u: %s (0x%lx, expected 0x%lx)\n", guest_name, open_test, at, what, got,
              wanted);
    else if (failures < 12)
        print("  and line %u: %s (0x%lx, expected 0x%lx)\n", at, what, got, wanted);
    failures++;
    return false;
}

bool fact_eq(u64 got, u64 wanted, const char *what, u32 at)
{
    return fact(got == wanted, what, got, wanted, at);
}

bool fact_fails(s64 rc, const char *what, u32 at)
{
    return fact(rc < 0 && rc > -200, what, (u64)rc, (u64)-1, at);
}

/* Wirt counts all references and uses of our frames again; run-cases wants to read "0 faults". */
static void audit(void)
{
    struct xen_sysctl op = {XEN_SYSCTL_debug_keys, XEN_SYSCTL_INTERFACE_VERSION};
    op.u.debug_keys.keys = (u64) "0";
    op.u.debug_keys.nr_keys = 1;
    call1(__HYPERVISOR_sysctl, &op);
}

void finish(void)
{
    struct sched_shutdown s = {SHUTDOWN_poweroff};
    test(NULL);
    if (si->flags & SIF_PRIVILEGED)
        audit();
    print("WIRT-GUEST %s end\n", guest_name);
    for (;;)
        call2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s);
}

void expect_crash(const char *why)
{
    test(NULL);
    print("WIRT-GUEST %s now breaks its contract: %s\n", guest_name, why);
}

bool is_case(const char *word)
{
    const char *c = (const char *)si->cmd_line;
    for (; *word && *word == *c; word++, c++)
        ;
    return !*word && (!*c || *c == ' ');
}

/* --- memory --- */

#define POOL_PAGES 512
static u8 pool[POOL_PAGES][PAGE] __attribute__((aligned(4096)));
static u32 pool_used;

void fill(void *to, u8 value, u64 n)
{
    for (u8 *p = to; n--;)
        *(volatile u8 *)p++ = value;
}

void *memcpy(void *to, const void *from, size_t n)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}

void *memset(void *to, int value, size_t n);
void *memset(void *to, int value, size_t n)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
    return start;
}

bool same(const void *a, const void *b, u64 n)
{
    for (const u8 *p = a, *q = b; n--;)
        if (*p++ != *q++)
            return false;
    return true;
}

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    test("runtime");
    fact(false, what, 0, 0, 0);
    finish();
}

void *page_new(void)
{
    need(pool_used < POOL_PAGES, "out of pool pages");
    return pool[pool_used++];
}

u64 mfn_of(const void *va)
{
    return ((const u64 *)si->mfn_list)[((u64)va - (u64)guest_base) >> 12];
}

u64 maddr(const void *va)
{
    return mfn_of(va) << 12 | ((u64)va & (PAGE - 1));
}

void *va_of_mfn(u64 mfn)
{
    return guest_base + (((const u64 *)HV_START)[mfn] << 12);
}

u64 *pte_of(u64 va, u32 level)
{
    u64 *table = (u64 *)si->pt_base;
    for (u32 l = 4;; l--) {
        u64 *e = &table[va >> (12 + 9 * (l - 1)) & 511];
        if (l == level)
            return e;
        if (!(*e & PTE_P))
            return NULL;
        table = va_of_mfn((*e & PTE_ADDR) >> 12);
    }
}

s64 map(const void *va, u64 entry)
{
    return call3(__HYPERVISOR_update_va_mapping, va, entry, UVMF_INVLPG);
}

s64 page_ro(const void *page)
{
    return map(page, pte(page, RO_PAGE));
}

s64 page_rw(const void *page)
{
    return map(page, pte(page, RW_PAGE));
}

s64 mmu1(u64 ptr, u64 value)
{
    struct mmu_update u = {ptr, value};
    return call4(__HYPERVISOR_mmu_update, &u, 1, 0, DOMID_SELF);
}

s64 ext(u32 cmd, u64 arg1, u64 arg2)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2};
    return call4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

s64 evtchn(u32 cmd, void *op)
{
    return call2(__HYPERVISOR_event_channel_op, cmd, op);
}

s64 vcpu_op(u32 cmd, u32 vcpu, void *arg)
{
    return call3(__HYPERVISOR_vcpu_op, cmd, vcpu, arg);
}

u32 random_seed = 12345;

u32 random(void)
{
    random_seed = random_seed * 1664525u + 1013904223u;
    return random_seed >> 8;
}

/* --- traps --- */

struct frame last_trap;
u64 last_cr2, trap_count, trap_resume;
bool (*trap_hook)(struct frame *);
void guest_trap(struct frame *f);
static void event_upcall(void);

void guest_trap(struct frame *f)
{
    if (f->vector == VECTOR_EVENT) {
        event_upcall();
        return;
    }
    if (trap_hook && trap_hook(f))
        return;
    if (f->vector == VECTOR_SYSCALL)
        user_leave(f->rdi);
    last_trap = *f;
    trap_count++;
    if (f->vector == V_PF)
        __asm__ volatile("mov %%cr2, %0" : "=r"(last_cr2));
    if (f->cs & 3)
        user_leave(~0ul);
    if (trap_resume) {
        f->rip = trap_resume;
        f->cs = FLAT_KERNEL_CS & ~3ul; /* whatever the test made of them */
        f->ss = FLAT_KERNEL_SS;
        trap_resume = 0;
        return;
    }
    print("  unexpected vector %lu error 0x%lx rip 0x%lx cs 0x%lx rflags 0x%lx rsp 0x%lx cr2 0x%lx\n", f->vector,
          f->error, f->rip, f->cs, f->rflags, f->rsp, last_cr2);
    fact(false, "unexpected exception", f->vector, 0, 0);
    finish();
}

s64 trap_set(u8 vector, u8 dpl_and_flags, u64 address)
{
    struct trap_info t[2] = {{vector, dpl_and_flags, FLAT_KERNEL_CS, address}, {0, 0, 0, 0}};
    return call1(__HYPERVISOR_set_trap_table, t);
}

void traps_init(void)
{
    for (u32 v = 0; v < 32; v++)
        need(trap_set((u8)v, v == V_BP ? 3 : 0, (u64)trap_stubs + v * 32) == 0, "set_trap_table");
}

bool faulted(u32 vector, u64 error)
{
    bool is_it = trap_count == 1 && last_trap.vector == vector && last_trap.error == error;
    if (!is_it)
        print("  %lu exceptions, last: vector %lu error 0x%lx rip 0x%lx\n", trap_count, last_trap.vector,
              last_trap.error, last_trap.rip);
    trap_count = 0;
    return is_it;
}

bool faulted_not(void)
{
    bool is_it = trap_count == 0;
    if (!is_it)
        (void)faulted(~0u, 0);
    return is_it;
}

s64 callback(u16 type, u16 flags, void (*entry)(void))
{
    struct callback_register c = {type, flags, (u64)entry};
    return call2(__HYPERVISOR_callback_op, CALLBACKOP_register, &c);
}

/* --- user mode --- */

u8 user_stack[8192] __attribute__((aligned(4096)));
static u8 entry_stack[8192] __attribute__((aligned(4096)));

void user_init(void)
{
    u64 *l4 = page_new();
    for (u32 i = 0; i < 512; i++)
        if (i < 256 || i >= 272)
            l4[i] = ((u64 *)si->pt_base)[i];
    need(page_ro(l4) == 0 && pin(4, l4) == 0 && ext(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4), 0) == 0, "user address space");
    need(call2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, entry_stack + sizeof(entry_stack)) == 0, "stack_switch");
    need(callback(CALLBACKTYPE_syscall, CALLBACKF_mask_events, syscall_entry) == 0, "syscall callback");
}

bool user_by_return(bool is_on)
{
    u32 a = WIRT_CPUID_BASE, b, c = 0, d;
    __asm__ volatile("ud2\n .ascii \"xen\"\n cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (b != WIRT_CPUID_SIGNATURE)
        return false;
    user_return_top = is_on ? (u64)entry_stack + sizeof(entry_stack) : 0;
    return true;
}

u64 user_run(u64 (*fn)(u64), u64 arg)
{
    u64 *sp = (u64 *)USER_STACK_TOP - 1;
    *sp = (u64)user_exit;
    return user_enter((u64)fn, (u64)sp, 0x202, FLAT_USER_CS, FLAT_USER_SS, arg);
}

/* --- events --- */

static u8 shared_page[PAGE] __attribute__((aligned(4096)));
struct shared_info *shared;
u32 event_count[4096], upcall_count;
void (*event_hook)(u32 port);

void shared_init(void)
{
    need(map(shared_page, si->shared_info | RW_PAGE) == 0, "mapping shared_info");
    shared = (struct shared_info *)shared_page;
    if (!(si->flags & SIF_PRIVILEGED)) /* its rings may ring before it has a callback */
        fill(shared->evtchn_mask, 0xff, sizeof(shared->evtchn_mask));
}

void events_init(void)
{
    shared_init();
    fill(shared->evtchn_mask, 0, sizeof(shared->evtchn_mask));
    need(callback(CALLBACKTYPE_event, 0, event_entry) == 0, "event callback");
}

static void event_upcall(void)
{
    struct vcpu_info *v = &shared->vcpu_info[0];
    upcall_count++;
    while (__atomic_exchange_n(&v->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST)) {
        u64 words = __atomic_exchange_n(&v->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
        for (u32 w = 0; w < 64; w++)
            for (u32 b = 0; words >> w & 1 && b < 64; b++)
                if (shared->evtchn_pending[w] & ~shared->evtchn_mask[w] & 1ul << b) {
                    bit_clear(shared->evtchn_pending, w * 64 + b);
                    event_count[w * 64 + b]++;
                    if (event_hook)
                        event_hook(w * 64 + b);
                }
    }
}

void events_unmask(void)
{
    shared->vcpu_info[0].evtchn_upcall_mask = 0;
    __asm__ volatile("" ::: "memory");
    if (shared->vcpu_info[0].evtchn_upcall_pending)
        call2(__HYPERVISOR_xen_version, 0, 0);
}

u64 now(void)
{
    volatile struct vcpu_time_info *t = &shared->vcpu_info[0].time;
    u32 version, low, high;
    u64 ns;
    do {
        version = t->version;
        __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
        u64 delta = ((u64)high << 32 | low) - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        ns = t->system_time + (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
    } while (version & 1 || version != t->version);
    return ns;
}

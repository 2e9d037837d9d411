/* SPDX-License-Identifier: MIT */
/*
 * The end of the road. The first CPU that panics breaks all locks, stops the others, and says on
 * every wire what it knows: the message, registers, a backtrace by frame pointers with names, the
 * last log lines. The ring's tail, which holds all of that, is then copied into the crash record,
 * RAM that every boot of the same machine finds at the same place and that a warm reset leaves
 * alone. Nothing here waits for a lock, allocates, or trusts a frame pointer.
 */
#include "core/console.h"
#include "core/lock.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/symbols.h"
#include "hw/percpu.h"
#include "hw/pgtab.h"
#include "hw/power.h"
#include "hw/smp.h"
#include "hw/time.h"
#include "hw/trap.h"
#include "lib/string.h"

#define BACKTRACE_MAX  24u
#define NO_TRAP        ~0u  /* regs.vector: panic() was called */
#define TAIL_SIZE      800u /* with the rest it shall fit a screen */
#define REBOOT_SECONDS 5u

__sealed struct panic_record *panic_record;
__sealed u32 panic_record_size;
__sealed bool panic_does_reboot;
static u32 dying_cpu; /* + 1; the first to panic */

const char *panic_symbol(u64 addr, u64 *offset)
{
    u64 at = addr - IMAGE_START;
    u32 lo = 0, hi = symbols_count;

    *offset = 0;
    while (lo < hi) { /* the first symbol above */
        u32 mid = (lo + hi) / 2;
        if (symbols_table[mid].offset <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (addr < IMAGE_START || addr >= DIRECT_START || lo == 0)
        return "?";
    *offset = at - symbols_table[lo - 1].offset;
    return symbols_text + symbols_table[lo - 1].name;
}

/* A return address may lie behind its function's end, when the call was the last thing in it. */
static void say_address(u64 addr, u32 is_return)
{
    u64 offset;
    const char *name = panic_symbol(addr - is_return, &offset);

    log_error("  [%016lx] %s+0x%lx", addr, name, offset + is_return);
}

/* The registers that an interrupt saved, if `frame` is that of the function which entry.S called
 * for it: they lie behind its return address and 8 bytes that keep the stack aligned. */
static const struct regs *interrupted(const u64 *frame, u64 high)
{
    u64 offset;

    if (strcmp(panic_symbol(frame[1] - 1, &offset), "entry_irq") || (u64)(frame + 3) + sizeof(struct regs) > high)
        return NULL;
    return (const struct regs *)(const void *)(frame + 3);
}

void panic_backtrace(u64 rip, u64 rbp, u64 rsp)
{
    u64 low = (u64)percpu_stack[cpu_id()], high = low + STACK_SIZE;

    log_error("Backtrace:");
    if (rip)
        say_address(rip, 0);
    low = max(low, rsp);
    for (u32 i = 0; i < BACKTRACE_MAX && rbp >= low && rbp <= high - 16 && !(rbp & 7); i++) {
        const u64 *frame = (const u64 *)rbp;
        if (!frame[1])
            break;
        say_address(frame[1], 1);
        const struct regs *r = interrupted(frame, high);
        if (r && r->cs & 3) {
            log_error("  [%016lx] the guest", r->rip);
            break;
        }
        if (r)
            say_address(r->rip, 0);
        low = rbp + 1; /* callers lie higher: a loop ends here */
        rbp = frame[0];
    }
}

static void say_regs(const struct regs *r)
{
    if (r->vector != NO_TRAP)
        log_error("%s, error code 0x%x", trap_name(r->vector), r->error);
    log_error("rip %04lx:%016lx rflags %08lx", r->cs, r->rip, r->rflags);
    log_error("rsp %04lx:%016lx cr2 %016lx cr3 %016lx", r->ss, r->rsp, cpu_read_cr2(), cpu_read_cr3());
    log_error("rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_error("rsi %016lx rdi %016lx rbp %016lx r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
    log_error("r9  %016lx r10 %016lx r11 %016lx r12 %016lx", r->r9, r->r10, r->r11, r->r12);
    log_error("r13 %016lx r14 %016lx r15 %016lx", r->r13, r->r14, r->r15);
}

u32 panic_sum(const char *s, u32 n)
{
    u32 sum = 1;

    while (n--)
        sum = sum * 31 + (u8)*s++;
    return sum;
}

static void record_write(void)
{
    if (!panic_record)
        return;
    panic_record->magic = 0;
    console_ring_tail(panic_record->text, panic_record_size);
    panic_record->length = (u32)strlen(panic_record->text);
    panic_record->sum = panic_sum(panic_record->text, panic_record->length);
    panic_record->magic = PANIC_MAGIC;
    cpu_cache_flush(); /* a reset may drop what is only in the cache */
}

static void say_tail(void)
{
    static char tail[TAIL_SIZE];

    console_ring_tail(tail, sizeof(tail));
    console_put_raw("\n--- the log's last lines ---\n", 30);
    console_put_raw(tail, strlen(tail));
    console_put_raw("---\n", 4);
}

static __noreturn void die(const char *why, const struct regs *r, u64 rip, u64 rbp, u64 rsp)
{
    static bool has_failed;
    u32 first = 0;
    struct unit *u = sched_current();

    cpu_irq_disable();
    if (!__atomic_compare_exchange_n(&dying_cpu, &first, cpu_id() + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        if (first == cpu_id() + 1 && !has_failed) { /* a panic in the panic: say so, once */
            has_failed = true;
            log_error("Wirt panicked in its panic: %s, rip %016lx", why, r->rip);
        }
        if (first == cpu_id() + 1 && panic_does_reboot)
            power_reboot();
        cpu_halt_forever();
    }
    lock_break_all();
    smp_stop_others();
    console_screen_lend(false);
    say_tail();
    log_error("Wirt panic on CPU %u: %s", cpu_id(), why);
    if (u)
        log_error("while running %s", u->name ? u->name : "an unnamed unit");
    if (u && !u->is_idle)
        log_error("whose rip is %016lx rsp %016lx", cpu_guest_regs()->rip, cpu_guest_regs()->rsp);
    say_regs(r);
    panic_backtrace(rip, rbp, rsp);
    log_error(panic_does_reboot ? "Reboot in %u seconds (noreboot on the command line stays here)."
                                : "Halted, as noreboot asks.",
              REBOOT_SECONDS);
    record_write();
    for (u32 ms = 0; panic_does_reboot && ms < REBOOT_SECONDS * 1000; ms++)
        time_udelay(1000);
    if (panic_does_reboot)
        power_reboot();
    cpu_halt_forever();
}

void panic_message(const char *line)
{
    u64 frame = (u64)__builtin_frame_address(0);
    struct regs r = {.vector = NO_TRAP,
                     .rip = (u64)__builtin_return_address(0),
                     .cs = SEL_HV_CS,
                     .rbp = frame,
                     .rsp = frame}; /* and what calls have to keep */

    __asm__("mov %%rbx, %0; mov %%r12, %1; mov %%r13, %2; mov %%r14, %3; mov %%r15, %4"
            : "=m"(r.rbx), "=m"(r.r12), "=m"(r.r13), "=m"(r.r14), "=m"(r.r15));
    die(line, &r, 0, frame, frame);
}

void panic_fatal_trap(struct regs *r, const char *why)
{
    die(why, r, r->rip, r->rbp, (u64)r);
}

void panic_on_purpose(void)
{
    panic("key C was pressed: a panic on purpose");
}

/* SPDX-License-Identifier: MIT */
/*
 * The fake machine (see fake.h). No locks: tests that run several threads touch only what belongs
 * to their CPU here, or atomics. State lives for the whole process, as the state of the code under
 * test does.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <sys/syscall.h>
#include "boot/bringup.h"
#include "boot/memory.h"
#include "hw/vga.h"
#include "fake.h"
#include "hw/irq.h"
#include "hw/lapic.h"
#include "hw/pgtab.h"
#include "hw/power.h"
#include "hw/smp.h"
#include "hw/time.h"
#include "hw/tlb.h"
#include "hw/trap.h"
#include "hw/uart.h"
#include "lib/log.h"

#define ARENA_FRAMES 0x110000ul

_Thread_local u32 fake_cpu;
_Thread_local bool fake_irq_is_off;
u64 fake_cr[8];
u8 *percpu_stack[CPU_MAX];
cpuset_t cpu_online;
u32 cpu_count;
struct cpu_desc cpu_desc;
struct trap_hooks trap_hooks;

const struct frame_range fake_ram[FAKE_RAM_COUNT] = {{0x1, 0x9f}, {0x100, 0x1ffff}, {0x100000, 0x10ffff}};
u64 fake_free_at_start;
static int arena;
static u64 next_2m = 0x200; /* the frame tables' memory, from 2 MiB on */

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void map_at(u64 va, u64 first, u64 frames, int prot)
{
    if (mmap((void *)va, frames * PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, arena,
             (off_t)(first * PAGE_SIZE)) == MAP_FAILED)
        die("fake_hw: mmap");
}

bool pgtab_map(u64 va, mfn_t m, u64 pages, u64 flags)
{
    map_at(va, m.n, pages, PROT_READ | (flags & PTE_RW ? PROT_WRITE : 0));
    return true;
}

paddr_t pgtab_paddr(const void *va)
{
    return paddr((u64)va - DIRECT_START);
}

static mfn_t take_2m(void)
{
    next_2m += 0x200;
    return mfn(next_2m - 0x200);
}

static __noreturn void panic_door(const char *line)
{
    snprintf(fake_panic_text, sizeof(fake_panic_text), "%s", line);
    if (fake_panic_is_caught)
        longjmp(fake_panic_back, 1);
    fprintf(stderr, "unexpected panic on CPU %u: %s\n", fake_cpu, line);
    abort();
}

static void stderr_sink(enum log_level level, const char *line)
{
    fprintf(stderr, "[%d] %s\n", (int)level, line);
}

void fake_log_to_stderr(void)
{
    log_sink_set(stderr_sink);
}

void fake_init(u32 cpus)
{
    struct frame_stats s;

    if (arena)
        return;
    arena = memfd_create("ram", 0);
    if (arena < 0 || ftruncate(arena, (off_t)(ARENA_FRAMES * PAGE_SIZE)))
        die("fake_hw: memfd");
    map_at(DIRECT_START, 0, ARENA_FRAMES, PROT_READ | PROT_WRITE);
    for (u32 c = 0; c < cpus; c++) {
        percpu_stack[c] = aligned_alloc(STACK_SIZE, STACK_SIZE);
        fake_cpu = c;
        *cpu_info() = (struct cpu_info){.cpu = c};
        tlb_flushed_at[c] = 1;
        cpu_online |= BIT(c);
    }
    fake_cpu = 0;
    cpu_count = cpus;
    log_panic_door = panic_door;
    frame_init(fake_ram, FAKE_RAM_COUNT, take_2m);
    for (u32 r = 0; r < FAKE_RAM_COUNT; r++)
        frame_add_free(max(fake_ram[r].first, r == 1 ? next_2m : 0) + 1, fake_ram[r].last - 1);
    frame_stats(&s);
    fake_free_at_start = s.free;
}

/* Time, timers, interrupts. */
u64 fake_now = 1;
u32 fake_adjust_count, fake_timer_programmed;
u64 fake_deadline[CPU_MAX];
static irq_fn *bound[256];
static void *bound_arg[256];

u64 time_now(void)
{
    return fake_now;
}
u64 time_to_tsc(u64 ns)
{
    return ns;
}
u64 cpu_tsc(void)
{
    return fake_now;
}
void time_adjust(void)
{
    fake_adjust_count++;
}
void time_udelay(u32 us)
{
    fake_now += us * 1000ull;
}
void lapic_timer_set(u64 deadline_ns)
{
    fake_timer_programmed++;
    fake_deadline[fake_cpu] = deadline_ns;
}
void lapic_eoi(void)
{
}
void irq_bind(u8 vector, irq_fn *fn, void *arg)
{
    bound[vector] = fn;
    bound_arg[vector] = arg;
}
void fake_interrupt(u32 cpu, u8 vector)
{
    u32 was = fake_cpu;
    bool was_off = fake_irq_is_off;
    struct regs r = {.vector = vector};

    fake_cpu = cpu;
    fake_irq_is_off = true;
    bound[vector](&r, bound_arg[vector]);
    fake_irq_is_off = was_off;
    fake_cpu = was;
}

/* Other CPUs. */
u32 fake_kicks[CPU_MAX], fake_flushes[CPU_MAX], fake_settle_count, fake_settle_stamp;
u32 tlb_clock = 1, tlb_flushed_at[CPU_MAX];

void smp_kick(u32 cpu)
{
    atomic_add(&fake_kicks[cpu], 1u);
}
void smp_stop_others(void)
{
}
void smp_call(cpuset_t cpus, void (*fn)(void *), void *arg)
{
    u32 was = fake_cpu;

    for (; cpus; cpus &= cpus - 1) {
        fake_cpu = bit_lowest(cpus);
        fn(arg);
    }
    fake_cpu = was;
}
void tlb_flush_cpus(cpuset_t cpus)
{
    u32 clock = atomic_add(&tlb_clock, 1u);

    for (; cpus; cpus &= cpus - 1) {
        atomic_add(&fake_flushes[bit_lowest(cpus)], 1u);
        tlb_flushed_at[bit_lowest(cpus)] = clock;
    }
}
void tlb_flush_local(void)
{
    tlb_flush_cpus(BIT(fake_cpu));
}
void tlb_invlpg_cpus(cpuset_t cpus, u64 va)
{
    (void)va;
    tlb_flush_cpus(cpus);
}
void tlb_load_cr3(u64 cr3)
{
    cpu_write_cr3(cr3);
    tlb_flush_local();
}
void tlb_settle(u32 stamp, cpuset_t cpus)
{
    cpuset_t late = 0;

    fake_settle_count++;
    fake_settle_stamp = stamp;
    for (; stamp && cpus; cpus &= cpus - 1)
        if (tlb_flushed_at[bit_lowest(cpus)] <= stamp)
            late |= BIT(bit_lowest(cpus));
    if (late)
        tlb_flush_cpus(late);
}
void cpu_invlpg(u64 va)
{
    (void)va;
}
void (*fake_relax_hook)(void);
void cpu_relax(void)
{
    if (fake_relax_hook)
        fake_relax_hook();
    else
        syscall(SYS_sched_yield); /* few host CPUs play many; libc's wrapper has the scheduler's name */
}
void cpu_sti_hlt(void)
{
    fake_irq_is_off = false;
    fake_entered(NULL);
}
void cpu_halt_forever(void)
{
    panic_door("halted for ever");
}
u64 cpu_rdmsr(u32 msr)
{
    (void)msr;
    return 0;
}
void cpu_wrmsr(u32 msr, u64 v)
{
    (void)msr;
    (void)v;
}

/* Wires. */
char fake_wire[3][FAKE_WIRE_SIZE];
static u32 wire_used[3];
static const char *typed[2];
static void (*uart_ready[2])(void);
u32 fake_reboots;

static void wire_put(u32 w, const char *s, size_t n)
{
    for (; n-- && wire_used[w] < FAKE_WIRE_SIZE - 1; s++)
        fake_wire[w][wire_used[w]++] = *s;
    fake_wire[w][wire_used[w]] = 0;
}
void fake_wire_clear(void)
{
    for (u32 w = 0; w < 3; w++)
        fake_wire[w][wire_used[w] = 0] = 0;
}
void fake_type(u32 port, const char *keys)
{
    typed[port] = keys;
    if (uart_ready[port])
        uart_ready[port]();
}
const char *uart_init(u32 index, const char *spec)
{
    (void)index;
    return *spec == '!' ? "made to fail" : NULL;
}
void uart_put(u32 index, const char *s, size_t n)
{
    wire_put(index, s, n);
}
int uart_get(u32 index)
{
    return typed[index] && *typed[index] ? *typed[index]++ : -1;
}
void uart_init_irq(u32 index, void (*ready)(void))
{
    uart_ready[index] = ready;
}
void vga_put(const char *s, size_t n)
{
    wire_put(2, s, n);
}
void power_reboot(void)
{
    fake_reboots++;
    panic_door("rebooted");
}
const char *trap_name(u32 vector)
{
    return vector == TRAP_PF ? "page fault" : "trap";
}

/* Ends. */
_Thread_local jmp_buf fake_back, fake_panic_back;
_Thread_local void *fake_entered_unit;
_Thread_local bool fake_panic_is_caught;
char fake_panic_text[320];

void fake_entered(void *unit)
{
    fake_entered_unit = unit;
    longjmp(fake_back, 1);
}

static u64 random_state;

void fake_seed(void)
{
    const char *s = getenv("FAKE_SEED") ? getenv("FAKE_SEED") : getenv("SEED_BASE");

    random_state = s ? strtoull(s, NULL, 0) : (u64)getpid() * 0x9e3779b97f4a7c15ull;
    printf("seed: FAKE_SEED=%lu\n", random_state);
    random_state |= 1;
}

u64 fake_random(u64 below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dull % below;
}

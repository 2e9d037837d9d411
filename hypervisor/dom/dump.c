/* SPDX-License-Identifier: MIT */
/*
 * What Wirt's keys print about domains and the machine beneath them: registers, domains and vCPUs, memory, interrupts,
 * time. Reads only, each value as it is at that moment; holds the list of domains while it prints, and no other lock.
 * Every CPU is asked one after the other. Lines go out as errors, so that no log level hides an answer.
 */
#include "dom/dump.h"

#include "core/panic.h"
#include "core/slab.h"
#include "core/timer.h"
#include "dom/domain.h"
#include "hw/irq.h"
#include "hw/smp.h"
#include "lib/fmt.h"
#include "lib/log.h"

#define SKEW_ROUNDS 32u

static const char *mib(char *text, size_t size, u64 frames)
{
    fmt(text, size, "%lu.%lu MiB", frames >> 8, (frames & 255) * 10 >> 8);
    return text;
}

/* 'd' */
static void dump_cpu(void *arg)
{
    const struct vcpu *v = vcpu_current_any();
    const struct regs *r = cpu_guest_regs();
    u64 frame = (u64)__builtin_frame_address(0);

    (void)arg;
    if (v) {
        log_error("CPU %u runs d%uv%u, in its %s: rip %04lx:%016lx rsp %016lx rflags %08lx", cpu_id(), v->domain->id,
                  v->id, v->pv.in_kernel ? "kernel" : "program", r->cs, r->rip, r->rsp, r->rflags);
        log_error("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
        log_error("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
        log_error("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx", r->r9, r->r10, r->r11, r->r12);
        log_error("  r13 %016lx r14 %016lx r15 %016lx cr3 %016lx", r->r13, r->r14, r->r15, cpu_read_cr3());
    } else {
        log_error("CPU %u idles, cr3 %016lx", cpu_id(), cpu_read_cr3());
    }
    panic_backtrace(0, frame, frame);
}

static void dump_registers(void)
{
    for (u32 cpu = 0; cpu < cpu_count; cpu++)
        smp_call(BIT(cpu), dump_cpu, NULL);
}

/* 'q' */
static u32 ports_in_use(const struct domain *d)
{
    u32 count = 0;

    for (u32 port = 1; port < d->evtchn.limit; port++) {
        const struct evtchn *bucket = d->evtchn.bucket[port / EVTCHN_PER_BUCKET];
        count += bucket && bucket[port % EVTCHN_PER_BUCKET].state != EVTCHN_FREE;
    }
    return count;
}

static const char *timer_left(char *text, size_t size, const struct timer *t, u64 now)
{
    if (!timer_is_set(t))
        return "off";
    fmt(text, size, "in %ld us", (s64)(t->node.key - now) / 1000);
    return text;
}

static void dump_vcpu(struct vcpu *v)
{
    static const char *const state[] = {"running", "runnable", "blocked", "offline"};
    char on[12] = "nowhere", left[3][32];
    u64 now = time_now(), ms = 1000000;
    struct vcpu_runstate_info r;

    vcpu_runstate(v, &r);
    if (v->loaded_on != VCPU_NOWHERE)
        fmt(on, sizeof(on), "CPU %u", v->loaded_on);
    log_error("  d%uv%u: %s, %s, queue of CPU %u, loaded on %s, paused %u times, upcall%s pending%s", v->domain->id,
              v->id, v->is_up ? "up" : "down", state[v->unit.state & 3], v->unit.cpu, on, v->unit.pause_count,
              v->info->evtchn_upcall_pending ? "" : " not", v->info->evtchn_upcall_mask ? ", masked" : "");
    log_error(
        "    running %lu, runnable %lu, blocked %lu, offline %lu ms; timer %s, periodic %s, poll %s", r.time[0] / ms,
        r.time[1] / ms, r.time[2] / ms, r.time[3] / ms, timer_left(left[0], sizeof(left[0]), &v->single, now),
        timer_left(left[1], sizeof(left[1]), &v->periodic, now), timer_left(left[2], sizeof(left[2]), &v->poll, now));
}

static void dump_domain(struct domain *d, void *arg)
{
    char end[32] = "", held[24], most[24];

    (void)arg;
    if (d->is_shut_down)
        fmt(end, sizeof(end), ", shut down (reason %u)", d->shutdown_reason);
    log_error("domain %u: %s%s%s%s, %s of %s, %u ports in use, assists 0x%x, loaded on CPUs 0x%lx", d->id,
              d->is_privileged ? "control domain" : "guest", d->is_dying ? ", dying" : "",
              d->is_crashing ? ", crashed" : "", end, mib(held, sizeof(held), d->page_count),
              mib(most, sizeof(most), d->page_max), ports_in_use(d), d->vm_assist, d->loaded_cpus);
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            dump_vcpu(d->vcpu[i]);
}

static void dump_domains(void)
{
    domain_for_each(dump_domain, NULL);
}

/* 'm' */
struct frame_tally {
    u64 all, allocated, pinned, half, kind[PAGE_WRITABLE + 1];
};

static void tally(u32 owner, struct frame_tally *t)
{
    *t = (struct frame_tally){0};
    for (u64 n = 0; n < frame_limit; n++) {
        const struct page *p = frame_page_raw(mfn(n));
        if (p->owner == owner) {
            u64 type = READ_ONCE(p->type);
            t->all++;
            t->allocated += (p->refs & PAGE_ALLOCATED) != 0;
            if (owner < PAGE_OWNER_DOMAIN)
                continue;
            t->pinned += (type & PAGE_PINNED) != 0;
            t->half += !(type & PAGE_VALID) && page_kind(type) != PAGE_NONE;
            t->kind[type & PAGE_COUNT ? min(page_kind(type), PAGE_WRITABLE) : PAGE_NONE]++;
        }
    }
}

static void dump_domain_memory(struct domain *d, void *arg)
{
    struct frame_tally t;
    char all[24];

    (void)arg;
    tally(domain_owner(d), &t);
    log_error("domain %u: %s, %lu frames, %lu allocated (its list: %lu)", d->id, mib(all, sizeof(all), t.all), t.all,
              t.allocated, d->page_count);
    log_error("  in use as: writable %lu, L1 %lu, L2 %lu, L3 %lu, L4 %lu, descriptors %lu, nothing %lu; pinned %lu, "
              "half-built %lu",
              t.kind[PAGE_WRITABLE], t.kind[PAGE_L1], t.kind[PAGE_L2], t.kind[PAGE_L3], t.kind[PAGE_L4],
              t.kind[PAGE_SEG], t.kind[PAGE_NONE], t.pinned, t.half);
}

static void dump_memory(void)
{
    struct frame_tally t;
    struct frame_stats s;
    char all[24], unused[24];

    frame_stats(&s);
    log_error("memory: %s, %s free (%lu MiB below 4 GiB)", mib(all, sizeof(all), s.total),
              mib(unused, sizeof(unused), s.free), s.below_4g_free >> 8);
    tally(PAGE_OWNER_HV, &t);
    log_error("Wirt: %lu KiB, of them frame table %lu, M2P %lu, small objects %lu KiB", t.all * 4, s.table_bytes >> 10,
              s.m2p_bytes >> 10, slab_bytes() >> 10);
    tally(PAGE_OWNER_IO, &t);
    log_error("I/O and firmware, between RAM: %lu frames", t.all);
    domain_for_each(dump_domain_memory, NULL);
}

/* 'i' */
static void dump_vector(u8 vector)
{
    char text[200] = "";
    u64 sum = 0;
    int at = 0;

    for (u32 cpu = 0; cpu < cpu_count; cpu++) {
        u64 count = irq_vector_count(vector, cpu);
        sum += count;
        if (at < (int)sizeof(text) - 24)
            at += fmt(text + at, sizeof(text) - (size_t)at, " %lu", count);
    }
    if (sum)
        log_error("  vector 0x%02x: %lu (a CPU:%s)", vector, sum, text);
}

static void dump_pirqs(struct domain *d, void *arg)
{
    (void)arg;
    for (u32 n = 0; n < PIRQ_MAX; n++) {
        const struct pirq *p = &d->pirq.item[n];
        if (p->line < PIRQ_HELD && p->port)
            log_error("  d%u PIRQ %u: line %u, port %u%s%s%s", d->id, n, p->line, p->port, p->is_msi ? ", MSI" : "",
                      p->needs_eoi ? ", wants EOI" : "", p->is_shared ? ", shared" : "");
    }
}

static void dump_interrupts(void)
{
    struct irq_line_info l;

    log_error("interrupts: timer 0x%x, work 0x%x, call 0x%x, TLB 0x%x, spurious 0x%x", VEC_TIMER, VEC_IPI_WORK,
              VEC_IPI_CALL, VEC_IPI_TLB, VEC_SPURIOUS);
    for (u32 vector = 0x20; vector < 256; vector++)
        dump_vector((u8)vector);
    for (u32 line = 0; line < IRQ_LINE_MAX; line++)
        if (irq_line_info(line, &l) && (l.is_bound || l.count))
            log_error("  line %u (%s): vector 0x%02x, CPU %u, %s, active %s%s, came %lu times", line,
                      l.is_msi ? "MSI" : "GSI", l.vector, l.cpu, l.is_level ? "level" : "edge",
                      l.is_active_low ? "low" : "high", l.is_masked ? ", masked" : "", l.count);
    domain_for_each(dump_pirqs, NULL);
}

/* 't' */
static void read_tsc(void *arg)
{
    *(u64 *)arg = cpu_tsc();
}

/* A reading lies between question and answer, so each round bounds the distance from both sides. */
static void dump_skew(u32 cpu)
{
    s64 least = INT64_MIN, most = INT64_MAX;

    for (u32 i = 0; i < SKEW_ROUNDS; i++) {
        u64 there = 0, before = cpu_tsc(), after;
        smp_call(BIT(cpu), read_tsc, &there);
        after = cpu_tsc();
        least = max(least, (s64)(there - after));
        most = min(most, (s64)(there - before));
    }
    log_error("  CPU %u: its TSC is %ld to %ld ticks ahead of CPU %u's%s", cpu, least, most, cpu_id(),
              least > 0 || most < 0 ? ": they differ" : "");
}

static void dump_time(void)
{
    struct time_scale s;
    u64 now = time_now(), khz, sec;
    u32 nsec;

    time_scale_get(&s);
    time_wall_get(&sec, &nsec);
    khz = s.shift >= 0 ? ((1000000ull << 32) / s.mul) >> s.shift : ((1000000ull << 32) / s.mul) << -s.shift;
    log_error("time: %lu.%06lu s, wall clock %lu s at its start, platform clock %s", now / 1000000000,
              now / 1000 % 1000000, sec, time_source());
    log_error(
        "  TSC %lu kHz at boot, %lu kHz now (%ld ppm); scale %u shift %d, generation %u, %ld ns behind the platform",
        time_tsc_khz(), khz, ((s64)khz - (s64)time_tsc_khz()) * 1000000 / (s64)time_tsc_khz(), s.mul, s.shift,
        s.generation, time_error());
    for (u32 cpu = 0; cpu < cpu_count; cpu++)
        if (cpu != cpu_id())
            dump_skew(cpu);
}

__init void dump_init(void)
{
    console_key_bind('a', "timers of each CPU", timer_dump);
    console_key_bind('d', "registers of each CPU", dump_registers);
    console_key_bind('e', "event channels", evtchn_dump);
    console_key_bind('i', "interrupts: vectors, lines, PIRQs", dump_interrupts);
    console_key_bind('m', "memory by owner and type", dump_memory);
    console_key_bind('q', "domains and their vCPUs", dump_domains);
    console_key_bind('t', "time", dump_time);
}

/* SPDX-License-Identifier: MIT */
/*
 * What Wirt's keys print about domains and the machine beneath them: registers, domains and vCPUs, event channels,
 * memory, interrupts. Reads only, each value as it is at that moment; holds the list of domains while it prints, and of
 * other locks a table of ports for one port. Every CPU is asked one after the other. Lines go out as errors, so that no
 * log level hides an answer.
 */
#include "dom/dump.h"

#include "core/panic.h"
#include "core/slab.h"
#include "core/timer.h"
#include "dom/shared.h"
#include "hw/irq.h"
#include "hw/smp.h"
#include "lib/log.h"
#include "public/event_channel.h"

void dump_guest(const struct vcpu *v)
{
    const struct regs *r = cpu_guest_regs();

    log_error("  %s, in its %s: rip %04lx:%016lx rsp %016lx rflags %08lx", v->name,
              (v->hvm ? !(r->cs & 3) : v->pv.in_kernel) ? "kernel" : "program", r->cs, r->rip, r->rsp, r->rflags);
    log_error("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_error("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
    log_error("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx", r->r9, r->r10, r->r11, r->r12);
    log_error("  r13 %016lx r14 %016lx r15 %016lx cr2 %016lx", r->r13, r->r14, r->r15, cpu_read_cr2());
}

static void dump_cpu(void *arg)
{
    const struct vcpu *v = vcpu_current_any();
    u64 frame = (u64)__builtin_frame_address(0);

    (void)arg;
    log_error("CPU %u %s, cr3 %016lx", cpu_id(), v ? "runs" : "idles", cpu_read_cr3());
    if (v)
        dump_guest(v);
    panic_backtrace(0, frame, frame);
}

static void dump_registers(void)
{
    for (u32 cpu = 0; cpu < cpu_count; cpu++)
        smp_call(BIT(cpu), dump_cpu, NULL);
}

static u64 due_us(const struct timer *t) /* 0: off */
{
    return timer_is_set(t) ? t->node.key / 1000 : 0;
}

static void dump_vcpu(struct vcpu *v)
{
    static const char *const state[] = {"running", "runnable", "blocked", "offline"};
    struct vcpu_runstate_info r;

    vcpu_runstate(v, &r);
    log_error("  %s: %s, %s, queue of CPU %u, loaded on CPU %d, paused %u times, upcall%s pending%s", v->name,
              v->is_up ? "up" : "down", state[v->unit.state & 3], v->unit.cpu, (int)v->loaded_on, v->unit.pause_count,
              v->info->evtchn_upcall_pending ? "" : " not", v->info->evtchn_upcall_mask ? ", masked" : "");
    log_error("    us running %lu, runnable %lu, blocked %lu, offline %lu; timer due at %lu, periodic %lu, poll %lu",
              r.time[0] / 1000, r.time[1] / 1000, r.time[2] / 1000, r.time[3] / 1000, due_us(&v->single),
              due_us(&v->periodic), due_us(&v->poll));
}

static void dump_domain(struct domain *d, void *arg)
{
    static const char *const life[] = {"", ", dying", ", dead"};

    (void)arg;
    log_error("domain %u: %s%s (%u)%s, %lu of %lu frames, holds %lu, paused %u times, assists 0x%x, loaded on CPUs "
              "0x%lx",
              d->id, d->is_privileged ? "control domain" : "guest", d->is_shut_down ? ", shut down" : "",
              d->shutdown_reason, life[d->life], d->page_count, d->page_max, d->page_held, d->pause_count, d->vm_assist,
              d->loaded_cpus);
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            dump_vcpu(d->vcpu[i]);
}

static void dump_domains(void)
{
    log_error("domains at %lu us", time_now() / 1000);
    domain_for_each(dump_domain, NULL);
}

static void dump_ports(struct domain *d, void *arg)
{
    static const char *const name[] = {"free", "unbound, waits for d", "interdomain, peer d", "PIRQ ", "VIRQ ", "IPI "};

    (void)arg;
    log_error("event channels of domain %u:", d->id);
    for (u32 port = 1; port < d->evtchn.limit; port++) {
        struct evtchn_status s = {0};
        (void)evtchn_status(d, port, &s);
        if (s.status != EVTCHNSTAT_closed)
            log_error("  port %u: %s%u, far port %u, to vCPU %u%s%s", port, name[s.status], s.u.virq,
                      s.u.interdomain.port, s.vcpu, evtchn_is_pending(d, port) ? ", pending" : "",
                      map_test(shared_mask(d), port) ? ", masked" : "");
    }
}

static void dump_channels(void)
{
    domain_for_each(dump_ports, NULL);
}

/* Frames of one owner; of a domain also what they are used as. */
static void dump_owner(const char *name, u32 owner)
{
    u64 all = 0, allocated = 0, pinned = 0, half = 0, kind[PAGE_WRITABLE + 1] = {0};

    for (u64 n = 0; n < frame_limit; n++) {
        const struct page *p = frame_page_raw(mfn(n));
        u64 type = READ_ONCE(p->type);
        if (p->owner != owner)
            continue;
        all++;
        allocated += (p->refs & PAGE_ALLOCATED) != 0;
        pinned += (type & PAGE_PINNED) != 0;
        half += !(type & PAGE_VALID) && page_kind(type) != PAGE_NONE;
        kind[type & PAGE_COUNT ? min(page_kind(type), PAGE_WRITABLE) : PAGE_NONE]++;
    }
    log_error("%s: %lu frames", name, all);
    if (owner < PAGE_OWNER_DOMAIN)
        return;
    log_error("  allocated %lu, pinned %lu, half-built %lu; in use as:", allocated, pinned, half);
    for (u32 k = PAGE_NONE; k <= PAGE_WRITABLE; k++)
        log_error("    %s %lu", page_kind_name(k), kind[k]);
}

static void dump_domain_memory(struct domain *d, void *arg)
{
    (void)arg;
    log_error("domain %u has %lu frames on its list", d->id, d->page_count);
    dump_owner("  owned", domain_owner(d));
}

static void dump_memory(void)
{
    struct frame_stats s;

    frame_stats(&s);
    log_error("memory: %lu frames, %lu free (%lu below 4 GiB)", s.total, s.free, s.below_4g_free);
    log_error("KiB in the frame table %lu, M2P %lu, small objects %lu", s.table_bytes >> 10, s.m2p_bytes >> 10,
              slab_bytes() >> 10);
    dump_owner("Wirt", PAGE_OWNER_HV);
    dump_owner("Wirt, statistics", PAGE_OWNER_SHOWN);
    dump_owner("I/O and firmware, between RAM", PAGE_OWNER_IO);
    domain_for_each(dump_domain_memory, NULL);
}

static void dump_pirqs(struct domain *d, void *arg)
{
    (void)arg;
    for (u32 n = 0; d->pirq.item && n < PIRQ_MAX; n++) {
        const struct pirq *p = &d->pirq.item[n];
        if (p->port)
            log_error("  d%u PIRQ %u: line %u, port %u%s%s", d->id, n, p->line, p->port,
                      p->is_level ? ", wants EOI" : "", p->is_shared ? ", shared" : "");
    }
}

static void dump_interrupts(void)
{
    struct irq_line_info l;

    log_error("interrupts: timer 0x%x, work 0x%x, call 0x%x, TLB 0x%x, spurious 0x%x", VEC_TIMER, VEC_IPI_WORK,
              VEC_IPI_CALL, VEC_IPI_TLB, VEC_SPURIOUS);
    for (u32 vector = 0x20; vector < 256; vector++)
        for (u32 cpu = 0; cpu < cpu_count; cpu++)
            if (irq_vector_count((u8)vector, cpu))
                log_error("  vector 0x%02x: %lu on CPU %u", vector, irq_vector_count((u8)vector, cpu), cpu);
    for (u32 line = 0; line < IRQ_LINE_MAX; line++)
        if (irq_line_info(line, &l) && (l.is_bound || l.count))
            log_error("  line %u (%s): vector 0x%02x, CPU %u, %s, active %s%s, came %lu times", line,
                      l.is_msi ? "MSI" : "GSI", l.vector, l.cpu, l.is_level ? "level" : "edge",
                      l.is_active_low ? "low" : "high", l.is_masked ? ", masked" : "", l.count);
    domain_for_each(dump_pirqs, NULL);
}

__init void dump_init(void)
{
    console_key_bind('a', "timers of each CPU", timer_dump);
    console_key_bind('d', "registers of each CPU", dump_registers);
    console_key_bind('e', "event channels", dump_channels);
    console_key_bind('i', "interrupts: vectors, lines, PIRQs", dump_interrupts);
    console_key_bind('m', "memory by owner and type", dump_memory);
    console_key_bind('q', "domains and their vCPUs", dump_domains);
}

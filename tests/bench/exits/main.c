/* SPDX-License-Identifier: MIT */
/*
 * The meter: a PVH kernel that times what makes it leave for the hypervisor, by the TSC, which under QEMU's icount
 * counts instructions; the same ELF runs on Wirt and on Xen. Each figure is the least of some rounds (others interrupt
 * now and then), less an empty loop, on the console as "METER name n"; "METER done" is the last line. What a hypervisor
 * does not have is told as "METER name none".
 */
#include <stdbool.h>
#include <stdint.h>

#include "public/console.h"
#include "public/event_channel.h"
#include "public/hvm.h"
#include "public/memory.h"
#include "public/sched.h"
#include "public/vcpu.h"
#include "public/xen.h"

#define VECTOR_EVENT 0xf3u
#define VECTOR_APIC  0x41u
#define ROUNDS       16
#define TIMES        64
#define WAIT_NS      200000u

extern struct shared_info shared;
extern volatile uint64_t resume, event_tsc;
extern volatile uint32_t has_faulted, vectors;
extern char on_fault[], on_event[], on_vector[];

static long call(unsigned long nr, unsigned long a, const void *b, unsigned long c)
{
    register unsigned long r10 __asm__("r10") = 0;
    __asm__ volatile("vmmcall" : "+a"(nr), "+D"(a), "+S"(b), "+d"(c), "+r"(r10) : : "rcx", "r11", "memory");
    return (long)nr;
}

static uint64_t tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return low | (uint64_t)high << 32;
}

/* --- the console --- */

static struct xencons_interface *console;
static uint32_t console_port;

static void notify(uint32_t port)
{
    struct evtchn_send send = {port};
    call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, 0);
}

static void say(const char *text)
{
    for (; *text; text++) {
        while (console->out_prod - console->out_cons >= sizeof(console->out))
            call(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
        console->out[MASK_XENCONS_IDX(console->out_prod, console->out)] = *text;
        __asm__ volatile("" ::: "memory");
        console->out_prod++;
    }
    notify(console_port);
}

static void tell(const char *name, bool has, uint64_t n)
{
    char digits[24], *p = digits + sizeof(digits);

    *--p = 0;
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    say("METER ");
    say(name);
    say(" ");
    say(has ? p : "none");
    say("\n");
}

static uint64_t param(uint32_t index)
{
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = index};
    return call(__HYPERVISOR_hvm_op, HVMOP_get_param, &p, 0) ? 0 : p.value;
}

/* --- the measuring --- */

static uint64_t empty;

/* An instruction, TIMES over; a fault in it ends the loop. */
#define LOOP(body, ...)                                                                                                \
    ({                                                                                                                 \
        uint64_t best_ = ~0ull;                                                                                        \
        has_faulted = 0;                                                                                               \
        for (int round_ = 0; round_ < ROUNDS && !has_faulted; round_++) {                                              \
            uint64_t from_ = tsc(), took_;                                                                             \
            __asm__ volatile("movq $1f, resume\n\t"                                                                    \
                             "movl %0, %%ebx\n"                                                                        \
                             "0:\t" body "\n\t"                                                                        \
                             "decl %%ebx\n\t"                                                                          \
                             "jnz 0b\n"                                                                                \
                             "1:"                                                                                      \
                             :                                                                                         \
                             : "i"(TIMES), ##__VA_ARGS__                                                               \
                             : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r10", "memory");                             \
            took_ = tsc() - from_;                                                                                     \
            best_ = took_ < best_ ? took_ : best_;                                                                     \
        }                                                                                                              \
        best_;                                                                                                         \
    })
#define FIGURE(name, body, ...)                                                                                        \
    do {                                                                                                               \
        uint64_t least_ = LOOP(body, ##__VA_ARGS__);                                                                   \
        tell(name, !has_faulted, (least_ - empty) / TIMES);                                                            \
    } while (0)

static bool wrmsr(uint32_t msr, uint64_t value)
{
    has_faulted = 0;
    __asm__ volatile("movq $1f, resume\n\twrmsr\n1:"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
    return !has_faulted;
}

/* Nanoseconds since the hypervisor started, at a TSC. */
static uint64_t time_at(uint64_t at)
{
    const struct vcpu_time_info *t = &shared.vcpu_info[0].time;
    uint64_t delta = at - t->tsc_timestamp;

    delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
    return t->system_time + (uint64_t)(((unsigned __int128)delta * t->tsc_to_system_mul) >> 32);
}

/* From the moment that a timer was to go off, to the first instruction of its handler; the vCPU waited in HLT. */
static void wake(void)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = 0};
    struct xen_hvm_param by = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ,
                               .value = 2ull << 56 | VECTOR_EVENT};
    uint64_t best = ~0ull;
    bool ok;

    ok = !call(__HYPERVISOR_hvm_op, HVMOP_set_param, &by, 0) &&
         !call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &bind, 0);
    call(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    for (int i = 0; i < ROUNDS && ok; i++) {
        struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = time_at(tsc()) + WAIT_NS};
        uint64_t late;
        event_tsc = 0;
        shared.evtchn_pending[0] = 0;
        shared.vcpu_info[0].evtchn_pending_sel = 0;
        shared.evtchn_mask[0] = 0;
        ok = !call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, (unsigned long)&timer);
        while (ok && !event_tsc)
            __asm__ volatile("sti\n\thlt\n\tcli" ::: "memory");
        late = time_at(event_tsc) - timer.timeout_abs_ns;
        best = late < best ? late : best;
    }
    tell("wake", ok, best);
}

static void gate(uint64_t *idt, uint32_t vector, const char *handler)
{
    uint64_t at = (uint64_t)handler;

    idt[2 * vector] = (at & 0xffff) | 8u << 16 | 0x8e00ull << 32 | (at >> 16 & 0xffff) << 48;
    idt[2 * vector + 1] = at >> 32;
}

void main(void *start_info);
void main(void *start_info)
{
    static uint64_t idt[512] __attribute__((aligned(16)));
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t at;
    } idtr = {sizeof(idt) - 1, (uint64_t)idt};
    struct xen_add_to_physmap show = {.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info,
                                      .gpfn = (uint64_t)&shared >> 12};
    struct sched_shutdown off = {SHUTDOWN_poweroff};
    volatile uint32_t *apic = (void *)0xfee00000ul;

    (void)start_info;
    gate(idt, 13, on_fault);
    gate(idt, VECTOR_EVENT, on_event);
    gate(idt, VECTOR_APIC, on_vector);
    __asm__ volatile("lidt %0" : : "m"(idtr));
    console = (void *)(param(HVM_PARAM_CONSOLE_PFN) << 12);
    console_port = (uint32_t)param(HVM_PARAM_CONSOLE_EVTCHN);
    say("METER up\n");
    call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &show, 0);
    empty = LOOP("");
    tell("empty", true, empty);
    FIGURE("call", "movl $17, %%eax\n\txorl %%edi, %%edi\n\txorl %%esi, %%esi\n\tvmmcall");
    FIGURE("nocall", "movl $63, %%eax\n\tvmmcall");
    FIGURE("cpuid", "movl $1, %%eax\n\tmovl %%ebx, %%esi\n\tcpuid\n\tmovl %%esi, %%ebx");
    FIGURE("cpuid_xen", "movl $0x40000001, %%eax\n\tmovl %%ebx, %%esi\n\tcpuid\n\tmovl %%esi, %%ebx");
    FIGURE("rdmsr", "movl $0x1b, %%ecx\n\trdmsr");
    FIGURE("port", "inb $0x42, %%al");
    if (wrmsr(0x1b, 0xfee00d00) && wrmsr(0x80f, 0x1ff)) {
        FIGURE("eoi", "movl $0x80b, %%ecx\n\txorl %%eax, %%eax\n\txorl %%edx, %%edx\n\twrmsr");
        FIGURE("icr_nobody", "movl $0x830, %%ecx\n\tmovl $0x41, %%eax\n\tmovl $0x77, %%edx\n\twrmsr");
        __asm__ volatile("sti");
        FIGURE("icr_self", "movl $0x830, %%ecx\n\tmovl $0x40041, %%eax\n\txorl %%edx, %%edx\n\twrmsr");
        __asm__ volatile("cli");
        tell("vectors", true, vectors);
    }
    wake();
    if (wrmsr(0x1b, 0xfee00100) && wrmsr(0x1b, 0xfee00900))
        FIGURE("nested", "movl (%1), %%eax", "r"(apic + 8));
    else
        tell("nested", false, 0);
    say("METER done\n");
    for (;;)
        call(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &off, 0);
}

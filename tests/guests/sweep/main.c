/* SPDX-License-Identifier: MIT */
/*
 * Every hypercall with nasty arguments: all numbers, sub-operations 0 to 40, pointers that are NULL, Wirt's, not
 * canonical, read-only, unmapped or at the end of a mapping, structures full of the same. Nothing may bring Wirt down,
 * write to a read-only page, or hand out an address of Wirt's; unknown numbers must say so. What would end the guest
 * itself is left out by harmful(); those calls have guests of their own.
 */
#include "domu.h"
#include "public/domctl.h"
#include "public/platform.h"
#include "public/sysctl.h"
#include "public/wirt.h"

#define WORDS 24

static u64 *scratch, *read_only;
static u64 bad[20];
static u32 leaks, calls, successes;

static bool is_scratch(u64 p)
{
    return p >= (u64)scratch - 64 && p < (u64)scratch + PAGE;
}

static bool harmful(u64 nr, u64 a, u64 b, u64 c)
{
    switch (nr) {
    case __HYPERVISOR_set_trap_table:
        return a == 0;
    case __HYPERVISOR_sched_op_compat:
        return a == SCHEDOP_block || a == SCHEDOP_shutdown;
    case __HYPERVISOR_event_channel_op: /* a domU's console would be gone */
        return is_domu() && (a == EVTCHNOP_reset || a == EVTCHNOP_close);
    case __HYPERVISOR_sched_op:
        return a == SCHEDOP_block ||
               ((a == SCHEDOP_shutdown || a == SCHEDOP_poll) && (is_scratch(b) || b == (u64)read_only));
    case __HYPERVISOR_update_va_mapping:
    case __HYPERVISOR_update_va_mapping_otherdomain:
        return is_scratch(a) || a == (u64)read_only || (a >= si->mfn_list && a < si->mfn_list + si->nr_pages * 8);
    case __HYPERVISOR_vcpu_op:
        return (a == VCPUOP_down || a == VCPUOP_send_nmi) && b == 0;
    case __HYPERVISOR_console_io:
        return a == CONSOLEIO_write && (is_scratch(c) || c == (u64)read_only);
    case __HYPERVISOR_iret:
    case __HYPERVISOR_wirt_return: /* has no frame here: the domain's end, as it should be */
        return true;
    default:
        return false;
    }
}

static bool is_wirts(u64 v)
{
    return v >= 0xffff808000000000 && v < 0xffff880000000000;
}

static void one(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
    u64 before[WORDS];
    if (harmful(nr, a, b, c))
        return;
    for (u32 i = 0; i < WORDS; i++)
        before[i] = scratch[i];
    s64 rc = call5(nr, a, b, c, d, e);
    calls++;
    successes += rc >= 0;
    if (is_wirts((u64)rc) && leaks++ < 10)
        print("  call %lu (0x%lx, 0x%lx, 0x%lx) returns 0x%lx\n", nr, a, b, c, (u64)rc);
    bool is_aligned = a % 8 != 1 && b % 8 != 1 && c % 8 != 1;
    for (u32 i = 0; i < WORDS && is_aligned; i++)
        if (scratch[i] >> 32 != before[i] >> 32 && is_wirts(scratch[i]) &&
            leaks++ < 10) /* low halves: counts and states */
            print("  call %lu (0x%lx, 0x%lx, 0x%lx) wrote 0x%lx to word %u\n", nr, a, b, c, scratch[i], i);
}

static void refill(void)
{
    for (u32 i = 0; i < WORDS; i++) {
        u32 r = random();
        scratch[i] = r & 0x10000 ? bad[r % COUNT(bad)] : r & 0x20000 ? bad[r % 8] | bad[r / 64 % 8] << 32 : r % 8;
    }
}

/* What a call may have changed of ourselves. */
static void repair(void)
{
    traps_init();
    for (u32 i = 0; i < 4; i++)
        call2(__HYPERVISOR_set_debugreg, i, 0);
    call2(__HYPERVISOR_set_debugreg, 7, 0x400);
    call1(__HYPERVISOR_fpu_taskswitch, 0);
    call1(__HYPERVISOR_set_timer_op, 0);
    for (u32 id = 1; id <= 2; id++) {
        struct sched_watchdog off = {.id = id};
        call2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &off);
    }
    call3(__HYPERVISOR_set_callbacks, event_entry, failsafe_entry, syscall_entry);
}

static void all_calls(void)
{
    test("every-call");
    for (u64 nr = 0; nr < 64; nr++) {
        for (u64 sub = 0; sub <= 40; sub++)
            for (u32 i = 0; i < COUNT(bad); i++) {
                refill();
                for (u32 j = is_domu() ? i % 4 : 0; j < COUNT(bad); j += is_domu() ? 4 : 1)
                    one(nr, sub, bad[i], bad[j], bad[(i + j) % COUNT(bad)], bad[(i * 3 + j) % COUNT(bad)]);
            }
        for (u32 i = 0; i < COUNT(bad); i++)
            for (u32 j = 0; j < COUNT(bad); j++) {
                refill();
                for (u32 k = 0; k < 4; k++)
                    one(nr, bad[i], bad[j], bad[k * 5 % COUNT(bad)], k == 0 ? DOMID_SELF : bad[(i + k) % COUNT(bad)],
                        0);
            }
        repair();
        if (!EQ(call2(__HYPERVISOR_xen_version, 0, 0), 4 << 16 | 17))
            break;
    }
    TRUE(calls > (is_domu() ? 150000 : 500000));
    test("wild-numbers");
    const u64 wild[] = {64,   65,       127, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff, 1ul << 32, (1ul << 32) + 17,
                        ~0ul, 1ul << 63};
    for (u32 i = 0; i < COUNT(wild); i++)
        EQ(call3(wild[i], 0, 0, 0), E_NOSYS);
    test("holes"); /* numbers that are nobody's */
    for (u64 nr = 43; nr < 64; nr++)
        if (nr != __HYPERVISOR_mca && nr != __HYPERVISOR_wirt_switch && nr != __HYPERVISOR_wirt_return)
            EQ(call3(nr, scratch, 0, 0), E_NOSYS);
}

/* Any number with any arguments, drawn from the seed on the command line. */
static u64 any(u8 *spare)
{
    u32 r = random();
    switch (r % 8) {
    case 0:
        return (u64)r << 40 | (u64)random() << 16 | random() >> 8;
    case 1:
        return r >> 12;
    case 2:
        return 1ul << (r >> 8) % 64;
    case 3:
        return DOMID_SELF;
    case 4:
        return (r >> 8) % 3 ? mfn_of(spare) : maddr(spare + (r >> 12) % PAGE);
    default:
        return bad[(r >> 8) % COUNT(bad)];
    }
}

static void random_calls(void)
{
    u8 *spare = page_new();
    test("random-calls");
    random_seed = (u32)argument(random_seed);
    print("  seed %u\n", random_seed);
    for (u32 i = 0; i < 100000; i++) {
        if (i % 16 == 0)
            refill();
        if (i % 1000 == 0)
            repair();
        u32 nr = random() % 44, sub = random() % 48;
        one(nr, random() % 4 ? sub : any(spare), any(spare), any(spare), any(spare), any(spare));
    }
    repair();
    EQ(call2(__HYPERVISOR_xen_version, 0, 0), 4 << 16 | 17);
}

/* The calls whose command lies in a structure behind its version. */
static void tool_calls(void)
{
    struct xen_platform_op *p = (void *)scratch;
    struct xen_sysctl *s = (void *)scratch;
    struct xen_domctl *d = (void *)scratch;
    test("platform-op");
    for (u32 cmd = 0; cmd < 80; cmd++)
        for (u32 i = 0; i < 200 && cmd != XENPF_enter_acpi_sleep; i++) {
            refill();
            p->cmd = cmd;
            p->interface_version = XENPF_INTERFACE_VERSION;
            one(__HYPERVISOR_platform_op, (u64)p, 0, 0, 0, 0);
        }
    p->interface_version = XENPF_INTERFACE_VERSION + 1;
    FAILS(call1(__HYPERVISOR_platform_op, p));
    test("sysctl");
    for (u32 cmd = 0; cmd < 40; cmd++)
        for (u32 i = 0; i < 200 && cmd != XEN_SYSCTL_debug_keys; i++) {
            refill();
            s->cmd = cmd;
            s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
            if (cmd == XEN_SYSCTL_readconsole)
                s->u.readconsole.clear = 0;
            one(__HYPERVISOR_sysctl, (u64)s, 0, 0, 0, 0);
        }
    s->interface_version = 1;
    FAILS(call1(__HYPERVISOR_sysctl, s));
    test("domctl");
    for (u32 cmd = 0; cmd < 100; cmd++)
        for (u32 i = 0; i < 100; i++) {
            refill();
            d->cmd = cmd;
            d->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
            if (cmd != XEN_DOMCTL_getdomaininfo)
                d->domain = (domid_t)(100 + random() % 30000); /* not ourselves */
            one(__HYPERVISOR_domctl, (u64)d, 0, 0, 0, 0);
        }
    d->interface_version = 1;
    FAILS(call1(__HYPERVISOR_domctl, d));
}

/* Who takes a pointer, and as which argument. */
static const struct {
    u8 nr, where;
    u64 arg[4];
} taker[] = {
    {__HYPERVISOR_set_trap_table, 0, {0}},
    {__HYPERVISOR_mmu_update, 0, {0, 1, 0, DOMID_SELF}},
    {__HYPERVISOR_set_gdt, 0, {0, 512}},
    {__HYPERVISOR_platform_op, 0, {0}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_populate_physmap}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_decrease_reservation}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_exchange}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_machine_memory_map}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_machphys_mapping}},
    {__HYPERVISOR_memory_op, 1, {XENMEM_maximum_reservation}},
    {__HYPERVISOR_multicall, 0, {0, 1}},
    {__HYPERVISOR_xen_version, 1, {XENVER_extraversion}},
    {__HYPERVISOR_xen_version, 1, {XENVER_get_features}},
    {__HYPERVISOR_xen_version, 1, {XENVER_capabilities}},
    {__HYPERVISOR_xen_version, 1, {XENVER_commandline}},
    {__HYPERVISOR_console_io, 2, {CONSOLEIO_write, 8}},
    {__HYPERVISOR_vcpu_op, 2, {VCPUOP_get_runstate_info, 0}},
    {__HYPERVISOR_vcpu_op, 2, {VCPUOP_set_singleshot_timer, 0}},
    {__HYPERVISOR_vcpu_op, 2, {VCPUOP_register_vcpu_info, 0}},
    {__HYPERVISOR_mmuext_op, 0, {0, 1, 0, DOMID_SELF}},
    {__HYPERVISOR_sched_op, 1, {SCHEDOP_poll}},
    {__HYPERVISOR_sched_op, 1, {SCHEDOP_shutdown}},
    {__HYPERVISOR_callback_op, 1, {CALLBACKOP_register}},
    {__HYPERVISOR_event_channel_op, 1, {EVTCHNOP_send}},
    {__HYPERVISOR_event_channel_op, 1, {EVTCHNOP_bind_ipi}},
    {__HYPERVISOR_event_channel_op, 1, {EVTCHNOP_status}},
    {__HYPERVISOR_physdev_op, 1, {PHYSDEVOP_set_iopl}},
    {__HYPERVISOR_physdev_op, 1, {PHYSDEVOP_map_pirq}},
    {__HYPERVISOR_sysctl, 0, {0}},
    {__HYPERVISOR_domctl, 0, {0}},
};

/* Each pointer argument that must be refused: Wirt's memory and no memory. */
static void pointers(void)
{
    const u64 where[] = {HV_START,
                         HV_IMAGE,
                         HV_DIRECT,
                         0xffff808000000000,
                         0xffff810000000000,
                         0xffff87ffffffffff,
                         0xffff7fffffffffff,
                         NON_CANONICAL,
                         0x00007ffffffffffe,
                         0x1000,
                         (u64)scratch + PAGE,
                         ~0ul,
                         ~7ul,
                         0xffff800000000000 - 4,
                         0xffff880000000000 - 4};
    test("pointers");
    for (u32 i = 0; i < COUNT(taker); i++)
        for (u32 k = 0; k < COUNT(where); k++) {
            u64 a[4] = {taker[i].arg[0], taker[i].arg[1], taker[i].arg[2], taker[i].arg[3]};
            a[taker[i].where] = where[k];
            s64 rc = call4(taker[i].nr, a[0], a[1], a[2], a[3]);
            if (!TRUE(rc == E_FAULT || rc == E_INVAL || (is_domu() && rc == E_PERM)))
                print("  call %u.%lu with 0x%lx: %d\n", taker[i].nr, taker[i].arg[0], where[k], (int)rc);
        }
}

static void read_only_answers(void)
{
    test("read-only-answers");
    EQ(call2(__HYPERVISOR_xen_version, XENVER_extraversion, read_only), E_FAULT);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_machphys_mapping, read_only), E_FAULT);
    EQ(vcpu_op(VCPUOP_get_runstate_info, 0, read_only), E_FAULT);
    struct evtchn_bind_ipi *ipi = (void *)read_only;
    struct evtchn_bind_ipi next = {0};
    EQ(evtchn(EVTCHNOP_bind_ipi, &next), 0); /* the port that the failed answer would have named */
    struct evtchn_close close = {next.port};
    EQ(evtchn(EVTCHNOP_close, &close), 0);
    EQ(evtchn(EVTCHNOP_bind_ipi, ipi), E_FAULT);
    struct evtchn_status closed = {.dom = DOMID_SELF, .port = next.port};
    EQ(evtchn(EVTCHNOP_status, &closed), 0);
    EQ(closed.status, EVTCHNSTAT_closed); /* the port of the failed answer was taken back */
}

int main(void)
{
    traps_init();
    scratch = page_new();
    map(page_new(), 0);
    read_only = page_new();
    page_ro(read_only);
    const u64 values[COUNT(bad)] = {0,
                                    1,
                                    2,
                                    3,
                                    7,
                                    0x7ff0,
                                    0x80000000,
                                    0xffffffff,
                                    ~0ul,
                                    HV_START,
                                    HV_IMAGE,
                                    HV_DIRECT,
                                    NON_CANONICAL,
                                    0xffff7fffffffffff,
                                    (u64)scratch,
                                    (u64)scratch + PAGE - 8,
                                    (u64)read_only,
                                    ~0xffful,
                                    (u64)scratch + 1,
                                    0x7ffffffff000};
    for (u32 i = 0; i < COUNT(bad); i++)
        bad[i] = values[i];
    pointers();
    read_only_answers();
    all_calls();
    if (is_domu())
        random_calls();
    tool_calls();
    test("no-leak");
    EQ(leaks, 0);
    test("read-only-stays");
    for (u32 i = 0; i < 512; i++)
        EQ(read_only[i], 0);
    test("still-alive");
    u64 *table = page_new();
    EQ(page_ro(table) | pin(1, table) | unpin(table) | page_rw(table), 0);
    print("  %u calls, %u of them without error\n", calls, successes);
    return 0;
}

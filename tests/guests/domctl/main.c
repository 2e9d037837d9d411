/* SPDX-License-Identifier: MIT */
/*
 * domctl, sysctl and the ends of domains at their limits: numbers that are taken, reserved or of nobody, the control
 * domain aiming at itself, counts of 2^32, wrong versions and buffers, vCPU contexts that are none, what a dying domain
 * answers, watchdogs. Domains here have no memory but what Wirt gives them; at the end nothing is missing.
 */
#include "guest.h"
#include "public/domctl.h"
#include "public/sysctl.h"

#define E_OPNOTSUPP (-95)
#define E_ACCES     (-13)
#define E_BUSY      (-16)
#define E_2BIG      (-7)
#define E_NOBUFS    (-105)
#define E_NODATA    (-61)
#define NOBODY      1234u

static struct xen_domctl op;
static struct xen_sysctl sys;

static s64 domctl(u32 cmd, u32 id)
{
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = (domid_t)id;
    return call1(__HYPERVISOR_domctl, &op);
}

static s64 bare(u32 cmd, u32 id) /* with an empty structure */
{
    fill(&op, 0, sizeof(op));
    return domctl(cmd, id);
}

static s64 sysctl(u32 cmd)
{
    sys.cmd = cmd;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return call1(__HYPERVISOR_sysctl, &sys);
}

static void wish(u32 vcpus)
{
    fill(&op, 0, sizeof(op));
    op.u.createdomain.max_vcpus = vcpus;
    op.u.createdomain.max_evtchn_port = 1023;
    op.u.createdomain.max_grant_frames = 4;
    op.u.createdomain.max_maptrack_frames = 4;
}

static u32 create(u32 vcpus)
{
    wish(vcpus);
    EQ(domctl(XEN_DOMCTL_createdomain, DOMID_SELF), 0);
    return op.domain;
}

static s64 make_vcpus(u32 id, u32 count)
{
    op.u.max_vcpus.max = count;
    return domctl(XEN_DOMCTL_max_vcpus, id);
}

static u32 flags_of(u32 id) /* ~0: there is none */
{
    return bare(XEN_DOMCTL_getdomaininfo, id) || op.domain != id ? ~0u : op.u.getdomaininfo.flags;
}

static u64 free_now(void)
{
    EQ(sysctl(XEN_SYSCTL_physinfo), 0);
    return sys.u.physinfo.free_pages;
}

static void numbers(void)
{
    u32 id, next;

    test("numbers");
    wish(1);
    op.interface_version = 0x14;
    op.cmd = XEN_DOMCTL_createdomain;
    EQ(call1(__HYPERVISOR_domctl, &op), E_ACCES);
    EQ(call1(__HYPERVISOR_domctl, 0), E_FAULT);
    EQ(call1(__HYPERVISOR_domctl, HV_IMAGE), E_FAULT);
    id = create(1);
    wish(1);
    EQ(domctl(XEN_DOMCTL_createdomain, id), E_EXIST);
    next = create(1);
    TRUE(next == id + 1);
    EQ(bare(XEN_DOMCTL_destroydomain, id), 0);
    EQ(bare(XEN_DOMCTL_destroydomain, id), E_SRCH);
    TRUE(create(1) == next + 1); /* the freed number waits */
    EQ(bare(XEN_DOMCTL_destroydomain, next + 1), 0);
    EQ(bare(XEN_DOMCTL_destroydomain, next), 0);
    for (u32 vcpus = 0; vcpus <= 33; vcpus += 33) {
        wish(vcpus);
        EQ(domctl(XEN_DOMCTL_createdomain, DOMID_SELF), E_INVAL);
    }
    wish(~0u);
    EQ(domctl(XEN_DOMCTL_createdomain, DOMID_SELF), E_INVAL);
    wish(1);
    op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm;
    EQ(domctl(XEN_DOMCTL_createdomain, DOMID_SELF), E_OPNOTSUPP);
    EQ(bare(XEN_DOMCTL_pausedomain, NOBODY), E_SRCH);
    EQ(bare(XEN_DOMCTL_pausedomain, 0xffff), E_SRCH);
    EQ(bare(999, NOBODY), E_NOSYS);
    EQ(bare(~0u, 0), E_NOSYS);
}

static void itself(void)
{
    static const u32 life[] = {XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain,    XEN_DOMCTL_unpausedomain,
                               XEN_DOMCTL_resumedomain,  XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext,
                               XEN_DOMCTL_max_vcpus,     XEN_DOMCTL_hypercall_init};
    struct sched_remote_shutdown end = {0, SHUTDOWN_poweroff};

    test("itself");
    for (u32 i = 0; i < sizeof(life) / sizeof(life[0]); i++) {
        EQ(bare(life[i], 0), E_PERM);
        EQ(bare(life[i], DOMID_SELF), E_PERM);
    }
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &end), E_PERM);
    end.domain_id = NOBODY;
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &end), E_SRCH);
    op.u.ioport_permission = (struct xen_domctl_ioport_permission){0x3f8, 8, 1};
    EQ(domctl(XEN_DOMCTL_ioport_permission, 0), E_PERM); /* Wirt's own wire */
    op.u.ioport_permission = (struct xen_domctl_ioport_permission){0x3f8, 8, 0};
    EQ(domctl(XEN_DOMCTL_ioport_permission, 0), E_BUSY); /* it runs */
}

static struct vcpu_guest_context context;

static void vcpu_contexts(u32 id)
{
    test("vcpus");
    EQ(make_vcpus(id, 31), E_INVAL);
    EQ(make_vcpus(id, 0), E_INVAL);
    op.u.vcpucontext = (struct xen_domctl_vcpucontext){0, (u64)&context};
    EQ(domctl(XEN_DOMCTL_setvcpucontext, id), E_NOENT); /* not made yet */
    EQ(make_vcpus(id, 32), 0);
    EQ(make_vcpus(id, 32), 0);
    EQ(bare(XEN_DOMCTL_getdomaininfo, id), 0);
    EQ(op.u.getdomaininfo.max_vcpu_id, 31);
    EQ(op.u.getdomaininfo.nr_online_vcpus, 0);
    EQ(op.u.getdomaininfo.flags & XEN_DOMINF_paused, XEN_DOMINF_paused);
    context.flags = VGCF_in_kernel | VGCF_online;
    for (u32 i = 0; i < 3; i++) { /* no table, a frame of ours, a frame of nobody */
        context.ctrlreg[3] = i == 0 ? 0 : i == 1 ? mfn_of(&context) << 12 : ~0ul << 12;
        op.u.vcpucontext = (struct xen_domctl_vcpucontext){0, (u64)&context};
        EQ(domctl(XEN_DOMCTL_setvcpucontext, id), E_INVAL);
    }
    op.u.vcpucontext = (struct xen_domctl_vcpucontext){0, NON_CANONICAL};
    EQ(domctl(XEN_DOMCTL_setvcpucontext, id), E_FAULT);
    op.u.vcpucontext = (struct xen_domctl_vcpucontext){~0u, (u64)&context};
    EQ(domctl(XEN_DOMCTL_setvcpucontext, id), E_NOENT);
    op.u.vcpucontext = (struct xen_domctl_vcpucontext){31, (u64)&context};
    EQ(domctl(XEN_DOMCTL_getvcpucontext, id), E_NODATA);
}

static void vcpu_affinity(u32 id)
{
    u64 bits = 0, soft = 2;

    fill(&op, 0, sizeof(op));
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    op.u.vcpuaffinity.cpumap_hard = (struct xenctl_bitmap){(u64)&bits, 64};
    EQ(domctl(XEN_DOMCTL_setvcpuaffinity, id), E_INVAL);
    bits = 1;
    EQ(domctl(XEN_DOMCTL_setvcpuaffinity, id), 0);
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_SOFT;
    op.u.vcpuaffinity.cpumap_soft = op.u.vcpuaffinity.cpumap_hard;
    EQ(domctl(XEN_DOMCTL_setvcpuaffinity, id), 0); /* what it may run on anyway; comes back as all */
    EQ(bits, ~0ul);
    bits = 2;
    EQ(domctl(XEN_DOMCTL_setvcpuaffinity, id), E_OPNOTSUPP);
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    bits = 3;
    op.u.vcpuaffinity.cpumap_soft.bitmap = (u64)&soft;
    EQ(domctl(XEN_DOMCTL_setvcpuaffinity, id), E_OPNOTSUPP); /* and the hard one stays */
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    bits = ~0ul;
    EQ(domctl(XEN_DOMCTL_getvcpuaffinity, id), 0);
    EQ(bits, 1);
    op.u.vcpuaffinity.cpumap_hard = (struct xenctl_bitmap){HV_DIRECT, ~0u};
    EQ(domctl(XEN_DOMCTL_getvcpuaffinity, id), E_FAULT);
}

static void vcpus(void)
{
    u32 id = create(32);
    u64 bits = ~0ul;

    vcpu_contexts(id);
    vcpu_affinity(id);
    fill(&op, 0, sizeof(op));
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_RTDS;
    EQ(domctl(XEN_DOMCTL_scheduler_op, id), E_INVAL);
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.u.credit2.weight = 0xffff;
    op.u.scheduler_op.u.credit2.cap = 0xfffe;
    EQ(domctl(XEN_DOMCTL_scheduler_op, id), 0);
    op.u.getpageframeinfo3 = (struct xen_domctl_getpageframeinfo3){1ul << 32, (u64)&bits};
    EQ(domctl(XEN_DOMCTL_getpageframeinfo3, id), E_2BIG);
    bits = ~0ul >> 4;
    op.u.getpageframeinfo3.num = 1;
    EQ(domctl(XEN_DOMCTL_getpageframeinfo3, id), 0);
    EQ(bits, XEN_DOMCTL_PFINFO_XTAB);
    EQ(bare(XEN_DOMCTL_destroydomain, id), 0);
}

static void pauses(void)
{
    u32 id = create(1);
    struct sched_remote_shutdown end = {(domid_t)id, SHUTDOWN_MAX + 1};

    test("pauses");
    EQ(make_vcpus(id, 1), 0);
    EQ(bare(XEN_DOMCTL_pausedomain, id), 0);
    EQ(bare(XEN_DOMCTL_unpausedomain, id), 0);
    EQ(bare(XEN_DOMCTL_unpausedomain, id), 0);
    EQ(bare(XEN_DOMCTL_unpausedomain, id), E_INVAL);
    EQ(flags_of(id) & (XEN_DOMINF_paused | XEN_DOMINF_shutdown), 0);
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &end), E_INVAL);
    end.reason = SHUTDOWN_suspend;
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &end), 0);
    EQ(flags_of(id) >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_suspend);
    EQ(bare(XEN_DOMCTL_resumedomain, id), 0);
    EQ(bare(XEN_DOMCTL_resumedomain, id), E_INVAL);
    EQ(flags_of(id) & XEN_DOMINF_shutdown, 0);
    EQ(bare(XEN_DOMCTL_destroydomain, id), 0);
    EQ(flags_of(id), ~0u);
}

static void zombie(void)
{
    u64 *window = page_new(), theirs;
    struct mmu_update u;
    u32 id = create(1);

    test("zombie");
    EQ(bare(XEN_DOMCTL_getdomaininfo, id), 0);
    theirs = op.u.getdomaininfo.shared_info_frame;
    u = (struct mmu_update){(*pte_of((u64)pte_of((u64)window, 1), 1) & PTE_ADDR) |
                                ((u64)pte_of((u64)window, 1) & 0xfff),
                            theirs << 12 | RW_PAGE};
    EQ(call4(__HYPERVISOR_mmu_update, &u, 1, 0, id), 0);
    EQ(bare(XEN_DOMCTL_destroydomain, id), 0);
    EQ(flags_of(id) & XEN_DOMINF_dying, XEN_DOMINF_dying);
    EQ(make_vcpus(id, 1), E_SRCH);
    EQ(bare(XEN_DOMCTL_unpausedomain, id), E_SRCH);
    EQ(bare(XEN_DOMCTL_destroydomain, id), 0);
    window[8] = 0x1234; /* ours until we let go */
    EQ(map(window, 0), 0);
    EQ(flags_of(id), ~0u);
}

static void watchdogs(void)
{
    struct sched_watchdog w = {0, 1000};

    test("watchdogs");
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w), 1);
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w), 2);
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w), E_NOSPC);
    for (u32 id = 1; id <= 2; id++) {
        w = (struct sched_watchdog){id, 0};
        EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w), 0);
        EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w), E_INVAL);
    }
    w = (struct sched_watchdog){~0u, 5};
    EQ(call2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w), E_INVAL);
}

static void machine(void)
{
    static struct xen_cpuid_leaf leaf[256];
    static struct xen_domctl_getdomaininfo info[2];
    u32 count;

    test("machine");
    sys.u.getdomaininfolist = (struct xen_sysctl_getdomaininfolist){0, ~0u, HV_DIRECT, 0};
    EQ(sysctl(XEN_SYSCTL_getdomaininfolist), E_FAULT);
    sys.u.getdomaininfolist = (struct xen_sysctl_getdomaininfolist){0, 2, (u64)info, 0};
    EQ(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
    EQ(sys.u.getdomaininfolist.num_domains, 1);
    sys.u.getdomaininfolist = (struct xen_sysctl_getdomaininfolist){0, 0, (u64)info, 7};
    EQ(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
    EQ(sys.u.getdomaininfolist.num_domains, 0);
    sys.u.cputopoinfo = (struct xen_sysctl_cputopoinfo){~0u, HV_IMAGE};
    EQ(sysctl(XEN_SYSCTL_cputopoinfo), E_FAULT);
    sys.u.getcpuinfo = (struct xen_sysctl_getcpuinfo){~0u, HV_IMAGE, 0};
    EQ(sysctl(XEN_SYSCTL_getcpuinfo), E_FAULT);
    sys.u.pcitopoinfo = (struct xen_sysctl_pcitopoinfo){~0u, 0, HV_IMAGE};
    EQ(sysctl(XEN_SYSCTL_pcitopoinfo), E_FAULT);
    sys.u.cpu_policy = (struct xen_sysctl_cpu_policy){
        .index = XEN_SYSCTL_cpu_policy_pv_default, .nr_leaves = 256, .leaves = (u64)leaf};
    EQ(sysctl(XEN_SYSCTL_get_cpu_policy), 0);
    count = sys.u.cpu_policy.nr_leaves;
    TRUE(count > 10 && count < 256);
    sys.u.cpu_policy.nr_leaves = count - 1;
    EQ(sysctl(XEN_SYSCTL_get_cpu_policy), E_NOBUFS);
    sys.u.cpu_policy.index = XEN_SYSCTL_cpu_policy_hvm_max;
    EQ(sysctl(XEN_SYSCTL_get_cpu_policy), E_OPNOTSUPP);
    fill(&op, 0, sizeof(op));
    op.u.cpu_policy.nr_leaves = count;
    op.u.cpu_policy.leaves = (u64)leaf;
    EQ(domctl(XEN_DOMCTL_set_cpu_policy, 0), 0); /* what there is can be kept */
    leaf[1].d &= ~(1u << 26);                    /* SSE2 */
    EQ(domctl(XEN_DOMCTL_set_cpu_policy, 0), E_OPNOTSUPP);
    op.u.cpu_policy.nr_leaves = ~0u;
    EQ(domctl(XEN_DOMCTL_set_cpu_policy, 0), E_2BIG);
    EQ(sysctl(XEN_SYSCTL_perfc_op), E_NOSYS);
}

int main(void)
{
    u64 *mine = (u64 *)si->mfn_list, before = 0;
    struct xen_memory_reservation r = {(u64)(mine + si->nr_pages - 4096), 4096, 0, 0, DOMID_SELF};

    traps_init();
    shared_init();
    test("room"); /* ours are all the frames of the machine: others need some */
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r), 4096);
    numbers();
    itself();
    machine();
    watchdogs();
    for (u32 i = 0; i < 3; i++) {
        if (i == 1)
            before = free_now();
        vcpus();
        pauses();
        zombie();
    }
    test("nothing left");
    EQ(free_now(), before);
    finish();
}

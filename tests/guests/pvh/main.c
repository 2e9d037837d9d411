/* SPDX-License-Identifier: MIT */
/*
 * Domains with hardware assistance, from the control domain's side and from inside: one is built as a toolstack does it
 * (populate by its own numbers, foreign mappings by these, a vCPU's registers as a record) and executes lists of
 * hypercalls that we put into its memory. On a machine without assistance the only test is that it is refused.
 */
#include "control.h"
#include "domu.h"
#include "public/hvm.h"
#include "public/sysctl.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PAGES    64u
enum { CODE = 1, LIST, DATA, L4, L3, L2, FREE }; /* its pages by number */
#define AT(page)    ((page)*PAGE)
#define E_OPNOTSUPP (-95)
#define E_NODATA    (-61)
#define LIST_END    (~0ul)
#define VECTOR      0xf3u
#define ROOM        8192u /* frames that we give back for others */

struct step {
    u64 nr, a[5], result, pad;
};
static u32 dom;
static struct step *list;
static u64 *data;
static u8 *win;

/* 64-bit code at 0x1000: the steps of the list at 0x2000, then sched_op(shutdown, 0x3ff8). */
void guest_code(void), guest_code_end(void);
__asm__(".pushsection .text\n"
        "guest_code:\n"
        "4: mov $0x2000, %ebx\n"
        "1: mov (%rbx), %rax\n"
        "cmp $-1, %rax\n"
        "je 3f\n"
        "mov 8(%rbx), %rdi\n"
        "mov 16(%rbx), %rsi\n"
        "mov 24(%rbx), %rdx\n"
        "mov 32(%rbx), %r10\n"
        "mov 40(%rbx), %r8\n"
        "vmmcall\n"
        "mov %rax, 48(%rbx)\n"
        "add $64, %rbx\n"
        "jmp 1b\n"
        "3: mov $29, %eax\n"
        "mov $2, %edi\n"
        "mov $0x3ff8, %esi\n"
        "vmmcall\n"
        "jmp 3b\n"
        "guest_code_end:\n"
        ".popsection\n");

static bool is_intel(void)
{
    u32 a = 0, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b == 0x756e6547;
}

/* Code of the guest's, with the instruction that its processor has for hypercalls: VMCALL on Intel. */
static void code_copy(u8 *at, const void *code, u64 bytes)
{
    bool says_vmcall = is_intel();
    memcpy(at, code, bytes);
    for (u64 i = 0; says_vmcall && i + 2 < bytes; i++)
        if (at[i] == 0x0f && at[i + 1] == 0x01 && at[i + 2] == 0xd9)
            at[i + 2] = 0xc1;
}

static void code_put(u8 *at)
{
    code_copy(at, guest_code, (u64)guest_code_end - (u64)guest_code);
}

static s64 create_as(u32 flags, u32 emulated)
{
    struct xen_domctl op = {0};
    op.u.createdomain.flags = flags;
    op.u.createdomain.arch.emulation_flags = emulated;
    op.u.createdomain.max_vcpus = 2;
    op.u.createdomain.max_evtchn_port = 31;
    op.u.createdomain.max_grant_frames = 4;
    op.u.createdomain.max_maptrack_frames = 1;
    s64 rc = domctl(XEN_DOMCTL_createdomain, 0, &op);
    dom = op.domain;
    return rc;
}

static bool create(void)
{
    if (!fact_eq((u64)create_as(XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap, XEN_X86_EMU_LAPIC), 0, "createdomain",
                 __LINE__))
        return false;
    struct xen_domctl op = {.u.max_mem.max_memkb = PAGES * 4};
    EQ(domctl(XEN_DOMCTL_max_mem, dom, &op), 0);
    op = (struct xen_domctl){.u.max_vcpus.max = 2};
    EQ(domctl(XEN_DOMCTL_max_vcpus, dom, &op), 0);
    return true;
}

static void furnish(void)
{
    u64 gfn[PAGES];
    for (u32 i = 0; i < PAGES; i++)
        gfn[i] = i;
    EQ(memory(XENMEM_populate_physmap, dom, gfn, PAGES), PAGES);
    for (u32 i = CODE; i < FREE; i++) {
        EQ(gfn[i], i); /* nobody tells frames of the machine */
        EQ(show(win, AT(i) | RW_PAGE, dom), 0);
        if (i == CODE)
            code_put(win);
        if (i == L4)
            ((u64 *)win)[0] = AT(L3) | TABLE;
        if (i == L3)
            ((u64 *)win)[0] = AT(L2) | TABLE;
        if (i == L2)
            ((u64 *)win)[0] = RW_PAGE | PTE_US | PTE_PSE;
    }
    EQ(map(win, 0), 0);
    EQ(show(list, AT(LIST) | RW_PAGE, dom), 0);
    EQ(show(data, AT(DATA) | RW_PAGE, dom), 0);
}

static struct {
    struct hvm_save_descriptor header_at;
    struct hvm_save_header header;
    struct hvm_save_descriptor cpu_at;
    struct hvm_hw_cpu cpu;
    struct hvm_save_descriptor end_at;
} context; /* without padding: all sizes are multiples of 8 */

static void context_of(u64 rip)
{
    struct hvm_hw_cpu *c = &context.cpu;
    context.header_at = (struct hvm_save_descriptor){1, 0, sizeof(context.header)};
    context.header = (struct hvm_save_header){.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};
    context.cpu_at = (struct hvm_save_descriptor){2, 0, sizeof(context.cpu)};
    context.end_at = (struct hvm_save_descriptor){0, 0, 0};
    *c = (struct hvm_hw_cpu){.rip = rip, .rsp = AT(DATA) + 0xf00, .rflags = 2};
    c->cr0 = 0x80000011;
    c->cr3 = AT(L4);
    c->cr4 = 0x20;
    c->msr_efer = 0x500;
    c->cs_sel = 8, c->cs_limit = ~0u, c->cs_arbytes = 0xa9b;
    c->ds_sel = c->es_sel = c->ss_sel = 16;
    c->ds_limit = c->es_limit = c->ss_limit = ~0u;
    c->ds_arbytes = c->es_arbytes = c->ss_arbytes = 0xc93;
    c->tr_limit = 0x67, c->tr_arbytes = 0x8b;
    c->ldtr_arbytes = 0x82;
    c->idtr_base = AT(FREE), c->idtr_limit = 0x7ff;
    c->gdtr_base = AT(FREE) + 0x800, c->gdtr_limit = 23;
}

static s64 set_context(void)
{
    struct xen_domctl op = {.u.hvmcontext = {sizeof(context), (u64)&context}};
    return domctl(XEN_DOMCTL_sethvmcontext, dom, &op);
}

static void wait_for_end(void)
{
    for (u64 end = now() + 60000000000ull; !(state_of(dom) & XEN_DOMINF_shutdown);) {
        if (!fact(now() < end, "it does not end by itself", 0, 1, __LINE__))
            return;
        call2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
}

static void run(void)
{
    struct xen_domctl op = {0};
    context_of(AT(CODE));
    EQ(set_context(), 0);
    EQ(domctl(XEN_DOMCTL_unpausedomain, dom, &op), 0);
    wait_for_end();
}

static void end(void)
{
    struct xen_domctl op = {0};
    map(list, 0);
    map(data, 0);
    map(win, 0);
    EQ(domctl(XEN_DOMCTL_destroydomain, dom, &op), 0);
    EQ(state_of(dom), ~0u);
}

static u32 reason(void)
{
    return state_of(dom) >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
}

static void kinds(void)
{
    test("kinds");
    EQ(create_as(XEN_DOMCTL_CDF_hvm, XEN_X86_EMU_LAPIC), E_OPNOTSUPP); /* no shadow page tables */
    EQ(create_as(XEN_DOMCTL_CDF_hap, 0), E_OPNOTSUPP);
    EQ(create_as(XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap, XEN_X86_EMU_ALL), E_OPNOTSUPP);
    if (create()) {
        EQ(state_of(dom) & (XEN_DOMINF_hvm_guest | XEN_DOMINF_hap), XEN_DOMINF_hvm_guest | XEN_DOMINF_hap);
        end();
    }
}

static void calls(void)
{
    u32 features = 0;
    struct step steps[] = {{__HYPERVISOR_xen_version, {XENVER_version}},
                           {__HYPERVISOR_xen_version, {XENVER_get_features, AT(DATA)}},
                           {__HYPERVISOR_mmu_update, {0}},
                           {__HYPERVISOR_domctl, {0}},
                           {__HYPERVISOR_xen_version, {XENVER_get_features, AT(PAGES + 10)}},
                           {99, {0}},
                           {LIST_END}};
    test("calls");
    if (!create())
        return;
    furnish();
    memcpy(list, steps, sizeof(steps));
    data[511] = SHUTDOWN_poweroff;
    run();
    EQ(reason(), SHUTDOWN_poweroff);
    EQ(list[0].result, 4 << 16 | 17);
    EQ(list[1].result, 0);
    features = (u32)(data[0] >> 32);
    TRUE(features & 1u << XENFEAT_hvm_callback_vector);
    EQ(list[2].result, E_NOSYS);
    EQ((s64)list[3].result < 0, 1);
    EQ(list[4].result, E_FAULT);
    EQ(list[5].result, E_NOSYS);
    end();
}

/* --- what a guest may do to itself, and to nobody else --- */

#define EITHER (~0u) /* off, or crashed */
static const struct act {
    const char *name;
    u8 code[40];
    u32 reason;
} acts[] = {
    {"triple-fault", {0x0f, 0x0b}, SHUTDOWN_crash},
    {"cli-hlt", {0xfa, 0xf4}, SHUTDOWN_poweroff},
    {"run-hole", {0xb8, 0x00, 0x00, 0x10, 0x00, 0xff, 0xe0}, SHUTDOWN_crash},
    {"vmrun", {0x0f, 0x01, 0xd8}, SHUTDOWN_crash},
    {"vmsave", {0x0f, 0x01, 0xdb}, SHUTDOWN_crash},
    {"skinit", {0x0f, 0x01, 0xde}, SHUTDOWN_crash},
    {"wrmsr-hsave", {0xb9, 0x17, 0x01, 0x01, 0xc0, 0x0f, 0x30}, SHUTDOWN_crash},
    {"wrmsr-efer", {0xb9, 0x80, 0x00, 0x00, 0xc0, 0x31, 0xc0, 0xb4, 0x10, 0x31, 0xd2, 0x0f, 0x30}, SHUTDOWN_crash},
    {"paging-off", {0x31, 0xc0, 0x0f, 0x22, 0xc0, 0xfa, 0xf4}, EITHER}, /* some processors refuse that */
    {"cr3-hole", {0xb8, 0x00, 0x00, 0x00, 0x70, 0x0f, 0x22, 0xd8}, SHUTDOWN_crash},
    {"ins", {0xbf, 0x00, 0x30, 0x00, 0x00, 0x66, 0xba, 0x34, 0x12, 0xfc, 0x6c}, SHUTDOWN_crash},
    {"all-ports", /* in al, dx; out dx, al for each; outsb of more than there is; then the list, which ends at once */
     {0xb9, 0x00, 0x00, 0x01, 0x00, 0x31, 0xd2, 0xec, 0xee, 0xff, 0xc2, 0xe2, 0xfa, 0xb2, 0xe9, 0xbe, 0x00,
      0x30, 0x00, 0x00, 0x48, 0xc7, 0xc1, 0xff, 0xff, 0xff, 0x7f, 0xf3, 0x6e, 0xe9, 0x31, 0x00, 0x00, 0x00},
     SHUTDOWN_poweroff},
};

static void write_code(u64 page, const void *code, u64 bytes)
{
    EQ(show(win, AT(page) | RW_PAGE, dom), 0);
    memcpy(win, code, bytes);
    EQ(map(win, 0), 0);
}

static void alone(const struct act *a)
{
    test(a->name);
    if (!create())
        return;
    furnish();
    list[0].nr = LIST_END;
    data[511] = SHUTDOWN_poweroff;
    EQ(show(win, AT(CODE) | RW_PAGE, dom), 0);
    code_put(win + 0x53); /* where "all-ports" goes on */
    memcpy(win, a->code, sizeof(a->code));
    EQ(map(win, 0), 0);
    run();
    if (a->reason == EITHER)
        TRUE(reason() == SHUTDOWN_poweroff || reason() == SHUTDOWN_crash);
    else
        EQ(reason(), a->reason);
    end();
}

/* The second vCPU starts in real mode at FREE << 12 and turns there for ever; the first asks for that again and again,
 * as well as for all the rest that the command register has. */
static void second(void)
{
    static const u8 spin[] = {0xeb, 0xfe};
    static const u8 storm[] = {0xb9, 0x1b, 0x00, 0x00, 0x00,                         /* x2APIC */
                               0xb8, 0x00, 0x0d, 0xe0, 0xfe, 0x31, 0xd2, 0x0f, 0x30, /* the first vCPU's */
                               0xb9, 0x30, 0x08, 0x00, 0x00,                         /* ecx: ICR */
                               0xba, 0x02, 0x00, 0x00, 0x00,                         /* edx: APIC 2 */
                               0xbb, 0x00, 0x10, 0x00, 0x00,                         /* ebx: so often */
                               0xb8, 0x00, 0x05, 0x00, 0x00, 0x0f, 0x30,             /* INIT */
                               0xb8, FREE, 0x06, 0x00, 0x00, 0x0f, 0x30,             /* SIPI */
                               0x89, 0xd8, 0x25, 0xff, 0xfb, 0x0f, 0x00, 0x0f, 0x30, /* whatever, but no NMI */
                               0xff, 0xcb, 0x75, 0xe5,                               /* again */
                               0xe9, 0x16, 0x00, 0x00, 0x00};
    test("sipi-storm");
    if (!create())
        return;
    furnish();
    list[0].nr = LIST_END;
    data[511] = SHUTDOWN_poweroff;
    write_code(FREE, spin, sizeof(spin));
    EQ(show(win, AT(CODE) | RW_PAGE, dom), 0);
    code_put(win + 0x53);
    memcpy(win, storm, sizeof(storm));
    EQ(map(win, 0), 0);
    run();
    TRUE(reason() == SHUTDOWN_poweroff || reason() == SHUTDOWN_crash);
    end();
}

#include "apic.h"
#include "grants.h"
#include "narrow.h"
#include "holes.h"
#include "debug.h"
#include "large.h"

static void contexts(void)
{
    struct xen_domctl op = {0};
    test("contexts");
    if (!create())
        return;
    furnish();
    context_of(AT(CODE));
    context.cpu_at.instance = 2;
    EQ(set_context(), E_INVAL);
    context_of(AT(CODE));
    context.cpu_at.length--;
    EQ(set_context(), E_INVAL);
    context_of(AT(CODE));
    context.header_at.length = 0x7fffffff;
    EQ(set_context(), E_INVAL);
    context_of(AT(CODE));
    context.cpu.cr0 = 0x80000000; /* paging without protection, and 64-bit mode without PAE: nobody can run that */
    context.cpu.cr4 = 0;
    EQ(set_context(), 0);
    EQ(set_context(), E_EXIST);
    EQ(domctl(XEN_DOMCTL_unpausedomain, dom, &op), 0);
    wait_for_end();
    EQ(reason(), SHUTDOWN_crash);
    end();
}

static void numbers(void)
{
    u64 gfn[3] = {100, 200, 300};
    test("numbers");
    if (!create())
        return;
    EQ(memory(XENMEM_populate_physmap, dom, gfn, 3), 3);
    EQ(memory(XENMEM_decrease_reservation, dom, gfn + 1, 1), 1);
    EQ(memory(XENMEM_decrease_reservation, dom, gfn + 1, 1), 0); /* nothing there */
    gfn[1] = 1ull << 40;                                         /* no such number */
    EQ(memory(XENMEM_populate_physmap, dom, gfn + 1, 1), 0);
    gfn[1] = ~0ull;
    EQ(memory(XENMEM_populate_physmap, dom, gfn + 1, 1), 0);
    gfn[1] = 100; /* instead of what was there, which is given back with the domain */
    EQ(memory(XENMEM_populate_physmap, dom, gfn + 1, 1), 1);
    FAILS(show(win, 200 * PAGE | RW_PAGE, dom));
    EQ(show(win, 300 * PAGE | RW_PAGE, dom), 0);
    struct xen_add_to_physmap a = {.domid = (domid_t)dom, .space = XENMAPSPACE_shared_info, .gpfn = 7};
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a), 0);
    a.space = XENMAPSPACE_grant_table;
    a.gpfn = 8;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a), 0);
    a.idx = 1000;
    FAILS(call2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a));
    a.space = XENMAPSPACE_gmfn_foreign;
    FAILS(call2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a));
    end();
}

/* What it left in its registers, CR2 and debug registers among them, in the form that debuggers get. */
static void context_back(void)
{
    static const u8 code[] = {0xb8, 0x56, 0x34, 0x12, 0x00, 0x0f, 0x22, 0xd0,             /* cr2 = 0x123456 */
                              0xff, 0xc0, 0x0f, 0x23, 0xc0, 0xff, 0xc0, 0x0f, 0x23, 0xd8, /* dr0, dr3: one more each */
                              0xbb, 0x01, 0x04, 0x00, 0x00, 0x0f, 0x23, 0xfb,             /* dr7 = 0x401, from rbx */
                              0x0f, 0x0b};
    static struct vcpu_guest_context c;
    struct xen_domctl op = {.u.vcpucontext = {1, (u64)&c}};
    u64 size = sizeof(context);
    test("context-back");
    if (!create())
        return;
    furnish();
    write_code(CODE, code, sizeof(code));
    EQ(domctl(XEN_DOMCTL_getvcpucontext, dom, &op), E_NODATA); /* the second never ran */
    run();
    EQ(reason(), SHUTDOWN_crash);
    op.u.vcpucontext.vcpu = 0;
    EQ(domctl(XEN_DOMCTL_getvcpucontext, dom, &op), 0);
    EQ(c.user_regs.rip, AT(CODE) + sizeof(code) - 2);
    EQ(c.user_regs.rax, 0x123458);
    EQ(c.user_regs.rbx, 0x401);
    EQ(c.user_regs.cs, 8);
    EQ(c.user_regs.rsp, AT(DATA) + 0xf00);
    EQ(c.ctrlreg[2], 0x123456);
    EQ(c.ctrlreg[3], AT(L4));
    EQ(c.debugreg[0], 0x123457);
    EQ(c.debugreg[3], 0x123458);
    EQ(c.debugreg[7], 0x401);
    op = (struct xen_domctl){.u.hvmcontext = {(u32)size, (u64)&context}};
    context.cpu.dr0 = 0;
    EQ(domctl(XEN_DOMCTL_gethvmcontext, dom, &op), E_NOSPC); /* two vCPUs do not fit */
    struct xen_memory_domain m = {.domid = (domid_t)dom};
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_maximum_gpfn, &m), PAGES - 1);
    end();
}

/* Dead, but we hold a frame of it: nothing can be shown there any more, and nothing happens to Wirt. */
static void dead(void)
{
    struct xen_add_to_physmap a = {.space = XENMAPSPACE_shared_info, .gpfn = 7};
    struct xen_domctl op = {0};
    u64 gfn = 9;

    test("dead");
    if (!create())
        return;
    furnish();
    EQ(show(win, AT(FREE) | RW_PAGE, dom), 0);
    map(list, 0);
    map(data, 0);
    EQ(domctl(XEN_DOMCTL_destroydomain, dom, &op), 0);
    TRUE(state_of(dom) & XEN_DOMINF_dying);
    a.domid = (domid_t)dom;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a), E_SRCH);
    a.space = XENMAPSPACE_grant_table;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a), E_SRCH);
    FAILS(call2(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, &a));
    EQ(memory(XENMEM_populate_physmap, dom, &gfn, 1), 0);
    EQ(memory(XENMEM_decrease_reservation, dom, &gfn, 1), 0);
    EQ(map(win, 0), 0);
    EQ(state_of(dom), ~0u);
}

int main(void)
{
    u64 before, *mine = (u64 *)si->mfn_list;
    shared_init();
    test("room");
    EQ(memory(XENMEM_decrease_reservation, DOMID_SELF, mine + si->nr_pages - ROOM, ROOM), ROOM);
    list = page_new();
    data = page_new();
    win = page_new();
    stolen = page_new();
    EQ(map(stolen, 0), 0);
    EQ(map(list, 0) | map(data, 0) | map(win, 0), 0);
    if (is_case("none")) { /* this machine has no assistance */
        test("none");
        EQ(create_as(XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap, XEN_X86_EMU_LAPIC), E_OPNOTSUPP);
        finish();
    }
    grants_init();
    kinds();
    grants_from(); /* the first of each takes what stays: slabs, our own handles */
    before = free_now();
    if (is_case("apic")) {
        for (u32 i = 0; i < COUNT(apic_acts); i++)
            apic(i);
        for (u32 i = 0; i < COUNT(debugs); i++)
            debug(i);
        if (!is_qemu())
            recurs();
        last_bytes();
        context_back();
        grants_to(false);
        grants_to(true);
        grants_from();
    } else if (is_case("large")) {
        large();
    } else {
        calls();
        for (u32 i = 0; i < COUNT(narrow_modes); i++)
            narrow(i);
        numbers();
        contexts();
        for (u32 i = 0; i < COUNT(acts); i++)
            alone(&acts[i]);
        for (u32 i = 0; i < COUNT(holes); i++)
            hole(i);
        if (!is_case("one")) /* where nobody turns with interrupts off: one emulator lets no interrupt through then */
            second();
        dead();
    }
    test("leaks");
    EQ(free_now(), before);
    finish();
}

/* SPDX-License-Identifier: MIT */
/*
 * A domain's way from createdomain to its end (build.h): its pages are filled through one window of ours, its page
 * tables written as memory and only later pinned, its one vCPU started in its own address space. Windows on its list
 * and its data stay until it is left.
 */
#include "build.h"

u64 frame[PAGES];
u32 dom;
struct step *list;
u64 *data;
u8 *win;

/* Executes the list at VA(LIST). */
void guest_code(void), guest_code_end(void);
__asm__(".pushsection .text\n"
        "guest_code:\n"
        "4: mov $0x405000, %ebx\n"
        "1: mov (%rbx), %rax\n"
        "cmp $-1, %rax\n"
        "je 3f\n"
        "cmp $-2, %rax\n"
        "je 4b\n"
        "mov 8(%rbx), %rdi\n"
        "mov 16(%rbx), %rsi\n"
        "mov 24(%rbx), %rdx\n"
        "mov 32(%rbx), %r10\n"
        "mov 40(%rbx), %r8\n"
        "syscall\n"
        "mov %rax, 48(%rbx)\n"
        "add $64, %rbx\n"
        "jmp 1b\n"
        "3: mov $29, %eax\n" /* sched_op(shutdown) with the reason at the end of the data page */
        "mov $2, %edi\n"
        "mov $0x406ff8, %esi\n"
        "syscall\n"
        "jmp 3b\n"
        "guest_code_end:\n"
        ".popsection\n");

s64 destroy(u32 id)
{
    struct xen_domctl op = {0};
    return domctl(XEN_DOMCTL_destroydomain, id, &op);
}

s64 claim(u32 id, u64 count)
{
    return memory(XENMEM_claim_pages, id, NULL, count);
}

s64 pin_of(u32 id, u32 cmd, u64 m)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = m};
    return call4(__HYPERVISOR_mmuext_op, &op, 1, 0, id);
}

s64 write_table(u32 id, u64 table, u32 index, u64 entry, u32 frames_of)
{
    struct mmu_update u = {table << 12 | index * 8, entry};
    return call4(__HYPERVISOR_mmu_update, &u, 1, 0, (u64)(id + 1) << 16 | frames_of);
}

bool create(u64 most)
{
    struct xen_domctl op = {0};
    op.u.createdomain.max_vcpus = 1;
    op.u.createdomain.max_evtchn_port = 31;
    op.u.createdomain.max_grant_frames = 4;
    op.u.createdomain.max_maptrack_frames = 1;
    if (!fact_eq((u64)domctl(XEN_DOMCTL_createdomain, 0, &op), 0, "createdomain", __LINE__))
        return false;
    dom = op.domain;
    op = (struct xen_domctl){.u.max_mem.max_memkb = most * 4};
    EQ(domctl(XEN_DOMCTL_max_mem, dom, &op), 0);
    op = (struct xen_domctl){.u.max_vcpus.max = 1};
    EQ(domctl(XEN_DOMCTL_max_vcpus, dom, &op), 0);
    return true;
}

static u64 entry_of(u32 page)
{
    return frame[page] << 12 | (page <= L1 ? RO_PAGE : RW_PAGE) | PTE_US;
}

void furnish(void)
{
    for (u32 i = 0; i < PAGES; i++)
        frame[i] = i;
    EQ(memory(XENMEM_populate_physmap, dom, frame, PAGES), PAGES);
    for (u32 i = 0; i < PAGES; i++) {
        EQ(show(win, frame[i] << 12 | RW_PAGE, dom), 0);
        if (i == L4)
            ((u64 *)win)[0] = frame[L3] << 12 | TABLE;
        if (i == L3)
            ((u64 *)win)[0] = frame[L2] << 12 | TABLE;
        if (i == L2)
            ((u64 *)win)[BASE >> 21] = frame[L1] << 12 | TABLE;
        for (u32 k = 0; k < PAGES && i == L1; k++)
            ((u64 *)win)[k] = entry_of(k);
        if (i == CODE)
            memcpy(win, guest_code, (u64)guest_code_end - (u64)guest_code);
    }
    EQ(map(win, 0), 0);
    EQ(show(list, frame[LIST] << 12 | RW_PAGE, dom), 0);
    EQ(show(data, frame[DATA] << 12 | RW_PAGE, dom), 0);
}

void run(void)
{
    static struct vcpu_guest_context c;
    struct xen_domctl op = {.u.vcpucontext = {.ctxt = (u64)&c}};
    c = (struct vcpu_guest_context){.flags = VGCF_in_kernel | VGCF_online, .kernel_sp = VA(DATA) + PAGE};
    c.user_regs.rip = VA(CODE);
    c.user_regs.rsp = VA(DATA) + PAGE - 64;
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = FLAT_KERNEL_SS;
    c.ctrlreg[3] = frame[L4] << 12;
    EQ(domctl(XEN_DOMCTL_setvcpucontext, dom, &op), 0);
    op = (struct xen_domctl){0};
    EQ(domctl(XEN_DOMCTL_unpausedomain, dom, &op), 0);
}

void wait_for_end(void)
{
    for (u64 end = now() + 5000000000ull; !(state_of(dom) & XEN_DOMINF_shutdown);) {
        if (!fact(now() < end, "it does not end by itself", 0, 1, __LINE__))
            return;
        call2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
    EQ(state_of(dom) >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_poweroff);
}

void leave(void)
{
    map(list, 0);
    map(data, 0);
    map(win, 0);
}

void end(void)
{
    EQ(destroy(dom), 0);
    leave();
    EQ(state_of(dom), ~0u);
}

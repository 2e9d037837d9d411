/* SPDX-License-Identifier: MIT */
/*
 * A PV vCPU's state in and out of the processor: address spaces, segments, bases, descriptor windows, debug registers.
 * Owns the two L4 references of each vCPU. Loading may find that the guest's own descriptors no longer fit its
 * selectors: it then gets its failsafe callback, as the ABI says.
 */
#include "core/slab.h"
#include "hw/spec.h"
#include "lib/log.h"
#include "lib/string.h"
#include "pv/pv.h"

void (*pv_call_door)(struct regs *r);

void pv_vcpu_to_kernel(struct vcpu *v)
{
    v->pv.in_kernel = 1;
    __asm__ volatile("swapgs" ::: "memory");
    cpu_write_cr3(v->pv.kernel_cr3);
}

void pv_vcpu_to_user(struct vcpu *v)
{
    v->pv.in_kernel = 0;
    __asm__ volatile("swapgs" ::: "memory");
    cpu_write_cr3(v->pv.user_cr3);
}

void pv_vcpu_set_kernel_l4(struct vcpu *v, mfn_t l4)
{
    mfn_t old = v->pv.kernel_l4;
    v->pv.kernel_l4 = l4;
    v->pv.kernel_cr3 = l4.n << PAGE_SHIFT;
    if (v == vcpu_current_any())
        tlb_load_cr3(v->pv.kernel_cr3);
    if (old.n)
        page_put_as(frame_page_raw(old));
}

void pv_vcpu_set_user_l4(struct vcpu *v, mfn_t l4)
{
    mfn_t old = v->pv.user_l4;
    v->pv.user_l4 = l4;
    v->pv.user_cr3 = l4.n << PAGE_SHIFT;
    if (old.n)
        page_put_as(frame_page_raw(old));
}

#define LOAD_SELECTOR(reg, value, ok)                                                                                  \
    __asm__ volatile("1: mov %1, %%" #reg "\n"                                                                         \
                     "2:\n.pushsection .text.hot.spec, \"ax\"\n"                                                       \
                     "3: xorl %1, %1; movb $0, %0; jmp 1b\n.popsection\n" TRAP_FIX(1b, 3b)                             \
                     : "+m"(ok), "+r"(value)::"memory")

static void load_selectors(struct vcpu *v)
{
    bool ok = true;
    u32 ds = v->pv.ds, es = v->pv.es, fs = v->pv.fs, gs = v->pv.gs;
    LOAD_SELECTOR(ds, ds, ok);
    LOAD_SELECTOR(es, es, ok);
    LOAD_SELECTOR(fs, fs, ok);
    LOAD_SELECTOR(gs, gs, ok);
    if (!ok)
        v->pv.failsafe_due = true;
}

static void load(struct vcpu *v)
{
    spec_switch_vcpu(v->domain->serial);
    desc_load_gdt(v->pv.gdt, v->pv.gdt_count);
    desc_load_ldt(v->pv.ldt_entries);
    for (u32 m = v->pv.ldt_mapped; m; m &= m - 1)
        desc_map_ldt(bit_lowest(m), v->pv.ldt[bit_lowest(m)]);
    tlb_load_cr3(v->pv.in_kernel ? v->pv.kernel_cr3 : v->pv.user_cr3);
    load_selectors(v);
    cpu_wrmsr(MSR_FS_BASE, v->pv.fs_base);
    cpu_wrmsr(MSR_GS_BASE, v->pv.in_kernel ? v->pv.gs_base_kernel : v->pv.gs_base_user);
    cpu_wrmsr(MSR_KERNEL_GS_BASE, v->pv.in_kernel ? v->pv.gs_base_user : v->pv.gs_base_kernel);
    pv_misc_load_debug(v);
    if (v->pv.ctrl0_ts)
        cpu_write_cr0(cpu_read_cr0() | CR0_TS);
}

static void unload(struct vcpu *v)
{
    u64 active = cpu_rdmsr(MSR_GS_BASE), other = cpu_rdmsr(MSR_KERNEL_GS_BASE);
    __asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
                     : "=m"(v->pv.ds), "=m"(v->pv.es), "=m"(v->pv.fs), "=m"(v->pv.gs));
    v->pv.fs_base = cpu_rdmsr(MSR_FS_BASE);
    v->pv.gs_base_kernel = v->pv.in_kernel ? active : other;
    v->pv.gs_base_user = v->pv.in_kernel ? other : active;
    u32 zero = 0; /* the next vCPU's descriptors may not fit these selectors */
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(zero));
    if (v->pv.debugreg[7] & 0xff)
        cpu_write_dr7(0x400);
    __asm__ volatile("clts");
}

static __noreturn void enter(struct vcpu *v)
{
    if (unlikely(v->pv.failsafe_due)) {
        v->pv.failsafe_due = false;
        pv_trap_failsafe(v, cpu_guest_regs());
    }
    pv_enter_guest();
}

static void write_runstate(struct vcpu *v)
{
    struct vcpu_runstate_info out;
    bool was_in_kernel = v->pv.in_kernel;
    vcpu_runstate_here(v, &out);
    if (!was_in_kernel)
        cpu_write_cr3(v->pv.kernel_cr3);
    u64 at = out.state_entry_time;
    bool has_flag = v->domain->vm_assist & BIT(VMASST_TYPE_runstate_update_flag);
    guest_ptr entry_field = guest_at(v->runstate_va + offsetof(struct vcpu_runstate_info, state_entry_time));
    bool ok = true;
    if (has_flag) {
        out.state_entry_time = at | XEN_RUNSTATE_UPDATE;
        ok = guest_put(entry_field, &out.state_entry_time);
        barrier();
    }
    ok = ok && guest_put(guest_at(v->runstate_va), &out);
    barrier();
    if (has_flag && ok)
        ok = guest_put(entry_field, &at);
    if (!ok)
        v->runstate_va = 0; /* unmapped by its owner: it will register again if it cares */
    if (!was_in_kernel)
        cpu_write_cr3(v->pv.user_cr3);
}

static int create(struct vcpu *v)
{
    v->pv.in_kernel = 1;
    v->pv.debugreg[6] = 0xffff0ff0;
    v->pv.debugreg[7] = 0x400;
    return 0;
}

static const struct vcpu_ops ops = {
    .create = create, .load = load, .unload = unload, .enter = enter, .write_runstate = write_runstate};
static const struct domain_ops ops_of_domain = {.vcpu = &ops, .grant = &pv_grant_ops, .relinquish = pv_teardown};

static bool context_ok(const struct vcpu_guest_context *c)
{
    for (u32 i = 0; i < VCPU_TRAPS; i++)
        if (c->trap_ctxt[i].address && !pv_trap_rip_ok(c->trap_ctxt[i].address))
            return false;
    return (!c->event_callback_eip || pv_trap_rip_ok(c->event_callback_eip)) &&
           (!c->failsafe_callback_eip || pv_trap_rip_ok(c->failsafe_callback_eip)) &&
           (!c->syscall_callback_eip || pv_trap_rip_ok(c->syscall_callback_eip)) &&
           (!c->kernel_sp || pv_misc_stack_ok(c->kernel_sp)) && c->gdt_ents <= GDT_RESERVED_PAGE * 512 &&
           pv_is_canonical(c->user_regs.rip) && pv_is_canonical(c->fs_base) && pv_is_canonical(c->gs_base_kernel) &&
           pv_is_canonical(c->gs_base_user);
}

static void copy_regs(struct vcpu *v, const struct cpu_user_regs *u)
{
    struct regs *r = &v->regs;
    *r = (struct regs){.r15 = u->r15,
                       .r14 = u->r14,
                       .r13 = u->r13,
                       .r12 = u->r12,
                       .rbp = u->rbp,
                       .rbx = u->rbx,
                       .r11 = u->r11,
                       .r10 = u->r10,
                       .r9 = u->r9,
                       .r8 = u->r8,
                       .rax = u->rax,
                       .rcx = u->rcx,
                       .rdx = u->rdx,
                       .rsi = u->rsi,
                       .rdi = u->rdi,
                       .rip = u->rip,
                       .rsp = u->rsp};
    r->cs = u->cs | 3u;
    r->ss = u->ss | 3u;
    r->rflags = (u->rflags & 0x244dd5) | RFLAGS_IF | RFLAGS_MBS;
    v->pv.iopl = (u8)(u->rflags >> 12 & 3);
    v->pv.ds = u->ds & ~3u ? u->ds | 3u : 0;
    v->pv.es = u->es & ~3u ? u->es | 3u : 0;
    v->pv.fs = u->fs & ~3u ? u->fs | 3u : 0;
    v->pv.gs = u->gs & ~3u ? u->gs | 3u : 0;
}

static void copy_callbacks(struct vcpu *v, const struct vcpu_guest_context *c)
{
    for (u32 i = 0; i < VCPU_TRAPS; i++)
        v->pv.trap[c->trap_ctxt[i].vector] =
            (struct pv_trap){c->trap_ctxt[i].address, c->trap_ctxt[i].cs, c->trap_ctxt[i].flags};
    v->pv.event_rip = c->event_callback_eip;
    v->pv.failsafe_rip = c->failsafe_callback_eip;
    v->pv.syscall_rip = c->syscall_callback_eip;
    v->pv.failsafe_masks = (c->flags & VGCF_failsafe_disables_events) != 0;
    v->pv.syscall_masks = (c->flags & VGCF_syscall_disables_events) != 0;
    pv_misc_set_stack(v, c->kernel_ss, c->kernel_sp);
    v->pv.fs_base = c->fs_base;
    v->pv.gs_base_kernel = c->gs_base_kernel;
    v->pv.gs_base_user = c->gs_base_user;
}

int pv_vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c)
{
    mfn_t kernel, user = mfn(0);
    if (!context_ok(c)) {
        domain_log(v->domain, "vCPU %u: initial context has an address that is not the guest's to use", v->id);
        return -EINVAL;
    }
    int rc = pv_mmuext_take_l4(v, c->ctrlreg[3] >> PAGE_SHIFT, &kernel);
    if (rc)
        return rc;
    if (c->ctrlreg[1])
        rc = pv_mmuext_take_l4(v, c->ctrlreg[1] >> PAGE_SHIFT, &user);
    if (rc == 0)
        rc = pv_desc_set_gdt(v, c->gdt_frames, (u32)c->gdt_ents);
    if (rc) {
        page_put_as(frame_page_raw(kernel));
        if (user.n)
            page_put_as(frame_page_raw(user));
        return rc;
    }
    pv_vcpu_set_kernel_l4(v, kernel);
    pv_vcpu_set_user_l4(v, user);
    copy_regs(v, &c->user_regs);
    copy_callbacks(v, c);
    v->pv.in_kernel = (c->flags & VGCF_in_kernel) || !user.n;
    v->is_initialised = true;
    return 0;
}

static void regs_context(const struct vcpu *v, struct cpu_user_regs *u)
{
    const struct regs *r = &v->regs;
    *u = (struct cpu_user_regs){.r15 = r->r15,
                                .r14 = r->r14,
                                .r13 = r->r13,
                                .r12 = r->r12,
                                .rbp = r->rbp,
                                .rbx = r->rbx,
                                .r11 = r->r11,
                                .r10 = r->r10,
                                .r9 = r->r9,
                                .r8 = r->r8,
                                .rax = r->rax,
                                .rcx = r->rcx,
                                .rdx = r->rdx,
                                .rsi = r->rsi,
                                .rdi = r->rdi,
                                .rip = r->rip,
                                .cs = (u16)r->cs,
                                .saved_upcall_mask = v->info->evtchn_upcall_mask,
                                .rflags = r->rflags | (u64)v->pv.iopl << 12,
                                .rsp = r->rsp,
                                .ss = (u16)r->ss,
                                .es = v->pv.es,
                                .ds = v->pv.ds,
                                .fs = v->pv.fs,
                                .gs = v->pv.gs};
}

void pv_vcpu_context(const struct vcpu *v, struct vcpu_guest_context *c)
{
    const struct pv_vcpu *pv = &v->pv;
    memset(c, 0, sizeof(*c));
    memcpy(&c->fpu_ctxt, v->fpu, sizeof(c->fpu_ctxt));
    c->flags = VGCF_i387_valid | (pv->in_kernel ? VGCF_in_kernel : 0) | (v->is_up ? VGCF_online : 0) |
               (pv->failsafe_masks ? VGCF_failsafe_disables_events : 0) |
               (pv->syscall_masks ? VGCF_syscall_disables_events : 0);
    regs_context(v, &c->user_regs);
    for (u32 i = 0; i < VCPU_TRAPS; i++)
        c->trap_ctxt[i] = (struct trap_info){(u8)i, pv->trap[i].flags, pv->trap[i].cs, pv->trap[i].rip};
    c->ldt_base = pv->ldt_base;
    c->ldt_ents = pv->ldt_entries;
    for (u32 i = 0; i < pv->gdt_count; i++)
        c->gdt_frames[i] = pv->gdt[i].n;
    c->gdt_ents = pv->gdt_count * 512;
    c->kernel_ss = pv->kernel_ss;
    c->kernel_sp = pv->kernel_sp;
    c->ctrlreg[0] = 0x80050033 | (pv->ctrl0_ts ? CR0_TS : 0);
    c->ctrlreg[1] = xen_pfn_to_cr3(pv->user_l4.n);
    c->ctrlreg[3] = xen_pfn_to_cr3(pv->kernel_l4.n);
    memcpy(c->debugreg, pv->debugreg, sizeof(c->debugreg));
    c->event_callback_eip = pv->event_rip;
    c->failsafe_callback_eip = pv->failsafe_rip;
    c->syscall_callback_eip = pv->syscall_rip;
    c->vm_assist = v->domain->vm_assist;
    c->fs_base = pv->fs_base;
    c->gs_base_kernel = pv->gs_base_kernel;
    c->gs_base_user = pv->gs_base_user;
}

__init void pv_vcpu_init(void)
{
    domain_kind[DOMAIN_PV] = &ops_of_domain;
    trap_hooks.guest_entry = pv_trap_entry;
    trap_hooks.guest_return = pv_exit;
    trap_hooks.guest_page_fault = pv_page_fault_entry;
    pv_types_init();
    pv_pte_init();
}

void pv_vcpu_init_this(void)
{
    desc_set_syscall(pv_syscall_entry, pv_syscall32_entry);
}

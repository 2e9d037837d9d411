/* SPDX-License-Identifier: MIT */
/*
 * The small hypercalls of a PV kernel: trap table, callbacks, kernel stack, segment bases, FPU switch, debug registers.
 * Addresses that Wirt will jump to or push at are checked when they are registered, so that the paths which use them
 * need not look again.
 */
#include "pv/pv.h"
#include "public/callback.h"

s64 pv_set_trap_table(const struct call_args *a)
{
    struct vcpu *v = vcpu_current();
    struct trap_info t;
    if (a->a[0] == 0) {
        for (u32 i = 0; i < VCPU_TRAPS; i++)
            v->pv.trap[i].rip = 0;
        return 0;
    }
    for (u32 i = 0; i <= VCPU_TRAPS; i++) {
        if (!guest_get_at(&t, guest_at(a->a[0]), i))
            return -EFAULT;
        if (t.address == 0)
            return 0;
        if (!pv_trap_rip_ok(t.address))
            return -EINVAL;
        v->pv.trap[t.vector] = (struct pv_trap){t.address, t.cs, t.flags};
    }
    return -EINVAL; /* no end in sight */
}

static s64 callback_set(struct vcpu *v, u32 type, u32 flags, u64 rip)
{
    u8 masks = flags & CALLBACKF_mask_events ? 1 : 0;
    if (rip && !pv_trap_rip_ok(rip))
        return -EINVAL;
    switch (type) {
    case CALLBACKTYPE_event:
        v->pv.event_rip = rip;
        return 0;
    case CALLBACKTYPE_failsafe:
        v->pv.failsafe_rip = rip;
        v->pv.failsafe_masks = masks;
        return 0;
    case CALLBACKTYPE_syscall:
        v->pv.syscall_rip = rip;
        v->pv.syscall_masks = masks;
        return 0;
    case CALLBACKTYPE_nmi:
        v->pv.trap[TRAP_NMI] = (struct pv_trap){.rip = rip}; /* or by set_trap_table, as Linux does */
        return 0;
    default:
        return -ENOSYS; /* sysenter, syscall32: 32-bit programs use int 0x80 */
    }
}

s64 pv_callback_op(const struct call_args *a)
{
    struct vcpu *v = vcpu_current();
    if (a->a[0] == CALLBACKOP_register) {
        struct callback_register c;
        return guest_get(&c, guest_at(a->a[1])) ? callback_set(v, c.type, c.flags, c.address) : -EFAULT;
    }
    if (a->a[0] == CALLBACKOP_unregister) {
        struct callback_unregister c;
        return guest_get(&c, guest_at(a->a[1])) ? callback_set(v, c.type, 0, 0) : -EFAULT;
    }
    return -ENOSYS;
}

s64 pv_set_callbacks(const struct call_args *a)
{
    struct vcpu *v = vcpu_current();
    for (u32 i = 0; i < 3; i++)
        if (a->a[i] && !pv_trap_rip_ok(a->a[i]))
            return -EINVAL;
    (void)callback_set(v, CALLBACKTYPE_event, 0, a->a[0]);
    (void)callback_set(v, CALLBACKTYPE_failsafe, 0, a->a[1]);
    (void)callback_set(v, CALLBACKTYPE_syscall, 0, a->a[2]);
    return 0;
}

void pv_misc_set_stack(struct vcpu *v, u64 ss, u64 sp)
{
    v->pv.kernel_ss = (u32)ss;
    v->pv.kernel_sp = sp & ~15ull;
    v->pv.syscall_sp = v->pv.kernel_sp - 56;
}

s64 pv_stack_switch(const struct call_args *a)
{
    if (!pv_misc_stack_ok(a->a[1]))
        return -EINVAL;
    pv_misc_set_stack(vcpu_current(), a->a[0], a->a[1]);
    return 0;
}

/* Load a selector into GS of the inactive (program's) side: SWAPGS around it keeps the kernel's base. */
static void load_user_gs(u16 selector)
{
    u32 s = selector & ~3u ? selector | 3u : 0;
    __asm__ volatile("swapgs\n"
                     "1: mov %0, %%gs\n"
                     "2: swapgs\n"
                     ".pushsection .text.hot.spec, \"ax\"\n"
                     "3: xorl %0, %0; jmp 1b\n"
                     ".popsection\n" TRAP_FIX(1b, 3b)
                     : "+r"(s)
                     :
                     : "memory");
}

s64 pv_set_segment_base(const struct call_args *a)
{
    u64 base = a->a[1];
    struct vcpu *v = vcpu_current();
    if (a->a[0] == SEGBASE_GS_USER_SEL) {
        cpu_irq_disable(); /* an NMI may come, but no vCPU switch, while GS is the other one */
        load_user_gs((u16)base);
        cpu_irq_enable();
        return 0;
    }
    if (!pv_is_canonical(base))
        return -EINVAL;
    switch (a->a[0]) {
    case SEGBASE_FS:
        cpu_wrmsr(MSR_FS_BASE, base);
        return 0;
    case SEGBASE_GS_USER:
        cpu_wrmsr(MSR_KERNEL_GS_BASE, base);
        return 0;
    case SEGBASE_GS_KERNEL:
        cpu_wrmsr(MSR_GS_BASE, base);
        v->pv.gs_base_kernel = base;
        return 0;
    default:
        return -EINVAL;
    }
}

s64 pv_fpu_taskswitch(const struct call_args *a)
{
    struct vcpu *v = vcpu_current();
    v->pv.ctrl0_ts = a->a[0] != 0;
    if (a->a[0])
        cpu_write_cr0(cpu_read_cr0() | CR0_TS);
    else
        __asm__ volatile("clts");
    return 0;
}

void pv_misc_load_debug(struct vcpu *v)
{
    if (v->pv.debugreg[7] & 0xff) {
        cpu_write_dr0(v->pv.debugreg[0]);
        cpu_write_dr1(v->pv.debugreg[1]);
        cpu_write_dr2(v->pv.debugreg[2]);
        cpu_write_dr3(v->pv.debugreg[3]);
    }
    cpu_write_dr7(v->pv.debugreg[7]);
}

s64 pv_misc_set_debug(struct vcpu *v, u64 n, u64 value)
{
    switch (n) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (!guest_range_ok(value, 8)) /* a breakpoint in Wirt's range would fire in Wirt */
            return -EPERM;
        break;
    case 6:
        value = (value & 0xe00f) | 0xffff0ff0;
        break;
    case 7:
        if (value >> 32 || value & BIT(13)) /* general detect would trap our own accesses */
            return -EPERM;
        for (u32 i = 0; i < 4; i++)
            if ((value >> (16 + 4 * i) & 3) == 2)
                return -EPERM; /* I/O breakpoints are not offered */
        value = (value & 0xffff03ff) | 0x400;
        break;
    default:
        return -EINVAL;
    }
    v->pv.debugreg[n] = value;
    if (n == 6)
        cpu_write_dr6(value);
    else
        pv_misc_load_debug(v);
    return 0;
}

s64 pv_set_debugreg(const struct call_args *a)
{
    return pv_misc_set_debug(vcpu_current(), a->a[0], a->a[1]);
}

s64 pv_get_debugreg(const struct call_args *a)
{
    u64 n = a->a[0];
    if (n > 7 || n == 4 || n == 5)
        return -EINVAL;
    return (s64)vcpu_current()->pv.debugreg[n];
}

/* SPDX-License-Identifier: MIT */
/*
 * Numbers that pv/entry.S needs of C structures. Never linked: it is compiled to assembler only, and the Makefile turns
 * each "->" line of that into a #define of offsets.h.
 */
#include "dom/vcpu.h"
#include "hw/percpu.h"
#include "hw/trap.h"

#define OUT(name, value) __asm__ volatile("\n-> " #name " %0" : : "i"(value))
void offsets(void);
void offsets(void)
{
    OUT(CI_UNIT, offsetof(struct cpu_info, unit));
    OUT(CI_WORK, offsetof(struct cpu_info, work));
    OUT(CI_SCRATCH, offsetof(struct cpu_info, scratch));
    OUT(CI_EXIT_FLAGS, offsetof(struct cpu_info, exit_flags));
    OUT(CI_HOST_CONTROL, offsetof(struct cpu_info, host_control));
    OUT(CI_SIZE, sizeof(struct cpu_info));
    OUT(V_INFO, offsetof(struct vcpu, info));
    OUT(V_KERNEL_CR3, offsetof(struct vcpu, pv.kernel_cr3));
    OUT(V_USER_CR3, offsetof(struct vcpu, pv.user_cr3));
    OUT(V_SYSCALL_SP, offsetof(struct vcpu, pv.syscall_sp));
    OUT(V_SYSCALL_RIP, offsetof(struct vcpu, pv.syscall_rip));
    OUT(V_IN_KERNEL, offsetof(struct vcpu, pv.in_kernel));
    OUT(V_SYSCALL_MASKS, offsetof(struct vcpu, pv.syscall_masks));
    OUT(V_MUST_LOOK, offsetof(struct vcpu, pv.must_look));
    OUT(V_PF_RIP, offsetof(struct vcpu, pv.trap[TRAP_PF].rip));
    OUT(V_PF_FLAGS, offsetof(struct vcpu, pv.trap[TRAP_PF].flags));
    OUT(R_ERROR, offsetof(struct regs, error));
    OUT(R_VECTOR, offsetof(struct regs, vector));
    OUT(R_RIP, offsetof(struct regs, rip));
    OUT(R_CS, offsetof(struct regs, cs));
    OUT(R_RFLAGS, offsetof(struct regs, rflags));
    OUT(R_RSP, offsetof(struct regs, rsp));
    OUT(R_SIZE, sizeof(struct regs));
}

/* SPDX-License-Identifier: MIT */
/*
 * The instructions that make a control structure current, read and write its fields, and its fields by name for when
 * the processor refuses it. A field that cannot be written is a defect here, told once by number.
 */
#include "hvm/vmx.h"
#include "lib/fmt.h"
#include "lib/log.h"

u64 vmcs_read(u32 field)
{
    u64 value = 0;

    __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"((u64)field) : "cc");
    return value;
}

void vmcs_write(u32 field, u64 value)
{
    static bool is_told;
    bool is_bad;

    __asm__ volatile("vmwrite %2, %1; setna %0" : "=q"(is_bad) : "r"((u64)field), "r"(value) : "cc");
    if (unlikely(is_bad && !is_told)) {
        is_told = true;
        log_error("VMX: field 0x%x cannot be written (error %lu)", field, vmcs_read(VMCS_INSTRUCTION_ERROR));
    }
}

void vmcs_load(paddr_t at)
{
    __asm__ volatile("vmptrld %0" : : "m"(at.a) : "cc", "memory");
}

void vmcs_clear(paddr_t at)
{
    __asm__ volatile("vmclear %0" : : "m"(at.a) : "cc", "memory");
}

static const struct {
    u32 field;
    const char *name;
} field[] = {
    {VMCS_PIN, "pin"},
    {VMCS_PROC, "proc"},
    {VMCS_PROC2, "proc2"},
    {VMCS_EXIT, "exit"},
    {VMCS_ENTRY, "entry"},
    {VMCS_ENTRY_EVENT, "event"},
    {VMCS_EPT_ROOT, "ept"},
    {VMCS_REASON, "reason"},
    {VMCS_QUALIFICATION, "qualification"},
    {VMCS_VECTORING, "vectoring"},
    {GUEST_CR0, "cr0"},
    {GUEST_CR3, "cr3"},
    {GUEST_CR4, "cr4"},
    {VMCS_CR0_SHOWN, "cr0-shown"},
    {VMCS_CR4_SHOWN, "cr4-shown"},
    {GUEST_EFER, "efer"},
    {GUEST_PAT, "pat"},
    {GUEST_DR7, "dr7"},
    {GUEST_DEBUGCTL, "debugctl"},
    {GUEST_RFLAGS, "rflags"},
    {GUEST_RIP, "rip"},
    {GUEST_RSP, "rsp"},
    {GUEST_SHADOW, "shadow"},
    {GUEST_ACTIVITY, "activity"},
    {GUEST_PENDING, "pending"},
    {GUEST_LINK, "link"},
    {GUEST_SYSENTER_ESP, "sysenter-esp"},
    {GUEST_SYSENTER_EIP, "sysenter-eip"},
    {GUEST_LIMIT(SEG_GDTR), "gdtr-limit"},
    {GUEST_BASE(SEG_GDTR), "gdtr-base"},
    {GUEST_LIMIT(SEG_IDTR), "idtr-limit"},
    {GUEST_BASE(SEG_IDTR), "idtr-base"},
    {HOST_CR0, "host-cr0"},
    {HOST_CR3, "host-cr3"},
    {HOST_CR4, "host-cr4"},
    {HOST_RSP, "host-rsp"},
    {HOST_RIP, "host-rip"},
    {HOST_TR_BASE, "host-tr-base"},
};

void vmcs_dump(const struct vcpu *v)
{
    static const char segment[][5] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};
    char line[160];
    u32 at = 0;

    for (u32 i = 0; i < ARRAY_COUNT(field); i++) {
        at += (u32)fmt(line + at, sizeof(line) - at, " %s %lx", field[i].name, vmcs_read(field[i].field));
        if (at > 80 || i == ARRAY_COUNT(field) - 1) {
            log_error("%s:%s", v->name, line);
            at = 0;
        }
    }
    for (u32 i = 0; i < ARRAY_COUNT(segment); i++)
        log_error("%s: %s selector %lx rights %lx limit %lx base %lx", v->name, segment[i],
                  vmcs_read(GUEST_SELECTOR(i)), vmcs_read(GUEST_RIGHTS(i)), vmcs_read(GUEST_LIMIT(i)),
                  vmcs_read(GUEST_BASE(i)));
}

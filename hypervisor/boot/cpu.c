/* SPDX-License-Identifier: MIT */
/*
 * What this CPU can do, and the control registers that every CPU runs with. Read once on CPU 0; a must-have that is
 * missing ends the boot by name. SMAP stays off: PV guests' pages are user pages that Wirt copies from by the
 * exception table, and QEMU's emulator faults a ring-3 IRET under SMAP. SMEP and NX are used where present.
 */
#include "boot/boot.h"
#include "boot/bringup.h"
#include "hw/fpu.h"
#include "dom/cpuid.h"
#include "lib/log.h"
#include "lib/string.h"

#define XHEADER_END 576u

static __initdata u64 cr4_guest;

static __init void read_words(void)
{
    struct cpuid l1 = cpuid(1, 0), e1 = cpuid(0x80000001, 0);
    cpu_desc.word[CPU_1D] = l1.edx;
    cpu_desc.word[CPU_1C] = l1.ecx;
    cpu_desc.word[CPU_E1D] = e1.edx;
    cpu_desc.word[CPU_E1C] = e1.ecx;
    if (cpu_desc.max_leaf >= 7) {
        struct cpuid l7 = cpuid(7, 0);
        cpu_desc.word[CPU_7B] = l7.ebx;
        cpu_desc.word[CPU_7C] = l7.ecx;
        cpu_desc.word[CPU_7D] = l7.edx;
    }
    if (cpu_desc.max_leaf >= 0xd)
        cpu_desc.word[CPU_D1A] = cpuid(0xd, 1).eax;
    if (cpu_desc.max_ext >= 0x80000007)
        cpu_desc.word[CPU_E7D] = cpuid(0x80000007, 0).edx;
    cpu_desc.phys_bits = 36;
    if (cpu_desc.max_ext >= 0x80000008) {
        struct cpuid l8 = cpuid(0x80000008, 0);
        cpu_desc.word[CPU_E8B] = l8.ebx;
        cpu_desc.phys_bits = l8.eax & 0xff;
    }
}

static __init void read_names(const struct cpuid *l0, u32 signature)
{
    cpu_desc.family = bits_get(signature, 8, 4) & 0xf;
    if (cpu_desc.family == 15)
        cpu_desc.family += (u32)bits_get(signature, 20, 8);
    cpu_desc.model = (u32)(bits_get(signature, 4, 4) | bits_get(signature, 16, 4) << 4);
    cpu_desc.stepping = signature & 0xf;
    cpu_desc.vendor = l0->ebx == 0x756e6547 ? CPU_INTEL : CPU_OTHER; /* "Genu" */
    if (l0->ebx == 0x68747541 || l0->ebx == 0x6f677948)              /* "Auth", "Hygo" */
        cpu_desc.vendor = CPU_AMD;
    if (cpu_desc.max_ext >= 0x80000004)
        for (u32 i = 0; i < 3; i++) {
            struct cpuid b = cpuid(0x80000002 + i, 0);
            memcpy(cpu_desc.brand + i * 16, &b, 16);
        }
}

static __init void need(u32 feature, const char *name)
{
    if (!cpu_has(feature))
        boot_fail("CPU \"%s\" has no %s, which Wirt needs. Choose another CPU model or enable it in firmware.",
                  cpu_desc.brand[0] ? cpu_desc.brand : "?", name);
}

__init void cpu_init(void)
{
    struct cpuid l0 = cpuid(0, 0);
    cpu_desc.max_leaf = l0.eax;
    cpu_desc.max_ext = cpuid(0x80000000, 0).eax;
    read_words();
    if (!boot_options.has_smep) /* as if the processor had none */
        cpu_desc.word[CPU_F_SMEP / 32] &= ~(1u << CPU_F_SMEP % 32);
    if (!boot_options.has_xsave)
        cpu_desc.word[CPU_F_XSAVE / 32] &= ~(1u << CPU_F_XSAVE % 32);
    read_names(&l0, cpuid(1, 0).eax);
    if (cpu_has(CPU_F_HYPERVISOR)) {
        struct cpuid h = cpuid(0x40000000, 0);
        cpu_desc.is_tcg = h.ebx == 0x54474354 && h.ecx == 0x43544743; /* "TCGTCGTCGTCG" */
    }
    cr4_guest = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE;
    if (cpu_has(CPU_F_SMEP))
        cr4_guest |= CR4_SMEP;
    if (cpu_has(CPU_F_XSAVE))
        cr4_guest |= CR4_OSXSAVE;
    need(CPU_F_LM, "long mode (64-bit)");
    need(CPU_F_NX, "NX (no-execute pages)");
    need(CPU_F_SYSCALL, "SYSCALL");
    need(CPU_F_CX16, "CMPXCHG16B");
    need(CPU_F_FXSR, "FXSR (SSE state)");
    need(CPU_F_PGE, "PGE (global pages)");
    need(CPU_F_APIC, "local APIC");
    log_info("CPU: %s, family 0x%x model 0x%x, %u physical bits%s", cpu_desc.brand, cpu_desc.family, cpu_desc.model,
             cpu_desc.phys_bits, cpu_desc.is_tcg ? ", emulated by QEMU TCG" : "");
}

/* in force here; 0 = not known */

__init void cpu_init_fpu(void)
{
    u64 allowed = 0;
    u32 size = 512;
    if (cpu_has(CPU_F_XSAVE)) {
        struct cpuid r = cpuid(0xd, 0);
        allowed = r.eax & (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512);
        if ((allowed & XCR0_AVX512) != XCR0_AVX512 || !(allowed & XCR0_AVX))
            allowed &= ~(u64)XCR0_AVX512;
        size = XHEADER_END;
        for (u32 i = 2; i < 8; i++) {
            struct cpuid part = cpuid(0xd, i);
            if (allowed & BIT(i))
                size = max(size, part.ebx + part.eax);
        }
        size = round_up(size, 64u);
    }
    fpu_start(allowed, size);
    cpuid_init();
    log_info("FPU: %s, %u bytes a vCPU, XCR0 0x%llx",
             !allowed                  ? "FXSAVE"
             : cpu_has(CPU_F_XSAVEOPT) ? "XSAVEOPT"
                                       : "XSAVE",
             size, (unsigned long long)allowed);
}

__init void cpu_init_this(void)
{
    cpu_write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
    cpu_write_cr4(cr4_guest);
    cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    cpu_wrmsr(MSR_PAT, PAT_VALUE);
    __asm__ volatile("fninit");
    if (fpu_xcr0_allowed())
        fpu_set_xcr0(fpu_xcr0_allowed());
}

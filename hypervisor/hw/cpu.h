/* SPDX-License-Identifier: MIT */
/*
 * Instructions as functions, control-register and MSR numbers, and what this CPU
 * can do. Feature words are read once, on CPU 0; cpu_rdmsr_safe() survives a #GP
 * through the exception table.
 */
#ifndef WIRT_HW_CPU_H
#define WIRT_HW_CPU_H

#include "lib/bits.h"
#include "lib/types.h"

#define CR0_PE         BIT(0)
#define CR0_MP         BIT(1)
#define CR0_TS         BIT(3)
#define CR0_ET         BIT(4)
#define CR0_NE         BIT(5)
#define CR0_WP         BIT(16)
#define CR0_AM         BIT(18)
#define CR0_PG         BIT(31)
#define CR4_TSD        BIT(2)
#define CR4_DE         BIT(3)
#define CR4_PSE        BIT(4)
#define CR4_PAE        BIT(5)
#define CR4_MCE        BIT(6)
#define CR4_PGE        BIT(7)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)

/* What of DR6 and DR7 can be written, and what is always set. */
#define DR6_BITS    0xe00fu
#define DR6_FIXED   0xffff0ff0u
#define DR6_STEP    BIT(14)
#define DR7_GUARD   BIT(13)
#define DR7_BITS    0xffff23ffu
#define DR7_FIXED   0x400u
#define DR7_ENABLED 0xffu

#define MSR_TSC            0x10u
#define MSR_APIC_BASE      0x1bu
#define MSR_SPEC_CTRL      0x48u
#define MSR_PRED_CMD       0x49u
#define MSR_UCODE_REV      0x8bu
#define MSR_MCG_CAP        0x179u
#define MSR_PAT            0x277u
#define MSR_TSC_DEADLINE   0x6e0u
#define MSR_X2APIC_BASE    0x800u
#define MSR_EFER           0xc0000080u
#define MSR_SYSENTER_CS    0x174u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_SFMASK         0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define EFER_SCE           BIT(0)
#define EFER_LME           BIT(8)
#define EFER_LMA           BIT(10)
#define EFER_NXE           BIT(11)
/* WB WT UC- UC WC WP UC UC: the value guests read, and the one in force */
#define PAT_VALUE 0x050100070406ull

struct cpuid {
    u32 eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(sub));
    return r;
}

/* Feature words: index = word, bit = bit. CPU_F(word, bit). */
enum cpu_word { CPU_1D, CPU_1C, CPU_E1D, CPU_E1C, CPU_7B, CPU_7C, CPU_7D, CPU_D1A, CPU_E7D, CPU_E8B, CPU_WORD_COUNT };
#define CPU_F(w, b)      ((w)*32u + (b))
#define CPU_F_APIC       CPU_F(CPU_1D, 9)
#define CPU_F_PGE        CPU_F(CPU_1D, 13)
#define CPU_F_FXSR       CPU_F(CPU_1D, 24)
#define CPU_F_X2APIC     CPU_F(CPU_1C, 21)
#define CPU_F_TSC_DL     CPU_F(CPU_1C, 24)
#define CPU_F_XSAVE      CPU_F(CPU_1C, 26)
#define CPU_F_OSXSAVE    CPU_F(CPU_1C, 27)
#define CPU_F_HYPERVISOR CPU_F(CPU_1C, 31)
#define CPU_F_CX16       CPU_F(CPU_1C, 13)
#define CPU_F_SYSCALL    CPU_F(CPU_E1D, 11)
#define CPU_F_NX         CPU_F(CPU_E1D, 20)
#define CPU_F_LM         CPU_F(CPU_E1D, 29)
#define CPU_F_SMEP       CPU_F(CPU_7B, 7)
#define CPU_F_XSAVEOPT   CPU_F(CPU_D1A, 0)

enum cpu_vendor { CPU_INTEL, CPU_AMD, CPU_OTHER };
struct cpu_desc {
    enum cpu_vendor vendor;
    u32 family, model, stepping;
    u32 max_leaf, max_ext;
    u32 word[CPU_WORD_COUNT];
    u32 phys_bits; /* MAXPHYADDR */
    char brand[49];
    bool is_tcg; /* an emulator announced itself as TCG: its quirks apply (see cpu.c) */
};
extern struct cpu_desc cpu_desc; /* sealed after boot */
static inline bool cpu_has(u32 feature)
{
    return (cpu_desc.word[feature / 32] >> (feature % 32)) & 1;
}

static inline u64 cpu_rdmsr(u32 msr)
{
    u32 lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return ((u64)hi << 32) | lo;
}
static inline void cpu_wrmsr(u32 msr, u64 v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
bool cpu_rdmsr_safe(u32 msr, u64 *v) __must_use; /* false: the MSR does not exist */

#define CPU_REG_RW(r)                                                                                                  \
    static inline u64 cpu_read_##r(void)                                                                               \
    {                                                                                                                  \
        u64 v;                                                                                                         \
        __asm__ volatile("mov %%" #r ", %0" : "=r"(v));                                                                \
        return v;                                                                                                      \
    }                                                                                                                  \
    static inline void cpu_write_##r(u64 v)                                                                            \
    {                                                                                                                  \
        __asm__ volatile("mov %0, %%" #r : : "r"(v) : "memory");                                                       \
    }
CPU_REG_RW(cr0)
CPU_REG_RW(cr2)
CPU_REG_RW(cr3)
CPU_REG_RW(cr4)
CPU_REG_RW(dr0)
CPU_REG_RW(dr1)
CPU_REG_RW(dr2)
CPU_REG_RW(dr3)
CPU_REG_RW(dr6)
CPU_REG_RW(dr7)

static inline u64 cpu_tsc(void)
{
    u32 lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return ((u64)hi << 32) | lo;
}
static inline u64 cpu_tsc_ordered(void) /* not read before what precedes it */
{
    __asm__ volatile("lfence" ::: "memory");
    return cpu_tsc();
}
static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}
static inline void cpu_irq_enable(void)
{
    __asm__ volatile("sti" ::: "memory");
}
static inline void cpu_irq_disable(void)
{
    __asm__ volatile("cli" ::: "memory");
}
static inline u64 cpu_irq_save(void) /* returns the old RFLAGS */
{
    u64 f;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(f)::"memory");
    return f;
}
static inline void cpu_irq_restore(u64 flags)
{
    if (flags & 0x200u)
        cpu_irq_enable();
}
static inline bool cpu_irq_is_enabled(void)
{
    u64 f;
    __asm__ volatile("pushfq; popq %0" : "=r"(f));
    return f & 0x200u;
}
static inline void cpu_sti_hlt(void) /* sleep until an interrupt; none is lost in between */
{
    __asm__ volatile("sti; hlt" ::: "memory");
}
static inline void cpu_cache_flush(void) /* write back and invalidate all of it */
{
    __asm__ volatile("wbinvd" ::: "memory");
}
static inline void cpu_invlpg(u64 va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}
static inline u8 cpu_in8(u16 p)
{
    u8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p));
    return v;
}
static inline u16 cpu_in16(u16 p)
{
    u16 v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(p));
    return v;
}
static inline u32 cpu_in32(u16 p)
{
    u32 v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(p));
    return v;
}
static inline void cpu_out8(u16 p, u8 v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(p));
}
static inline void cpu_out16(u16 p, u16 v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(p));
}
static inline void cpu_out32(u16 p, u32 v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(p));
}
static inline u32 cpu_in(u16 p, u32 bytes) /* 1, 2, 4 */
{
    return bytes == 1 ? cpu_in8(p) : bytes == 2 ? cpu_in16(p) : cpu_in32(p);
}
static inline void cpu_out(u16 p, u32 bytes, u32 v)
{
    if (bytes == 1)
        cpu_out8(p, (u8)v);
    else if (bytes == 2)
        cpu_out16(p, (u16)v);
    else
        cpu_out32(p, v);
}
static inline __noreturn void cpu_halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli; hlt" ::: "memory");
}

/* Sets of CPUs. */
typedef u64 cpuset_t;       /* bit = cpu index; CPU_MAX is 64 */
extern cpuset_t cpu_online; /* grows while boot brings CPUs up, with LOCK */
extern u32 cpu_count;       /* online CPUs are 0..cpu_count-1 after boot */

#endif

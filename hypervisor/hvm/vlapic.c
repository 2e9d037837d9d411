/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's local APIC as x2APIC: registers are MSRs, and no page of memory is behind it. Interrupts between vCPUs,
 * INIT and SIPI to start one; its timer only remembers what was written, as the ABI's own is better. IRR is written by
 * anybody (atomic, then a kick); all else by the vCPU itself. A vector's class against TPR and what is in service
 * decides whether it is due. Intel SDM volume 3, chapter 10.
 */
#include "hvm/hvm.h"

#define BASE_BSP     BIT(8)
#define BASE_X2      BIT(10)
#define BASE_ENABLED BIT(11)
#define BASE_ADDRESS 0xfee00000ull
#define ICR_LOGICAL  BIT(11)
#define LVT_MASKED   BIT(16)
#define LVT_PERIODIC BIT(17)
#define SVR_ENABLED  BIT(8)

enum {
    REG_ID = 2,
    REG_VERSION,
    REG_TPR = 8,
    REG_PPR = 10,
    REG_EOI,
    REG_LDR = 13,
    REG_SPURIOUS = 15,
    REG_ISR,
    REG_TMR = 24,
    REG_IRR = 32,
    REG_ESR = 40,
    REG_ICR = 48,
    REG_LVT = 50,
    REG_TIMER_COUNT = 56,
    REG_TIMER_NOW,
    REG_DIVIDE = 62,
    REG_SELF
};

static u32 apic_id(const struct vcpu *v)
{
    return v->id * 2;
}

static u32 logical_id(const struct vcpu *v)
{
    return (apic_id(v) >> 4) << 16 | 1u << (apic_id(v) & 15);
}

static u32 highest(const u32 *bits)
{
    for (u32 w = VLAPIC_WORDS; w--;)
        if (bits[w])
            return w * 32 + bit_highest(bits[w]);
    return 0;
}

void vlapic_raise(struct vcpu *v, u32 vector)
{
    struct vlapic *a = &v->hvm->apic;

    if (vector < 16)
        return;
    (void)atomic_or(&a->irr[vector / 32], 1u << vector % 32);
    vcpu_kick(v);
}

static u32 priority(const struct vlapic *a)
{
    u32 service = highest(a->isr);

    return max(a->tpr & 0xf0, service & 0xf0);
}

u32 vlapic_due(const struct vcpu *v)
{
    const struct vlapic *a = &v->hvm->apic;
    u32 vector = highest(a->irr);

    return vector && (vector & 0xf0) > priority(a) && a->spurious & SVR_ENABLED ? vector : 0;
}

void vlapic_accept(struct vcpu *v, u32 vector)
{
    struct vlapic *a = &v->hvm->apic;

    (void)atomic_and(&a->irr[vector / 32], ~(1u << vector % 32));
    a->isr[vector / 32] |= 1u << vector % 32;
}

static void end_of_interrupt(struct vlapic *a)
{
    u32 vector = highest(a->isr);

    if (vector)
        a->isr[vector / 32] &= ~(1u << vector % 32);
}

/* --- between vCPUs --- */

static void deliver(struct vcpu *v, u64 icr)
{
    switch (icr >> 8 & 7) {
    case 0:
    case 1:
        vlapic_raise(v, icr & 0xff);
        break;
    case 4:
        vcpu_send_nmi(v);
        break;
    case 5: /* INIT: a vCPU that runs goes on; only one that was never started can be */
        break;
    case 6:
        hvm_start(v, (u8)icr);
        break;
    default:
        break;
    }
}

static bool is_meant(const struct vcpu *self, const struct vcpu *v, u64 icr)
{
    u32 target = (u32)(icr >> 32);

    switch (icr >> 18 & 3) {
    case 1:
        return v == self;
    case 2:
        return true;
    case 3:
        return v != self;
    default:
        if (target == ~0u)
            return true;
        if (icr & ICR_LOGICAL)
            return target >> 16 == logical_id(v) >> 16 && target & logical_id(v) & 0xffff;
        return target == apic_id(v);
    }
}

static void command(struct vcpu *self, u64 icr)
{
    const struct domain *d = self->domain;

    self->hvm->apic.icr = icr & ~BIT(12);
    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i] && is_meant(self, d->vcpu[i], icr))
            deliver(d->vcpu[i], icr);
}

/* --- registers --- */

static u64 read(const struct vcpu *v, u32 reg)
{
    const struct vlapic *a = &v->hvm->apic;

    switch (reg) {
    case REG_ID:
        return apic_id(v);
    case REG_VERSION:
        return 0x14 | (ARRAY_COUNT(a->lvt) - 2) << 16;
    case REG_TPR:
        return a->tpr;
    case REG_PPR:
        return priority(a);
    case REG_LDR:
        return logical_id(v);
    case REG_SPURIOUS:
        return a->spurious;
    case REG_ISR ... REG_ISR + VLAPIC_WORDS - 1:
        return a->isr[reg - REG_ISR];
    case REG_IRR ... REG_IRR + VLAPIC_WORDS - 1:
        return a->irr[reg - REG_IRR];
    case REG_ICR:
        return a->icr;
    case REG_LVT ... REG_LVT + 5:
        return a->lvt[reg - REG_LVT];
    case REG_TIMER_COUNT:
        return a->timer_count;
    case REG_DIVIDE:
        return a->divide;
    default:
        return 0;
    }
}

static bool write(struct vcpu *v, u32 reg, u64 value)
{
    struct vlapic *a = &v->hvm->apic;

    switch (reg) {
    case REG_TPR:
        a->tpr = value & 0xff;
        return value <= 0xff;
    case REG_EOI:
        end_of_interrupt(a);
        return value == 0;
    case REG_SPURIOUS:
        a->spurious = (u32)value & 0x3ff;
        return true;
    case REG_ESR:
        return value == 0;
    case REG_ICR:
        command(v, value);
        return true;
    case REG_LVT ... REG_LVT + 5:
        a->lvt[reg - REG_LVT] = (u32)value & 0x7f7ff;
        return true;
    case REG_TIMER_COUNT:
        a->timer_count = (u32)value;
        return true;
    case REG_DIVIDE:
        a->divide = value & 0xb;
        return true;
    case REG_SELF:
        vlapic_raise(v, value & 0xff);
        return true;
    default:
        return false;
    }
}

bool vlapic_msr(struct vcpu *v, u32 msr, bool writes, u64 *value)
{
    struct vlapic *a = &v->hvm->apic;

    if (!(a->base & BASE_X2))
        return false;
    if (writes)
        return write(v, msr & 0x3f, *value);
    *value = read(v, msr & 0x3f);
    return true;
}

bool vlapic_set_base(struct vcpu *v, u64 value)
{
    struct vlapic *a = &v->hvm->apic;
    u64 fixed = BASE_ADDRESS | (a->base & BASE_BSP);

    if ((value & ~(BASE_X2 | BASE_ENABLED)) != fixed || (value & (BASE_X2 | BASE_ENABLED)) == BASE_X2)
        return false;
    a->base = value;
    return true;
}

void vlapic_reset(struct vcpu *v)
{
    struct vlapic *a = &v->hvm->apic;

    *a = (struct vlapic){0};
    a->base = BASE_ADDRESS | BASE_ENABLED | BASE_X2 | (v->id ? 0 : BASE_BSP); /* as firmware leaves it with x2APIC on */
    a->spurious = 0xff;
    for (u32 i = 0; i < ARRAY_COUNT(a->lvt); i++)
        a->lvt[i] = LVT_MASKED;
}

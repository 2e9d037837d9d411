/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's local APIC: as x2APIC its registers are MSRs, as xAPIC they lie in a page that is nowhere, so that each
 * access leaves the guest (mmio.c); both are one file of registers, of 16 bytes or one MSR each. IRR is written by
 * anybody (atomic, then a kick), and by the timer; all else by the vCPU itself. A vector's class against TPR and what
 * is in service decides whether it is due. The timer counts nanoseconds of system time. Intel SDM volume 3, chapter 10.
 */
#include "hvm/hvm.h"

#define BASE_BSP     BIT(8)
#define BASE_X2      BIT(10)
#define BASE_ENABLED BIT(11)
#define BASE_ADDRESS 0xfee00000ull
#define ICR_BUSY     BIT(12)
#define ICR_LOGICAL  BIT(11)
#define ICR_ASSERT   BIT(14)
#define ICR_LEVEL    BIT(15)
#define LVT_MASKED   BIT(16)
#define LVT_PERIODIC BIT(17)
#define SVR_ENABLED  BIT(8)
#define DFR_FLAT     0xf0000000u
#define ERROR_SENT   BIT(5)   /* ESR: a vector below 16 was sent */
#define ERROR_PLACE  BIT(7)   /* no register is there */
#define PERIOD_LEAST 50000u   /* ns: nothing is done more often than that, */
#define PERIOD_IDLE  1000000u /* nor than that for a vCPU that did not yet take the last one: its time is others' */
#define LVT_TIMER    0
#define LVT_ERROR    5

enum {
    REG_ID = 2,
    REG_VERSION,
    REG_TPR = 8,
    REG_PPR = 10,
    REG_EOI,
    REG_LDR = 13,
    REG_DFR,
    REG_SPURIOUS,
    REG_ISR,
    REG_TMR = 24,
    REG_IRR = 32,
    REG_ESR = 40,
    REG_ICR = 48,
    REG_ICR_HIGH,
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

static bool is_x2(const struct vlapic *a)
{
    return a->base & BASE_X2;
}

static u32 logical_id(const struct vcpu *v)
{
    const struct vlapic *a = &v->hvm->apic;

    return is_x2(a) ? (apic_id(v) >> 4) << 16 | 1u << (apic_id(v) & 15) : a->ldr;
}

static u32 highest(const u64 *bits)
{
    for (u32 w = VLAPIC_WORDS; w--;)
        if (bits[w])
            return w * 64 + bit_highest(bits[w]);
    return 0;
}
static u32 half(const u64 *bits, u32 reg)
{
    return (u32)(bits[reg / 2] >> reg % 2 * 32);
}

void vlapic_raise(struct vcpu *v, u32 vector)
{
    struct vlapic *a = &v->hvm->apic;

    if (vector < 16 || !(READ_ONCE(a->base) & BASE_ENABLED))
        return;
    (void)atomic_or(&a->irr[vector / 64], BIT(vector % 64));
    vcpu_kick(v);
}

static u32 priority(const struct vlapic *a)
{
    u32 service = highest(a->isr) & 0xf0;

    return (a->tpr & 0xf0) >= service ? a->tpr : service;
}

u32 vlapic_due(const struct vcpu *v)
{
    const struct vlapic *a = &v->hvm->apic;
    u32 vector;

    if (likely(!(a->irr[0] | a->irr[1] | a->irr[2] | a->irr[3]))) /* asked at each entry */
        return 0;
    vector = highest(a->irr);
    return vector && (vector & 0xf0) > (priority(a) & 0xf0) && a->spurious & SVR_ENABLED ? vector : 0;
}

u32 vlapic_held(const struct vcpu *v)
{
    const struct vlapic *a = &v->hvm->apic;
    u32 vector = highest(a->irr);

    return a->spurious & SVR_ENABLED && (vector & 0xf0) > (highest(a->isr) & 0xf0) ? vector : 0;
}

void vlapic_accept(struct vcpu *v, u32 vector)
{
    struct vlapic *a = &v->hvm->apic;

    (void)atomic_and(&a->irr[vector / 64], ~BIT(vector % 64));
    a->isr[vector / 64] |= BIT(vector % 64);
}

static void end_of_interrupt(struct vlapic *a)
{
    u32 vector = highest(a->isr);

    if (vector)
        a->isr[vector / 64] &= ~BIT(vector % 64);
}

static void error(struct vcpu *v, u32 what)
{
    struct vlapic *a = &v->hvm->apic;

    a->errors |= what;
    if (!(a->lvt[LVT_ERROR] & LVT_MASKED))
        vlapic_raise(v, a->lvt[LVT_ERROR] & 0xff);
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
    case 5:
        if (!(icr & ICR_LEVEL) || icr & ICR_ASSERT)
            hvm_stop(v);
        break;
    case 6:
        hvm_start(v, (u8)icr);
        break;
    default:
        break;
    }
}

static bool is_logical(const struct vcpu *v, u32 target)
{
    const struct vlapic *a = &v->hvm->apic;
    u32 id = logical_id(v);

    if (is_x2(a))
        return target >> 16 == id >> 16 && target & id & 0xffff;
    id >>= 24;
    if (a->dfr >= DFR_FLAT)
        return target & id;
    return target >> 4 == id >> 4 && target & id & 0xf;
}

static bool is_meant(const struct vcpu *self, const struct vcpu *v, u64 icr)
{
    u32 target = (u32)(icr >> 32), all = is_x2(&self->hvm->apic) ? ~0u : 0xff;

    switch (icr >> 18 & 3) {
    case 1:
        return v == self;
    case 2:
        return true;
    case 3:
        return v != self;
    default:
        if (target == all)
            return true;
        return icr & ICR_LOGICAL ? is_logical(v, target) : target == apic_id(v);
    }
}

/* icr: as x2APIC has it, the target in its upper half. "Lowest priority" is whoever comes first. */
static void command(struct vcpu *self, u64 icr)
{
    const struct domain *d = self->domain;
    u32 mode = icr >> 8 & 7;

    self->hvm->apic.icr = icr & ~ICR_BUSY;
    if (mode < 2 && (icr & 0xff) < 16) {
        error(self, ERROR_SENT);
        return;
    }
    for (u32 i = 0; i < d->vcpu_limit; i++) {
        if (!d->vcpu[i] || !is_meant(self, d->vcpu[i], icr))
            continue;
        deliver(d->vcpu[i], icr);
        if (mode == 1)
            return;
    }
}

/* --- the timer --- */

static u64 tick_ns(const struct vlapic *a)
{
    return 1ull << (((a->divide & 3) + (a->divide >> 1 & 4) + 1) & 7);
}

static bool is_periodic(const struct vlapic *a)
{
    return READ_ONCE(a->lvt[LVT_TIMER]) & LVT_PERIODIC;
}

static void timer_fired(void *arg)
{
    struct vcpu *v = arg;
    struct vlapic *a = &v->hvm->apic;
    u32 lvt = READ_ONCE(a->lvt[LVT_TIMER]);
    u64 period = READ_ONCE(a->timer_ns), now = time_now();
    bool is_idle = lvt & LVT_MASKED || READ_ONCE(a->irr[(lvt & 0xff) / 64]) >> lvt % 64 & 1;

    if (!is_idle)
        vlapic_raise(v, lvt & 0xff);
    if (lvt & LVT_PERIODIC && period) {
        period = max(period, is_idle ? PERIOD_IDLE : PERIOD_LEAST);
        timer_set(&a->timer, max(a->timer.node.key + period, now + period / 2));
    }
}

void vlapic_stop(struct vcpu *v)
{
    WRITE_ONCE(v->hvm->apic.timer_ns, 0);
    timer_stop(&v->hvm->apic.timer); /* afterwards it is not being set again either */
}

static void timer_start(struct vcpu *v, u32 count)
{
    struct vlapic *a = &v->hvm->apic;

    vlapic_stop(v);
    a->timer_count = count;
    a->timer_start = time_now();
    WRITE_ONCE(a->timer_ns, count * tick_ns(a));
    if (!count)
        return;
    timer_move(&a->timer, v->unit.cpu);
    timer_set(&a->timer, a->timer_start + a->timer_ns);
}

static u32 timer_left(const struct vlapic *a)
{
    u64 gone = time_now() - a->timer_start;

    if (!a->timer_ns || (gone >= a->timer_ns && !is_periodic(a)))
        return 0;
    return (u32)((a->timer_ns - gone % a->timer_ns) / tick_ns(a));
}

/* --- registers --- */

static bool read(const struct vcpu *v, u32 reg, u64 *value)
{
    const struct vlapic *a = &v->hvm->apic;

    switch (reg) {
    case REG_ID:
        *value = is_x2(a) ? apic_id(v) : apic_id(v) << 24;
        return true;
    case REG_VERSION:
        *value = 0x14 | (ARRAY_COUNT(a->lvt) - 1) << 16;
        return true;
    case REG_TPR:
        *value = a->tpr;
        return true;
    case REG_PPR:
        *value = priority(a);
        return true;
    case REG_LDR:
        *value = logical_id(v);
        return true;
    case REG_DFR:
        *value = a->dfr;
        return !is_x2(a);
    case REG_SPURIOUS:
        *value = a->spurious;
        return true;
    case REG_ISR ... REG_ISR + 7:
        *value = half(a->isr, reg - REG_ISR);
        return true;
    case REG_TMR ... REG_TMR + 7: /* all edges */
        return true;
    case REG_IRR ... REG_IRR + 7:
        *value = half(a->irr, reg - REG_IRR);
        return true;
    case REG_ESR:
        *value = a->esr;
        return true;
    case REG_ICR:
        *value = is_x2(a) ? a->icr : (u32)a->icr;
        return true;
    case REG_ICR_HIGH:
        *value = a->icr >> 32 << 24;
        return !is_x2(a);
    case REG_LVT ... REG_LVT + LVT_ERROR:
        *value = a->lvt[reg - REG_LVT];
        return true;
    case REG_TIMER_COUNT:
        *value = a->timer_count;
        return true;
    case REG_TIMER_NOW:
        *value = timer_left(a);
        return true;
    case REG_DIVIDE:
        *value = a->divide;
        return true;
    default:
        return reg == REG_EOI && !is_x2(a);
    }
}

/* What only the page has, or has in another way. */
static bool write_page(struct vcpu *v, u32 reg, u32 value)
{
    struct vlapic *a = &v->hvm->apic;

    switch (reg) {
    case REG_LDR:
        a->ldr = value & 0xff000000;
        return true;
    case REG_DFR:
        a->dfr = value | ~DFR_FLAT;
        return true;
    case REG_ICR:
        command(v, (a->icr & ~0xffffffffull) | value);
        return true;
    case REG_ICR_HIGH:
        a->icr = (u32)a->icr | (u64)(value >> 24) << 32;
        return true;
    default:
        return false;
    }
}

static void lvt_write(struct vlapic *a, u32 n, u32 value)
{
    static const u32 bits[ARRAY_COUNT(a->lvt)] = {0x300ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff};

    WRITE_ONCE(a->lvt[n], (value & bits[n]) | (a->spurious & SVR_ENABLED ? 0 : (u32)LVT_MASKED));
}

static bool write(struct vcpu *v, u32 reg, u64 value)
{
    struct vlapic *a = &v->hvm->apic;

    switch (reg) {
    case REG_TPR:
        a->tpr = value & 0xff;
        return true;
    case REG_EOI:
        end_of_interrupt(a);
        return true;
    case REG_SPURIOUS:
        a->spurious = (u32)value & 0x3ff;
        for (u32 i = 0; i < ARRAY_COUNT(a->lvt); i++)
            lvt_write(a, i, a->lvt[i]);
        return true;
    case REG_ESR:
        a->esr = a->errors;
        a->errors = 0;
        return true;
    case REG_LVT ... REG_LVT + LVT_ERROR:
        lvt_write(a, reg - REG_LVT, (u32)value);
        return true;
    case REG_TIMER_COUNT:
        timer_start(v, (u32)value);
        return true;
    case REG_DIVIDE:
        a->divide = value & 0xb;
        if (a->timer_ns)
            timer_start(v, a->timer_count);
        return true;
    default:
        return false;
    }
}

/* Reserved bits of the registers of which kernels rely on #GP. */
static bool is_reserved(u32 reg, u64 value)
{
    return (reg == REG_TPR && value > 0xff) || ((reg == REG_EOI || reg == REG_ESR) && value);
}

bool vlapic_msr(struct vcpu *v, u32 msr, bool writes, u64 *value)
{
    u32 reg = msr & 0x3f;

    if (!is_x2(&v->hvm->apic))
        return false;
    if (!writes)
        return read(v, reg, value);
    if (reg == REG_ICR) {
        command(v, *value);
    } else if (reg == REG_SELF) {
        command(v, 1u << 18 | (u8)*value);
    } else {
        return !is_reserved(reg, *value) && write(v, reg, *value);
    }
    return true;
}

bool vlapic_has_page(const struct vcpu *v)
{
    return (v->hvm->apic.base & (BASE_ENABLED | BASE_X2)) == BASE_ENABLED;
}

void vlapic_page(struct vcpu *v, u32 offset, bool writes, u32 *value)
{
    u32 reg = offset / 16;
    u64 wide = 0;
    bool ok = true;

    if (!writes)
        *value = 0;
    if (offset % 16) /* between registers */
        return;
    if (writes)
        ok = write_page(v, reg, *value) || write(v, reg, *value);
    else
        ok = read(v, reg, &wide);
    if (!ok)
        error(v, ERROR_PLACE);
    if (!writes)
        *value = (u32)wide;
}

/* --- its states --- */

/* As after INIT: the base stays. */
void vlapic_reset(struct vcpu *v)
{
    struct vlapic *a = &v->hvm->apic;

    vlapic_stop(v);
    for (u32 i = 0; i < VLAPIC_WORDS; i++)
        a->irr[i] = a->isr[i] = 0;
    a->tpr = a->divide = a->timer_count = a->esr = a->errors = a->ldr = 0;
    a->icr = 0;
    a->dfr = ~0u;
    a->spurious = 0xff;
    for (u32 i = 0; i < ARRAY_COUNT(a->lvt); i++)
        a->lvt[i] = LVT_MASKED;
}

/* Off from anywhere, which forgets all; from there to xAPIC, and from that to x2APIC. */
bool vlapic_set_base(struct vcpu *v, u64 value)
{
    struct vlapic *a = &v->hvm->apic;
    u64 fixed = BASE_ADDRESS | (a->base & BASE_BSP), modes = BASE_X2 | BASE_ENABLED;
    u64 from = a->base & modes, to = value & modes;

    if ((value & ~modes) != fixed || to == BASE_X2 || (from == modes && to == BASE_ENABLED) || (!from && to == modes))
        return false;
    WRITE_ONCE(a->base, value);
    if (from && !to)
        vlapic_reset(v);
    return true;
}

/* On, as xAPIC: a kernel that knows no x2APIC would not find it otherwise. */
void vlapic_create(struct vcpu *v)
{
    struct vlapic *a = &v->hvm->apic;

    timer_init(&a->timer, timer_fired, v, v->unit.cpu);
    a->base = BASE_ADDRESS | BASE_ENABLED | (v->id ? 0 : BASE_BSP);
    vlapic_reset(v);
}

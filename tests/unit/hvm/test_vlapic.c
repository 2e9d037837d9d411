/* SPDX-License-Identifier: MIT */
/*
 * hvm/vlapic.c as shipped: which vector is due against TPR and what is in service, its end, all forms of the command
 * register, as x2APIC (MSRs) and as xAPIC (a page), the rules of the base register, errors, and the timer over a clock
 * that the test moves. What a command does to another vCPU is written down.
 */
#include "../suite.h"
#include "hvm/vlapic.c"

#define CPUS      4u
#define BASE_ON   0xfee00800ull
#define BASE_BOOT 0x100ull
enum { ICR_FIXED, ICR_LOWEST = 1 << 8, ICR_NMI = 4 << 8, ICR_INIT = 5 << 8, ICR_SIPI = 6 << 8 };

static struct domain domain;
static struct vcpu vcpu[CPUS];
static struct hvm_vcpu state[CPUS];
static u32 kicks[CPUS], nmis[CPUS], inits[CPUS], starts[CPUS];
static u64 now;
static struct timer *set_timer;
static u32 sets;

void vcpu_kick(struct vcpu *v)
{
    kicks[v->id]++;
}
void vcpu_send_nmi(struct vcpu *v)
{
    nmis[v->id]++;
}
void hvm_stop(struct vcpu *v)
{
    inits[v->id]++;
}
void hvm_start(struct vcpu *v, u8 page)
{
    starts[v->id] = page;
}
u64 time_now(void)
{
    return now;
}
void timer_set(struct timer *t, u64 at)
{
    t->node.key = at;
    set_timer = t;
    sets++;
}
void timer_stop(struct timer *t)
{
    if (set_timer == t)
        set_timer = NULL;
}
void timer_move(struct timer *t, u32 cpu)
{
    t->cpu = cpu;
}
void timer_init(struct timer *t, void (*fn)(void *), void *arg, u32 cpu)
{
    *t = (struct timer){.fn = fn, .arg = arg, .cpu = cpu};
}
static void pass(u64 ns)
{
    for (u64 end = now + ns; now < end;) {
        struct timer *t = set_timer;
        if (!t || t->node.key > end) {
            now = end;
        } else {
            now = max(now, t->node.key);
            set_timer = NULL;
            t->fn(t->arg);
        }
    }
}

static void begin(void)
{
    domain = (struct domain){.vcpu_limit = CPUS};
    set_timer = NULL;
    for (u32 i = 0; i < CPUS; i++) {
        state[i] = (struct hvm_vcpu){0};
        vcpu[i] = (struct vcpu){.id = i, .domain = &domain, .hvm = &state[i]};
        domain.vcpu[i] = &vcpu[i];
        vlapic_create(&vcpu[i]);
        CU_ASSERT_EQUAL(state[i].apic.base, BASE_ON | (i ? 0 : BASE_BOOT)); /* as xAPIC */
        CU_ASSERT(vlapic_set_base(&vcpu[i], state[i].apic.base | BIT(10)));
        kicks[i] = nmis[i] = inits[i] = starts[i] = 0;
    }
}

static bool wr(u32 cpu, u32 msr, u64 value)
{
    return vlapic_msr(&vcpu[cpu], msr, true, &value);
}
static u64 rd(u32 cpu, u32 msr)
{
    u64 value = 0;

    return vlapic_msr(&vcpu[cpu], msr, false, &value) ? value : ~0ull;
}
static void page_wr(u32 cpu, u32 offset, u32 value)
{
    vlapic_page(&vcpu[cpu], offset, true, &value);
}
static u32 page_rd(u32 cpu, u32 offset)
{
    u32 value = 0xdeadbeef;

    vlapic_page(&vcpu[cpu], offset, false, &value);
    return value;
}
static void on(u32 cpu)
{
    CU_ASSERT(wr(cpu, 0x80f, 0x1ff));
}
static void all_on(void)
{
    for (u32 i = 0; i < CPUS; i++)
        on(i);
}
/* As guests turn x2APIC off: all off, then xAPIC on. */
static void to_page(u32 cpu)
{
    u64 boot = cpu ? 0 : BASE_BOOT;

    CU_ASSERT(vlapic_set_base(&vcpu[cpu], 0xfee00000ull | boot));
    CU_ASSERT(vlapic_set_base(&vcpu[cpu], BASE_ON | boot));
    page_wr(cpu, 0xf0, 0x1ff);
}
static bool has(u32 cpu, u32 vector)
{
    return rd(cpu, 0x820 + vector / 32) >> vector % 32 & 1;
}

static void priorities(void)
{
    begin();
    vlapic_raise(&vcpu[0], 0x51);
    CU_ASSERT_EQUAL(vlapic_due(&vcpu[0]), 0); /* it is off */
    on(0);
    CU_ASSERT_EQUAL(vlapic_due(&vcpu[0]), 0x51);
    vlapic_raise(&vcpu[0], 0x61);
    CU_ASSERT_EQUAL(vlapic_due(&vcpu[0]), 0x61);
    CU_ASSERT(wr(0, 0x808, 0x60));
    CU_ASSERT(vlapic_due(&vcpu[0]) == 0 && vlapic_held(&vcpu[0]) == 0x61);
    CU_ASSERT(wr(0, 0x808, 0x5f));
    CU_ASSERT_EQUAL(rd(0, 0x80a), 0x5f);
    CU_ASSERT_EQUAL(vlapic_due(&vcpu[0]), 0x61);
    vlapic_accept(&vcpu[0], 0x61);
    CU_ASSERT(wr(0, 0x808, 0));
    CU_ASSERT(!has(0, 0x61) && rd(0, 0x813) == 2);
    CU_ASSERT_EQUAL(rd(0, 0x80a), 0x60);
    CU_ASSERT_EQUAL(vlapic_due(&vcpu[0]), 0); /* 0x51 waits */
    vlapic_raise(&vcpu[0], 0x6f);
    CU_ASSERT(vlapic_due(&vcpu[0]) == 0 && vlapic_held(&vcpu[0]) == 0); /* the same class */
    vlapic_raise(&vcpu[0], 0x71);
    CU_ASSERT_EQUAL(vlapic_due(&vcpu[0]), 0x71);
    vlapic_accept(&vcpu[0], 0x71);
    CU_ASSERT(wr(0, 0x80b, 0)); /* the end of 0x71 */
    CU_ASSERT_EQUAL(rd(0, 0x80a), 0x60);
    CU_ASSERT(wr(0, 0x80b, 0));
    CU_ASSERT_EQUAL(vlapic_due(&vcpu[0]), 0x6f);
    CU_ASSERT(wr(0, 0x80b, 0)); /* of nothing */
    CU_ASSERT_EQUAL(vlapic_due(&vcpu[0]), 0x6f);
}

static void registers(void)
{
    static const u32 none[] = {0x800, 0x804, 0x809, 0x80c, 0x80e, 0x829, 0x82e, 0x82f, 0x831, 0x83a, 0x83d};

    begin();
    CU_ASSERT(rd(1, 0x802) == 2 && rd(3, 0x80d) == 0x40 && (rd(0, 0x803) & 0xff) == 0x14);
    CU_ASSERT_EQUAL(rd(0, 0x803) >> 16, 5);
    for (u32 i = 0; i < ARRAY_COUNT(none); i++)
        CU_ASSERT(rd(0, none[i]) == ~0ull && !wr(0, none[i], 0));
    CU_ASSERT(rd(0, 0x80b) == ~0ull && rd(0, 0x83f) == ~0ull); /* only to be written */
    CU_ASSERT(!wr(0, 0x802, 0) && !wr(0, 0x803, 0) && !wr(0, 0x80a, 0) && !wr(0, 0x810, 0) && !wr(0, 0x839, 0));
    CU_ASSERT(!wr(0, 0x808, 0x100) && rd(0, 0x808) == 0);
    on(0);
    vlapic_raise(&vcpu[0], 0x44);
    vlapic_accept(&vcpu[0], 0x44);
    CU_ASSERT(!wr(0, 0x80b, 1) && rd(0, 0x812) == 0x10); /* refused, and no end of anything */
    CU_ASSERT(wr(0, 0x835, 0x700) && rd(0, 0x835) == 0x700);
    CU_ASSERT(wr(0, 0x80f, 0xff)); /* off: all its lines are masked, and stay so */
    CU_ASSERT(rd(0, 0x835) == 0x10700 && wr(0, 0x835, 0x700) && rd(0, 0x835) == 0x10700);
}

static void commands(void)
{
    begin();
    all_on();
    CU_ASSERT(wr(0, 0x830, 2ull << 32 | 0x45)); /* by its id */
    CU_ASSERT(has(1, 0x45) && !has(0, 0x45) && !has(2, 0x45) && kicks[1] == 1);
    CU_ASSERT_EQUAL(rd(0, 0x830), 2ull << 32 | 0x45);
    CU_ASSERT(wr(0, 0x830, 3ull << 32 | 0x46)); /* nobody's */
    CU_ASSERT(wr(0, 0x830, ~0ull << 32 | 0x47));
    CU_ASSERT(!has(1, 0x46) && has(0, 0x47) && has(3, 0x47));
    CU_ASSERT(wr(0, 0x830, 0x11ull << 32 | BIT(11) | 0x48)); /* logical: 0 and 4 */
    CU_ASSERT(has(0, 0x48) && !has(1, 0x48) && has(2, 0x48) && !has(3, 0x48));
    CU_ASSERT(wr(0, 0x830, 0x10011ull << 32 | BIT(11) | 0x49)); /* another cluster */
    CU_ASSERT(!has(0, 0x49) && !has(2, 0x49));
    CU_ASSERT(wr(2, 0x830, 1 << 18 | 0x4a)); /* self, all, the others */
    CU_ASSERT(has(2, 0x4a) && !has(0, 0x4a));
    CU_ASSERT(wr(2, 0x830, 2 << 18 | 0x4b));
    CU_ASSERT(has(2, 0x4b) && has(0, 0x4b));
    CU_ASSERT(wr(2, 0x830, 3 << 18 | 0x4c));
    CU_ASSERT(!has(2, 0x4c) && has(0, 0x4c) && has(3, 0x4c));
    CU_ASSERT(wr(2, 0x83f, 0x4d) && has(2, 0x4d) && !has(0, 0x4d));
    CU_ASSERT(wr(0, 0x830, ~0ull << 32 | ICR_LOWEST | 0x4e)); /* one of them */
    CU_ASSERT_EQUAL(has(0, 0x4e) + has(1, 0x4e) + has(2, 0x4e) + has(3, 0x4e), 1);
    CU_ASSERT(wr(0, 0x830, 3 << 18 | ICR_NMI));
    CU_ASSERT(!nmis[0] && nmis[1] == 1 && nmis[3] == 1);
    CU_ASSERT(wr(0, 0x830, 4ull << 32 | ICR_INIT | BIT(14)) && inits[2] == 1 && !inits[1]);
    CU_ASSERT(wr(0, 0x830, 4ull << 32 | ICR_INIT | BIT(15)) && inits[2] == 1); /* level, off: means nothing */
    CU_ASSERT(wr(0, 0x830, 4ull << 32 | ICR_SIPI | 0x99) && starts[2] == 0x99 && !starts[1]);
    domain.vcpu[1] = NULL; /* one that was not made */
    CU_ASSERT(wr(0, 0x830, 3 << 18 | 0x50) && has(3, 0x50));
    CU_ASSERT(wr(0, 0x830, 2ull << 32 | 0x50));
}

static void errors(void)
{
    begin();
    all_on();
    CU_ASSERT(wr(0, 0x837, 0x77));           /* errors are told by a vector */
    CU_ASSERT(wr(0, 0x830, 2ull << 32 | 5)); /* no such vector */
    CU_ASSERT(!has(1, 5) && has(0, 0x77));
    CU_ASSERT_EQUAL(rd(0, 0x828), 0); /* until it is written */
    CU_ASSERT(wr(0, 0x828, 0) && rd(0, 0x828) == 0x20);
    CU_ASSERT(wr(0, 0x828, 0) && rd(0, 0x828) == 0);
    CU_ASSERT(!wr(0, 0x828, 1));
    CU_ASSERT(wr(0, 0x837, 7));
    CU_ASSERT(wr(0, 0x830, 2ull << 32 | 5) && wr(0, 0x83f, 3)); /* an error whose vector is one: no end of errors */
    CU_ASSERT(wr(0, 0x828, 0) && (rd(0, 0x828) & 0x20));
}

static void bases(void)
{
    const u64 boot = BASE_ON | BASE_BOOT, x2 = boot | BIT(10), off = 0xfee00100ull;
    struct vcpu *v = &vcpu[0];
    u64 none;

    begin();
    CU_ASSERT_EQUAL(state[0].apic.base, x2);
    CU_ASSERT_EQUAL(state[1].apic.base, BASE_ON | BIT(10));
    CU_ASSERT(!vlapic_set_base(v, boot));           /* x2APIC to xAPIC: not without going off */
    CU_ASSERT(!vlapic_set_base(v, off | BIT(10)));  /* off and x2APIC */
    CU_ASSERT(!vlapic_set_base(v, x2 ^ BASE_BOOT)); /* what it is was decided by others */
    CU_ASSERT(!vlapic_set_base(v, x2 + 0x1000));    /* nor is it moved */
    CU_ASSERT(!vlapic_set_base(v, x2 | BIT(52)) && !vlapic_set_base(v, x2 | 1));
    CU_ASSERT(vlapic_set_base(v, x2));
    on(0);
    vlapic_raise(v, 0x44);
    CU_ASSERT(vlapic_set_base(v, off));
    CU_ASSERT(!vlapic_set_base(v, x2)); /* off to x2APIC: neither */
    CU_ASSERT(rd(0, 0x802) == ~0ull && !vlapic_has_page(v));
    CU_ASSERT_EQUAL(vlapic_due(v), 0);
    vlapic_raise(v, 0x45); /* nobody hears */
    CU_ASSERT(vlapic_set_base(v, boot) && vlapic_has_page(v));
    page_wr(0, 0xf0, 0x1ff);
    CU_ASSERT_EQUAL(vlapic_due(v), 0); /* it forgot all that */
    none = 0;
    CU_ASSERT(!vlapic_msr(v, 0x802, false, &none));
    CU_ASSERT(vlapic_set_base(v, x2) && !vlapic_has_page(v) && rd(0, 0x80f) == 0x1ff);
}

static void a_page(void)
{
    begin();
    for (u32 i = 0; i < CPUS; i++)
        to_page(i);
    CU_ASSERT(page_rd(1, 0x20) == 2u << 24 && (page_rd(1, 0x30) & 0xff) == 0x14);
    CU_ASSERT(page_rd(0, 0xd0) == 0 && page_rd(0, 0xe0) == ~0u);
    for (u32 i = 0; i < CPUS; i++)
        page_wr(i, 0xd0, 1u << (24 + i));
    CU_ASSERT_EQUAL(page_rd(2, 0xd0), 4u << 24);
    page_wr(0, 0x310, 4u << 24); /* by id */
    page_wr(0, 0x300, 0x51);
    CU_ASSERT(page_rd(2, 0x220) == 1u << 17 && page_rd(0, 0x220) == 0);
    CU_ASSERT(page_rd(0, 0x310) == 4u << 24 && page_rd(0, 0x300) == 0x51);
    page_wr(0, 0x310, 10u << 24); /* logical, flat: 1 and 3 */
    page_wr(0, 0x300, BIT(11) | 0x52);
    CU_ASSERT(!(page_rd(0, 0x220) & 1 << 18) && page_rd(1, 0x220) & 1 << 18 && page_rd(3, 0x220) & 1 << 18);
    page_wr(0, 0x310, 0xffu << 24);
    page_wr(0, 0x300, 0x53);
    CU_ASSERT(page_rd(0, 0x220) & 1 << 19 && page_rd(3, 0x220) & 1 << 19);
    page_wr(3, 0xe0, 0x0fffffff); /* clusters of four */
    page_wr(3, 0xd0, 0x12u << 24);
    CU_ASSERT_EQUAL(page_rd(3, 0xe0), 0x0fffffff);
    page_wr(0, 0x310, 0x13u << 24);
    page_wr(0, 0x300, BIT(11) | 0x54);
    CU_ASSERT(page_rd(3, 0x220) & 1 << 20 && page_rd(0, 0x220) & 1 << 20); /* 0 is flat still: bits 0, 1, 4 */
    page_wr(0, 0x310, 0x23u << 24);
    page_wr(0, 0x300, BIT(11) | 0x55);
    CU_ASSERT(!(page_rd(3, 0x220) & 1 << 21));
    CU_ASSERT_EQUAL(vlapic_due(&vcpu[3]), 0x54);
    vlapic_accept(&vcpu[3], 0x54);
    page_wr(3, 0xb0, 0x1234); /* whatever is written, it is the end */
    CU_ASSERT_EQUAL(page_rd(3, 0x120), 0);
    page_wr(0, 0x80, 0xfff);
    CU_ASSERT_EQUAL(page_rd(0, 0x80), 0xff);
    page_wr(0, 0x3f0, 0x66); /* no SELF here */
    CU_ASSERT_EQUAL(page_rd(0, 0x230) & 1 << 6, 0);
    CU_ASSERT_EQUAL(page_rd(0, 0x400), 0); /* beyond */
    page_wr(0, 0xff0, 1);
    page_wr(0, 0x280, 0);
    CU_ASSERT_EQUAL(page_rd(0, 0x280), 0x80); /* no such register */
    CU_ASSERT_EQUAL(page_rd(0, 0x24), 0);     /* between registers */
}

static void one_shot(void)
{
    begin();
    on(0);
    CU_ASSERT(wr(0, 0x83e, 0xb)); /* by 1 */
    CU_ASSERT(wr(0, 0x832, 0x61));
    CU_ASSERT(wr(0, 0x838, 1000));
    pass(400);
    CU_ASSERT(!has(0, 0x61) && rd(0, 0x839) == 600);
    pass(600);
    CU_ASSERT(has(0, 0x61) && rd(0, 0x839) == 0 && !set_timer);
    vlapic_accept(&vcpu[0], 0x61);
    CU_ASSERT(wr(0, 0x80b, 0));
    pass(100000);
    CU_ASSERT(!has(0, 0x61));
    CU_ASSERT(wr(0, 0x83e, 3) && wr(0, 0x838, 1000)); /* by 16 */
    pass(15999);
    CU_ASSERT(!has(0, 0x61) && rd(0, 0x839) == 0);
    pass(1);
    CU_ASSERT(has(0, 0x61));
    CU_ASSERT(wr(0, 0x838, 1000) && wr(0, 0x838, 0) && !set_timer); /* taken back */
    vlapic_accept(&vcpu[0], 0x61);
    CU_ASSERT(wr(0, 0x832, 0x10061) && wr(0, 0x838, 10));
    pass(1000);
    CU_ASSERT(!has(0, 0x61)); /* masked */
    CU_ASSERT(wr(0, 0x838, 0xffffffff) && set_timer);
    vlapic_stop(&vcpu[0]);
    CU_ASSERT(!set_timer);
}

static void periodic(void)
{
    u32 times = 0;

    begin();
    on(0);
    CU_ASSERT(wr(0, 0x83e, 0xb) && wr(0, 0x832, 0x20061) && wr(0, 0x838, 1000000));
    for (u32 i = 0; i < 10; i++) {
        pass(1000000);
        times += has(0, 0x61);
        vlapic_accept(&vcpu[0], 0x61);
        CU_ASSERT(wr(0, 0x80b, 0));
    }
    CU_ASSERT_EQUAL(times, 10);
    pass(250000);
    CU_ASSERT_EQUAL(rd(0, 0x839), 750000);
    CU_ASSERT(wr(0, 0x838, 1)); /* as often as nobody could: it is asked for, and happens less often */
    times = 0;
    for (u32 i = 0; i < 1000; i++) {
        pass(1000);
        times += has(0, 0x61);
        vlapic_accept(&vcpu[0], 0x61);
        CU_ASSERT(wr(0, 0x80b, 0));
    }
    CU_ASSERT(times >= 5 && times <= 50);
    times = sets;
    pass(100000000); /* 0.1 s in which nobody takes any */
    CU_ASSERT(sets - times <= 110);
    CU_ASSERT(vlapic_set_base(&vcpu[0], 0xfee00100ull) && !set_timer); /* off */
}

int main(void)
{
    CU_TestInfo tests[] = {{"priorities", priorities},
                           {"registers", registers},
                           {"commands", commands},
                           {"errors", errors},
                           {"the base register", bases},
                           {"as a page", a_page},
                           {"the timer, once", one_shot},
                           {"the timer, again and again", periodic},
                           CU_TEST_INFO_NULL};

    return suite_run("vlapic", tests);
}

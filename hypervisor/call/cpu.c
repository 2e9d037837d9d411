/* SPDX-License-Identifier: MIT */
/*
 * The processor that guests see, for the tools: as lists of CPUID leaves, and as words of features. There is one for
 * each kind of guest (dom/cpuid.c); the machine's own goes out beside them. A PV guest's programs execute CPUID without
 * asking Wirt, so a policy that hides what they would see is refused: nothing would keep it. Nor is one kept for the
 * other kind. There are no MSRs in any policy.
 */
#include "call/cpu.h"
#include "dom/cpuid.h"
#include "lib/errno.h"
#include "lib/log.h"

#define FIRST_HV    0x40000000u
#define HV_STRIDE   0x100u /* to the place of a second set of the hypervisor's leaves */
#define FIRST_EXT   0x80000000u
#define LEAF_LAST   0xdu /* of the basic ones */
#define EXT_LAST    0x80000021u
#define CACHE_SUBS  6u
#define XSTATE_SUBS 63u
#define LEAVES_MAX  256u

#define MACHINE ((enum domain_kind)DOMAIN_KINDS)

static struct cpuid leaf_at(enum domain_kind of, u32 leaf, u32 sub)
{
    return of == MACHINE ? cpuid(leaf, sub) : cpuid_leaf(of, vcpu_current()->id, leaf, sub);
}

static enum domain_kind kind_of(const struct domain *d)
{
    return d->hvm ? DOMAIN_HVM : DOMAIN_PV;
}

/* Which one a number of the ABI means: of two raw ones, the machine's, then in turns PV and HVM. */
static s64 index_decode(u32 index, enum domain_kind *of)
{
    static const u8 kind[] = {DOMAIN_KINDS, DOMAIN_KINDS, DOMAIN_PV, DOMAIN_HVM, DOMAIN_PV, DOMAIN_HVM};

    if (index >= ARRAY_COUNT(kind))
        return -EINVAL;
    *of = (enum domain_kind)kind[index];
    return *of == DOMAIN_HVM && !domain_kind[DOMAIN_HVM] ? -EOPNOTSUPP : 0;
}
_Static_assert(XEN_SYSCTL_cpu_policy_host == 1 && XEN_SYSCTL_cpu_policy_pv_max == 2 &&
                   XEN_SYSCTL_cpu_policy_hvm_default == 5 && XEN_SYSCTL_cpu_featureset_pv == 2 &&
                   XEN_SYSCTL_cpu_featureset_hvm_max == 5,
               "in this order");

/* The leaf with subleaf behind (leaf, sub), in the order and number that the tools' own lists have; false: none. */
static bool leaf_next(enum domain_kind of, u32 *leaf, u32 *sub)
{
    u32 subs = *leaf == 4 ? CACHE_SUBS : *leaf == 0xb ? 2 : *leaf == 0xd ? XSTATE_SUBS : 1;

    if (*leaf == 7)
        subs = leaf_at(of, 7, 0).eax + 1;
    if (++*sub < subs)
        return true;
    *sub = 0;
    if (*leaf == FIRST_HV) {
        *leaf = FIRST_HV + HV_STRIDE;
    } else if (*leaf == FIRST_HV + HV_STRIDE) {
        *leaf = FIRST_EXT;
    } else if (*leaf >= FIRST_EXT) {
        ++*leaf;
        return *leaf <= min(leaf_at(of, FIRST_EXT, 0).eax, EXT_LAST);
    } else if (++*leaf > min(leaf_at(of, 0, 0).eax, LEAF_LAST)) {
        *leaf = FIRST_HV;
    }
    return true;
}

static bool has_subs(u32 leaf)
{
    return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

/* All leaves that say something; without a list: room enough for them and for what the tools add. */
static s64 leaves_out(enum domain_kind of, guest_ptr list, u32 *count)
{
    u32 leaf = 0, sub = 0, n = 0;

    if (guest_is_null(list)) {
        *count = LEAVES_MAX;
        return 0;
    }
    do {
        struct cpuid c = leaf_at(of, leaf, sub);
        struct xen_cpuid_leaf l = {leaf, has_subs(leaf) ? sub : XEN_CPUID_NO_SUBLEAF, c.eax, c.ebx, c.ecx, c.edx};
        if (leaf == 0xd && sub > 1 && !(c.eax | c.ebx | c.ecx | c.edx))
            continue;
        if (n == *count)
            return -ENOBUFS;
        if (!guest_put_at(list, n, &l))
            return -EFAULT;
        n++;
    } while (leaf_next(of, &leaf, &sub));
    *count = n;
    return 0;
}

s64 call_cpu_policy(struct xen_sysctl_cpu_policy *op)
{
    enum domain_kind of;
    s64 rc = index_decode(op->index, &of);

    if (rc)
        return rc;
    op->nr_msrs = 0;
    return leaves_out(of, guest_at(op->leaves), &op->nr_leaves);
}

s64 cpu_policy_get(struct domain *d, struct xen_domctl *op)
{
    op->u.cpu_policy.nr_msrs = 0;
    return leaves_out(kind_of(d), guest_at(op->u.cpu_policy.leaves), &op->u.cpu_policy.nr_leaves);
}

/* Words of features: where CPUID has them. */
static const struct feature_word {
    u32 leaf, sub;
    u8 reg;     /* eax, ebx, ecx, edx */
    u32 may_go; /* what a policy may leave out: it is about the machine's layout, or says what Wirt does anyway */
} feature_word[] = {
    {1, 0, 3, 1u << 28},   {1, 0, 2, 1u << 31 | 1u << 27 | 1u << 3},
    {0x80000001, 0, 3, 0}, {0x80000001, 0, 2, 1u << 1},
    {0xd, 1, 0, 0},        {7, 0, 1, 0},
    {7, 0, 2, 0},          {0x80000007, 0, 3, 1u << 8},
    {0x80000008, 0, 1, 0}, {7, 0, 3, 0},
    {7, 1, 0, 0},          {0x80000021, 0, 0, 0},
    {7, 1, 1, 0},          {7, 2, 3, 0},
};

static u32 register_of(struct cpuid c, u32 reg)
{
    const u32 all[] = {c.eax, c.ebx, c.ecx, c.edx};

    return all[reg];
}

s64 call_cpu_featureset(struct xen_sysctl_cpu_featureset *op)
{
    enum domain_kind of;
    s64 rc = index_decode(op->index, &of);
    u32 room = op->nr_features;

    if (rc)
        return rc;
    op->nr_features = ARRAY_COUNT(feature_word);
    for (u32 i = 0; op->features && i < min(room, ARRAY_COUNT(feature_word)); i++) {
        const struct feature_word *w = &feature_word[i];
        u32 word = register_of(leaf_at(of, w->leaf, w->sub), w->reg);
        if (!guest_put_at(guest_at(op->features), i, &word))
            return -EFAULT;
    }
    return op->features && room < ARRAY_COUNT(feature_word) ? -ENOBUFS : 0;
}

s64 cpu_policy_set(struct domain *d, struct xen_domctl *op)
{
    static const char *const names[] = {"EAX", "EBX", "ECX", "EDX"};
    struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;
    struct xen_cpuid_leaf l;

    if (p->nr_leaves > LEAVES_MAX)
        return -E2BIG;
    for (u32 n = 0; n < p->nr_leaves; n++) {
        if (!guest_get_at(&l, guest_at(p->leaves), n))
            return -EFAULT;
        for (u32 i = 0; i < ARRAY_COUNT(feature_word); i++) {
            const struct feature_word *w = &feature_word[i];
            u32 ours = register_of(leaf_at(kind_of(d), w->leaf, w->sub), w->reg) & ~w->may_go;
            u32 theirs = register_of((struct cpuid){l.a, l.b, l.c, l.d}, w->reg);
            if (l.leaf == w->leaf && (l.subleaf == w->sub || l.subleaf == XEN_CPUID_NO_SUBLEAF) && ours & ~theirs) {
                log_warn("domain %u: its CPUID policy hides 0x%x of %s in leaf 0x%x; guests see the machine's "
                         "processor, so the "
                         "policy is refused",
                         d->id, ours & ~theirs, names[w->reg], l.leaf);
                return -EOPNOTSUPP;
            }
        }
    }
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * hvm_op: the parameters through which a domain with hardware assistance and its builder tell each other where the
 * pages of console and xenstore are, and by which vector event channels come. A guest reads what its builder wrote; it
 * writes only how it wants to be called.
 */
#include "call/call.h"
#include "hvm/hvm.h"
#include "lib/errno.h"

#define VECTOR_FIRST 32u

static s64 param_set(struct domain *d, void *arg)
{
    const struct xen_hvm_param *p = arg;
    u64 type = p->value >> 56;

    if (!d->hvm || p->index >= HVM_NR_PARAMS)
        return -EINVAL;
    if (d == domain_current() && p->index != HVM_PARAM_CALLBACK_IRQ)
        return -EPERM;
    if (p->index == HVM_PARAM_CALLBACK_IRQ) {
        if (p->value && (type != HVM_PARAM_CALLBACK_TYPE_VECTOR || (u8)p->value < VECTOR_FIRST))
            return -EOPNOTSUPP; /* no lines, no PCI */
        WRITE_ONCE(d->hvm->callback_vector, (u8)p->value);
    }
    WRITE_ONCE(d->hvm->param[p->index], p->value);
    return 0;
}

static s64 param_get(struct domain *d, void *arg)
{
    struct xen_hvm_param *p = arg;

    if (!d->hvm || p->index >= HVM_NR_PARAMS)
        return -EINVAL;
    p->value = READ_ONCE(d->hvm->param[p->index]);
    return 0;
}

static const struct call_sub command[] = {
    CALL_SUB(HVMOP_set_param, param_set, struct xen_hvm_param, CALL_SERVE),
    CALL_SUB(HVMOP_get_param, param_get, struct xen_hvm_param, CALL_SERVE | CALL_REPLIES),
};

s64 call_hvm_op(const struct call_args *args)
{
    return call_sub(command, ARRAY_COUNT(command), args->a[0], guest_at(args->a[1]));
}

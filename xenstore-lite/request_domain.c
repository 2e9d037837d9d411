// SPDX-License-Identifier: MIT
/*
 * Requests about domains: who is served, where its part of the tree is, whose rights it has. Those that change
 * anything are dom0's alone, which the wire's table says and request_handle checks.
 */
#include "request.h"
#include "domain.h"
#include "watch.h"

#include <stdio.h>

static bool domid_of(const char *text, uint32_t *domid)
{
    uint64_t value;

    if (!wire_number(text, PERM_DOMIDS - 1, &value))
        return false;
    *domid = (uint32_t)value;
    return true;
}

int request_introduce(struct call *k)
{
    const char *mfn_text = k->r.arg[1];
    uint64_t mfn, port;
    uint32_t domid;
    int error;

    if (!domid_of(k->r.arg[0], &domid) || !domid || !wire_number(mfn_text, UINT64_MAX, &mfn) ||
        !wire_number(k->r.arg[2], UINT32_MAX, &port) || !port)
        return EINVAL;
    error = domain_introduce(domid, mfn, (uint32_t)port);
    if (!error)
        watch_fire_special(WATCH_INTRODUCE, domid);
    return error;
}

int request_release(struct call *k)
{
    uint32_t domid;
    struct domain *d;

    if (!domid_of(k->r.arg[0], &domid) || !domid)
        return EINVAL;
    d = domain_find(domid);
    if (!d)
        return ENOENT;
    domain_release(d, false);
    watch_fire_special(WATCH_RELEASE, domid);
    return 0;
}

int request_domain_path(struct call *k)
{
    char text[40];
    uint64_t domid;

    if (!wire_number(k->r.arg[0], UINT16_MAX, &domid))
        return EINVAL;
    request_answer(k, text, (size_t)snprintf(text, sizeof(text), "/local/domain/%u", (unsigned)domid) + 1);
    return 0;
}

int request_is_introduced(struct call *k)
{
    uint64_t domid;

    if (!wire_number(k->r.arg[0], UINT16_MAX, &domid))
        return EINVAL;
    request_answer(k, domid == 0 || domain_find((uint32_t)domid) ? "T" : "F", 2);
    return 0;
}

int request_resume(struct call *k)
{
    uint32_t domid;
    struct domain *d;

    if (!domid_of(k->r.arg[0], &domid) || !domid)
        return EINVAL;
    d = domain_find(domid);
    if (!d)
        return ENOENT;
    domain_set_shutdown(d, false);
    return 0;
}

int request_set_target(struct call *k)
{
    uint32_t domid, target;
    struct domain *d;

    if (!domid_of(k->r.arg[0], &domid) || !domid_of(k->r.arg[1], &target) || !domid || !target)
        return EINVAL;
    d = domain_find(domid);
    if (!d || !domain_find(target))
        return ENOENT;
    domain_set_target(d, target);
    return 0;
}

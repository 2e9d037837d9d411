/* SPDX-License-Identifier: MIT */
/*
 * grant_table_op: arrays of operations, each with a status of its own. Operations are read, done and answered one by
 * one; the cursor counts finished ones. Unmapped frames are let go in groups, behind one TLB flush. Version 2, frames
 * that change their owner, and what only these need are -ENOSYS: Linux does without.
 */
#include "call/call.h"
#include "core/work.h"
#include "dom/grant.h"
#include "lib/errno.h"

static s64 setup_table(struct domain *d, void *arg)
{
    struct gnttab_setup_table *op = arg;
    struct vcpu_cont *cont = &vcpu_current()->cont;
    int rc = op->nr_frames <= d->grant.frame_max ? 0 : -EINVAL;
    mfn_t m;

    for (u64 i = cont->cursor; i < op->nr_frames && rc == 0; i++) {
        rc = grant_frame(d, (u32)i, &m);
        if (rc == 0 && !guest_put_at(guest_at(op->frame_list), i, &m.n))
            return -EFAULT;
        if (work_is_pending() && rc == 0 && i + 1 < op->nr_frames) {
            cont->cursor = i + 1;
            return -ERESTART;
        }
    }
    op->status = rc == 0 ? GNTST_okay : GNTST_general_error;
    return 0;
}

static s64 query_size(struct domain *d, void *arg)
{
    struct gnttab_query_size *op = arg;

    op->nr_frames = READ_ONCE(d->grant.frame_count);
    op->max_nr_frames = d->grant.frame_max;
    op->status = GNTST_okay;
    return 0;
}

static s64 set_version(struct domain *d, void *arg)
{
    struct gnttab_set_version *op = arg;

    (void)d;
    if (op->version != 1)
        return op->version == 2 ? -ENOSYS : -EINVAL;
    return 0;
}

static s64 get_version(struct domain *d, void *arg)
{
    struct gnttab_get_version *op = arg;

    (void)d;
    op->version = 1;
    return 0;
}

static const struct call_sub command[] = {
    CALL_SUB(GNTTABOP_setup_table, setup_table, struct gnttab_setup_table, CALL_SERVE | CALL_REPLIES),
    CALL_SUB(GNTTABOP_query_size, query_size, struct gnttab_query_size, CALL_SERVE | CALL_REPLIES),
    CALL_SUB(GNTTABOP_set_version, set_version, struct gnttab_set_version, CALL_OWN | CALL_REPLIES),
    CALL_SUB(GNTTABOP_get_version, get_version, struct gnttab_get_version, CALL_SERVE | CALL_REPLIES),
};

/* More to do, and other work waits? Then *cursor says where to go on. */
static inline bool stops_at(u64 i, u64 count)
{
    if (likely(!work_is_pending()) || i == count)
        return false;
    vcpu_current()->cont.cursor = i;
    return true;
}

static s64 map(guest_ptr at, u64 count)
{
    struct gnttab_map_grant_ref op;
    struct domain *g = NULL;
    u64 i = vcpu_current()->cont.cursor;
    domid_t id;
    s64 rc = 0;

    while (i < count && rc == 0) {
        if (unlikely(!guest_get_at(&op, at, i))) {
            rc = -EFAULT;
            break;
        }
        id = op.dom == DOMID_SELF ? domain_current()->id : op.dom;
        if (g && g->id != id) {
            domain_put(g);
            g = NULL;
        }
        if (!g)
            g = domain_get(id);
        if (likely(g))
            grant_map(g, &op);
        else
            op.status = GNTST_bad_domain;
        if (unlikely(!guest_write(guest_offset(at, i * sizeof(op) + offsetof(struct gnttab_map_grant_ref, dom)),
                                  &op.dom, sizeof(op) - offsetof(struct gnttab_map_grant_ref, dom))))
            rc = -EFAULT;
        else if (unlikely(stops_at(++i, count)))
            rc = -ERESTART;
    }
    if (g)
        domain_put(g);
    return rc;
}

static s64 unmap(guest_ptr at, u64 count)
{
    struct gnttab_unmap_grant_ref op;
    struct grant_unmapped gone;
    u64 i = vcpu_current()->cont.cursor;
    s64 rc = 0;

    gone.count = 0;
    while (i < count && rc == 0) {
        if (unlikely(!guest_get_at(&op, at, i))) {
            rc = -EFAULT;
            break;
        }
        grant_unmap(&op, &gone);
        if (gone.count == GRANT_UNMAP_MAX)
            grant_unmap_finish(&gone);
        if (unlikely(!guest_write(guest_offset(at, i * sizeof(op) + offsetof(struct gnttab_unmap_grant_ref, handle)),
                                  &op.handle, sizeof(op) - offsetof(struct gnttab_unmap_grant_ref, handle))))
            rc = -EFAULT;
        else if (unlikely(stops_at(++i, count)))
            rc = -ERESTART;
    }
    grant_unmap_finish(&gone);
    return rc;
}

static s64 copy(guest_ptr at, u64 count)
{
    struct grant_copy c = GRANT_COPY_INIT;
    struct gnttab_copy op;
    u64 i = vcpu_current()->cont.cursor;
    s64 rc = 0;

    while (i < count && rc == 0) {
        if (unlikely(!guest_get_at(&op, at, i))) {
            rc = -EFAULT;
            break;
        }
        grant_copy(&c, &op);
        if (unlikely(!guest_write(guest_offset(at, i * sizeof(op) + offsetof(struct gnttab_copy, len)), &op.len,
                                  sizeof(op) - offsetof(struct gnttab_copy, len))))
            rc = -EFAULT;
        else if (unlikely(stops_at(++i, count)))
            rc = -ERESTART;
    }
    grant_copy_end(&c);
    return rc;
}

s64 call_grant_table_op(const struct call_args *args)
{
    guest_ptr at = guest_at(args->a[1]);
    u64 count = (u32)args->a[2];

    if (!guest_range_ok(at.va, count * sizeof(struct gnttab_copy)))
        return -EFAULT;
    switch (args->a[0]) {
    case GNTTABOP_copy:
        return copy(at, count);
    case GNTTABOP_map_grant_ref:
        return map(at, count);
    case GNTTABOP_unmap_grant_ref:
        return unmap(at, count);
    default:
        return count == 1 ? call_sub(command, ARRAY_COUNT(command), args->a[0], at) : -EINVAL;
    }
}

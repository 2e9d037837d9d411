/* SPDX-License-Identifier: MIT */
/*
 * Grants at their edges, over the small world of ../../model/grants (which does the random walk): calls that are
 * interrupted, frames that are busy, counters that are full, handles that have gone round, a death in pieces.
 */
#include "../suite.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "../../model/grants/world.h"
#include "call/call.h"
#include "fake_hw/fake.h"

#define BATCH 5u

static u64 data[DOMS];

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n0 passed, 1 failed\n");
    exit(1);
}

static void grant(u32 g, u32 ref, u32 user, u16 flags)
{
    volatile struct grant_entry_v1 *e = world_entry(doms[g], ref);
    e->domid = doms[user]->id;
    e->frame = (u32)data[g];
    e->flags = flags;
}

static u16 flags_of(u32 g, u32 ref)
{
    return world_entry(doms[g], ref)->flags & (GTF_reading | GTF_writing);
}

static s64 call_as(u32 d, u32 cmd, void *op, u32 count)
{
    struct call_args args = {{cmd, (u64)op, count}};
    world_run_as(d);
    return call_grant_table_op(&args);
}

/* Again and again while it is interrupted; how often that was. */
static u32 call_on(u32 d, u32 cmd, void *op, u32 count)
{
    u32 times = 0;
    s64 rc;
    world_run_as(d);
    cpu_info()->work = 1;
    while ((rc = call_as(d, cmd, op, count)) == -ERESTART)
        times++;
    CU_ASSERT_EQUAL(rc, 0);
    cpu_info()->work = 0;
    vcpu_current()->cont.cursor = 0;
    return times;
}

static struct gnttab_map_grant_ref device_map(u32 g, u32 ref)
{
    return (struct gnttab_map_grant_ref){
        .flags = GNTMAP_device_map | GNTMAP_readonly, .ref = ref, .dom = doms[g]->id, .status = 99};
}

static s16 unmap(u32 d, u64 host, u64 bus, u32 handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = host, .dev_bus_addr = bus, .handle = handle};
    CU_ASSERT_EQUAL(call_as(d, GNTTABOP_unmap_grant_ref, &op, 1), 0);
    return op.status;
}

/* One operation at a time: each is done once, and nothing is held in between. */
static void test_interrupted(void)
{
    struct gnttab_map_grant_ref map[BATCH];
    struct gnttab_unmap_grant_ref gone[BATCH];
    struct gnttab_copy copy[BATCH];

    grant(1, 3, 0, GTF_permit_access);
    for (u32 i = 0; i < BATCH; i++)
        map[i] = (struct gnttab_map_grant_ref){
            .host_addr = VA + i * PAGE_SIZE, .flags = GNTMAP_host_map, .ref = 3, .dom = doms[1]->id};
    CU_ASSERT_EQUAL(call_on(0, GNTTABOP_map_grant_ref, map, BATCH), BATCH - 1);
    CU_ASSERT_EQUAL(doms[1]->grant.pins[0][3].users, BATCH);
    for (u32 i = 0; i < BATCH; i++) {
        CU_ASSERT_EQUAL(map[i].status, GNTST_okay);
        gone[i] = (struct gnttab_unmap_grant_ref){.host_addr = map[i].host_addr, .handle = map[i].handle};
    }
    CU_ASSERT_EQUAL(call_on(0, GNTTABOP_unmap_grant_ref, gone, BATCH), BATCH - 1);
    CU_ASSERT_EQUAL(doms[1]->grant.pins[0][3].users, 0);
    for (u32 i = 0; i < BATCH; i++) {
        CU_ASSERT_EQUAL(gone[i].status, GNTST_okay);
        copy[i] = (struct gnttab_copy){.source.domid = DOMID_SELF,
                                       .dest = {.u.ref = 3, .domid = doms[1]->id, .offset = (u16)(8 * i)},
                                       .len = 8,
                                       .flags = GNTCOPY_dest_gref};
        copy[i].source.u.gmfn = data[0];
    }
    *(u64 *)frame_va(mfn(data[0])) = 0x1122334455667788;
    cpu_info()->work = 1;
    CU_ASSERT_EQUAL(call_as(0, GNTTABOP_copy, copy, BATCH), -ERESTART);
    CU_ASSERT(flags_of(1, 3) == 0 && doms[1]->grant.pinned == 0);
    CU_ASSERT_EQUAL(call_on(0, GNTTABOP_copy, copy, BATCH), BATCH - 2);
    CU_ASSERT_EQUAL(((u64 *)frame_va(mfn(data[1])))[BATCH - 1], 0x1122334455667788);
}

/* A frame in the middle of a change makes nobody wait for ever. */
static void test_busy(void)
{
    struct gnttab_map_grant_ref map = {.host_addr = VA, .flags = GNTMAP_host_map, .ref = 4, .dom = doms[1]->id};
    struct gnttab_copy copy = {.source = {.u.ref = 4, .domid = doms[1]->id},
                               .dest = {.u.ref = 4, .domid = doms[1]->id},
                               .len = 8,
                               .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref};
    struct page *p = frame_page(mfn(data[1]));
    u64 was = p->type;

    grant(1, 4, 0, GTF_permit_access);
    p->type = PAGE_KIND_OF(PAGE_L2) | PAGE_BUSY | 3ull << PAGE_PROGRESS_SHIFT;
    CU_ASSERT_EQUAL(call_as(0, GNTTABOP_map_grant_ref, &map, 1), 0);
    CU_ASSERT_EQUAL(map.status, GNTST_eagain);
    map.flags |= GNTMAP_device_map;
    CU_ASSERT_EQUAL(call_as(0, GNTTABOP_map_grant_ref, &map, 1), 0);
    CU_ASSERT_EQUAL(map.status, GNTST_eagain);
    CU_ASSERT_EQUAL(call_as(0, GNTTABOP_copy, &copy, 1), 0);
    CU_ASSERT_EQUAL(copy.status, GNTST_eagain);
    CU_ASSERT_EQUAL(flags_of(1, 4), 0);
    p->type = was;
    CU_ASSERT_EQUAL(call_as(0, GNTTABOP_map_grant_ref, &map, 1), 0);
    CU_ASSERT_EQUAL(map.status, GNTST_okay);
    CU_ASSERT_EQUAL(unmap(0, VA, data[1] << PAGE_SHIFT, map.handle), GNTST_okay);
}

/* The generation goes round; a handle is never all ones. */
static void test_generations(void)
{
    u32 last = ~0u;

    grant(1, 5, 0, GTF_permit_access);
    for (u32 i = 0; i < 5000; i++) {
        struct gnttab_map_grant_ref map = device_map(1, 5);
        CU_ASSERT_EQUAL_FATAL(call_as(0, GNTTABOP_map_grant_ref, &map, 1), 0);
        CU_ASSERT_FATAL(map.status == GNTST_okay && map.handle != last && map.handle != ~0u);
        last = map.handle;
        CU_ASSERT_EQUAL_FATAL(unmap(0, 0, map.dev_bus_addr, last), GNTST_okay);
        CU_ASSERT_EQUAL_FATAL(unmap(0, 0, map.dev_bus_addr, last), GNTST_bad_handle);
    }
}

static void test_full(void)
{
    struct grant_pins *pins = &doms[1]->grant.pins[0][6];
    struct gnttab_map_grant_ref map = device_map(1, 6);
    mfn_t m;

    grant(1, 6, 0, GTF_permit_access);
    pins->users = UINT16_MAX;
    CU_ASSERT_EQUAL(call_as(0, GNTTABOP_map_grant_ref, &map, 1), 0);
    CU_ASSERT_EQUAL(map.status, GNTST_no_space);
    CU_ASSERT_EQUAL(pins->users, UINT16_MAX);
    pins->users = 0;
    CU_ASSERT_EQUAL(grant_frame(doms[1], 2, &m), -EINVAL); /* the limit of this world */
    CU_ASSERT_EQUAL(grant_frame(doms[1], ~0u, &m), -EINVAL);
    CU_ASSERT_EQUAL(doms[1]->grant.frame_count, 2);
    map.ref = 2 * GRANT_PER_FRAME;
    CU_ASSERT_EQUAL(call_as(0, GNTTABOP_map_grant_ref, &map, 1), 0);
    CU_ASSERT_EQUAL(map.status, GNTST_bad_gntref);
}

/* Whose doing a refusal is: of who asks; of the granter if dom0 asks, whose backends do what frontends say. */
static void test_named(void)
{
    struct gnttab_map_grant_ref map = device_map(1, 9);
    struct gnttab_copy copy = {.source = {.u.ref = 9, .domid = doms[1]->id}, .flags = GNTCOPY_source_gref, .len = 8};

    copy.dest.domid = DOMID_SELF;
    copy.dest.u.gmfn = data[0];
    for (u32 i = 0; i < 2; i++) {
        doms[0]->is_privileged = i;
        world_named = NULL;
        CU_ASSERT_EQUAL(call_as(0, GNTTABOP_map_grant_ref, &map, 1), 0);
        CU_ASSERT_EQUAL(map.status, GNTST_general_error);
        CU_ASSERT_PTR_EQUAL(world_named, doms[i]);
        world_named = NULL;
        CU_ASSERT_EQUAL(call_as(0, GNTTABOP_copy, &copy, 1), 0);
        CU_ASSERT_EQUAL(copy.status, GNTST_general_error);
        CU_ASSERT_PTR_EQUAL(world_named, doms[i]);
    }
    doms[0]->is_privileged = false;
    world_named = NULL;
    CU_ASSERT_EQUAL(unmap(0, 0, 0, 12345), GNTST_bad_handle);
    CU_ASSERT_PTR_EQUAL(world_named, doms[0]);
}

/* The granter dies piece by piece while its frame is mapped; the zombie goes with the last unmap. */
static void test_death(void)
{
    struct domain *g = doms[2];
    u64 frame = data[2];
    struct gnttab_map_grant_ref map = {.host_addr = VA, .flags = GNTMAP_host_map, .ref = 7, .dom = g->id},
                                late = device_map(2, 7);
    struct gnttab_copy copy = {
        .source = {.u.ref = 7, .domid = g->id}, .dest.domid = DOMID_SELF, .len = 8, .flags = GNTCOPY_source_gref};
    u32 steps = 0;
    mfn_t m;

    copy.dest.u.gmfn = data[0];
    grant(2, 7, 0, GTF_permit_access);
    grant(1, 8, 2, GTF_permit_access);
    CU_ASSERT_EQUAL(call_as(0, GNTTABOP_map_grant_ref, &map, 1), 0);
    CU_ASSERT_EQUAL(map.status, GNTST_okay);
    for (u32 i = 0; i < 3; i++) { /* what it maps itself */
        struct gnttab_map_grant_ref own = device_map(1, 8);
        CU_ASSERT_EQUAL(call_as(2, GNTTABOP_map_grant_ref, &own, 1), 0);
    }
    CU_ASSERT_EQUAL(flags_of(1, 8), GTF_reading);
    g->life = DOMAIN_DYING;
    cpu_info()->work = 1;
    while (grant_destroy(g) == -ERESTART)
        steps++;
    cpu_info()->work = 0;
    CU_ASSERT(steps > 4);
    CU_ASSERT_EQUAL(flags_of(1, 8), 0);
    CU_ASSERT_EQUAL(grant_destroy(g), 0); /* once more does no harm */
    world_relinquish(g, 2);
    domain_put(g);
    CU_ASSERT(!is_freed[g->id] && g->page_held == 1);
    CU_ASSERT_EQUAL(call_as(0, GNTTABOP_map_grant_ref, &late, 1), 0);
    CU_ASSERT_EQUAL(late.status, GNTST_bad_domain);
    CU_ASSERT_EQUAL(call_as(0, GNTTABOP_copy, &copy, 1), 0);
    CU_ASSERT_EQUAL(copy.status, GNTST_bad_domain);
    CU_ASSERT_EQUAL(grant_frame(g, 0, &m), -EINVAL);
    CU_ASSERT_EQUAL(frame_page(mfn(frame))->owner, domain_owner(g));
    CU_ASSERT_EQUAL(unmap(0, VA, 0, map.handle), GNTST_okay);
    CU_ASSERT(is_freed[g->id]);
    CU_ASSERT_EQUAL(frame_page(mfn(frame))->owner, PAGE_OWNER_NONE);
}

static u32 uses(u32 user, u32 g, u32 *pieces)
{
    u32 from = 0, count = 0;

    for (*pieces = 0; *pieces == 0 || from; ++*pieces)
        count += grant_uses(doms[user], doms[g], &from);
    return count;
}

/* The same by the list, of one entry alone; *devices: how many of them are for devices. */
static u32 listed(u32 user, u32 g, u32 ref, u32 *devices)
{
    struct wirt_mapping m;
    u32 from = 0, count = 0;

    *devices = 0;
    do {
        if (!grant_mapping(doms[user], &from, &m) || m.granter != doms[g]->id || m.ref != ref)
            continue;
        count++;
        CU_ASSERT(m.flags & WIRT_MAPPING_readonly);
        *devices += (m.flags & WIRT_MAPPING_device) != 0;
    } while (from);
    return count;
}

/* Who maps whose frames is counted piece by piece; halves of a mapping are one use, what is unmapped is none. */
static void test_uses(void)
{
    enum { MANY = GRANT_MAPPINGS_LEAF + 60 };
    static struct gnttab_map_grant_ref map[MANY];
    u32 pieces, of_one, of_two, devices;

    of_one = uses(0, 1, &pieces);
    of_two = uses(0, 2, &pieces);
    grant(1, 10, 0, GTF_permit_access);
    for (u32 i = 0; i < MANY; i++) {
        map[i] = device_map(1, 10);
        if (i == 0) {
            map[i].flags |= GNTMAP_host_map;
            map[i].host_addr = VA;
        }
        CU_ASSERT_EQUAL(call_as(0, GNTTABOP_map_grant_ref, &map[i], 1), 0);
        CU_ASSERT_EQUAL(map[i].status, GNTST_okay);
    }
    CU_ASSERT_EQUAL(uses(0, 1, &pieces), of_one + MANY);
    CU_ASSERT_EQUAL(pieces, 2);
    CU_ASSERT_EQUAL(uses(0, 2, &pieces), of_two);
    CU_ASSERT_EQUAL(uses(1, 0, &pieces), 0);
    CU_ASSERT_EQUAL(pieces, 1);
    CU_ASSERT_EQUAL(listed(0, 1, 10, &devices), MANY);
    CU_ASSERT_EQUAL(devices, MANY - 1);
    CU_ASSERT_EQUAL(listed(0, 1, 11, &devices) + listed(0, 2, 10, &devices) + listed(1, 0, 10, &devices), 0);
    CU_ASSERT_EQUAL(unmap(0, VA, 0, map[0].handle), GNTST_okay);
    CU_ASSERT_EQUAL(uses(0, 1, &pieces), of_one + MANY);
    doms[0]->grant.is_dying = true; /* lets go by itself, and its arrays may be half gone */
    CU_ASSERT_EQUAL(uses(0, 1, &pieces) + listed(0, 1, 10, &devices), 0);
    doms[0]->grant.is_dying = false;
    for (u32 i = 0; i < MANY; i++)
        CU_ASSERT_EQUAL(unmap(0, 0, map[i].dev_bus_addr, map[i].handle), GNTST_okay);
    CU_ASSERT_EQUAL(uses(0, 1, &pieces), of_one);
}

/* Domains that were given no grants at all. */
static void test_none(void)
{
    static struct domain d;
    mfn_t m;

    CU_ASSERT_EQUAL(grant_init(&d, 0, 0), 0);
    CU_ASSERT_EQUAL(grant_frame(&d, 0, &m), -EINVAL);
    CU_ASSERT_EQUAL(grant_pin(&d, 0, 0, false, &m.n), GNTST_bad_gntref);
    CU_ASSERT_EQUAL(grant_destroy(&d), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {{"interrupted calls", test_interrupted},
                           {"a frame that is busy", test_busy},
                           {"generations of a handle", test_generations},
                           {"full counters and tables", test_full},
                           {"who maps whose", test_uses},
                           {"refusals are named", test_named},
                           {"death in pieces", test_death},
                           {"no grants", test_none},
                           CU_TEST_INFO_NULL};

    seed_state = 1;
    world_init();
    for (u32 i = 0; i < DOMS; i++) {
        world_run_as(i);
        data[i] = world_page_new(i);
    }
    return suite_run("grant", tests);
}

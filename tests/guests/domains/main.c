/* SPDX-License-Identifier: MIT */
/*
 * The control domain's hold on the memory of others: a tiny domain is built as a toolstack does it (claim, populate,
 * foreign mappings, page tables written as memory, a foreign pin), run, and ended, also in the middle of what it does
 * and while we map its frames. It executes lists of hypercalls that we put into its memory, so that what a guest must
 * not do is tried by a real one. At the end no frame is missing, and the audit agrees.
 */
#include "build.h"
#include "public/grant_table.h"
#include "public/wirt.h"

#define ROOM    8192u /* frames that we give back for others */
#define E_NOMEM (-12)
#define E_BUSY  (-16)

static void limits(void)
{
    u64 many[PAGES + 8] = {0};
    struct xen_memory_domain d = {0};

    test("populate");
    if (!create(PAGES))
        finish();
    d.domid = (domid_t)dom;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_maximum_reservation, &d), PAGES);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &d), 0);
    EQ(memory(XENMEM_populate_physmap, dom, many, PAGES + 8), PAGES);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_current_reservation, &d), PAGES);
    EQ(memory(XENMEM_decrease_reservation, dom, many, 3), 3);
    EQ(memory(XENMEM_decrease_reservation, dom, many, 3), 0); /* no more its own */
    EQ(memory(XENMEM_increase_reservation, dom, many, 8), 3);
    EQ(memory(XENMEM_decrease_reservation, 0, many, 1), 0); /* not ours */
    EQ(memory(XENMEM_populate_physmap, dom + 77, many, 1), E_SRCH);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_maximum_gpfn, &d), 0);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_get_pod_target, many), E_NOSYS);
    end();
}

static void claims(void)
{
    u64 before = free_now(), some[64] = {0}, m;
    struct xen_memory_reservation r = {.nr_extents = 8, .domid = (domid_t)dom, .extent_order = 1};

    test("claim");
    create(before + 1000);
    r.domid = (domid_t)dom;
    before = free_now();
    EQ(claim(dom, before + 1), E_NOMEM);
    EQ(claim(dom, 1ull << 63), E_INVAL);
    EQ(claim(dom, ~0ull), E_INVAL);
    EQ(claim(dom, before + 2000), E_INVAL); /* more than it may have */
    EQ(claim(dom + 77, 1), E_SRCH);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_claim_pages, &r), E_INVAL);
    EQ(claim(dom, before - 32), 0);
    EQ(claim(dom, 8), E_INVAL); /* one at a time */
    EQ(memory(XENMEM_populate_physmap, dom, some, 16), 16);
    m = 0;
    for (u64 one = 0; m < 1000 && memory(XENMEM_increase_reservation, 0, &one, 1) == 1; m++)
        ((u64 *)win)[m & 511] = one;
    TRUE(m >= 16 && m <= 32); /* what was left for others */
    EQ(memory(XENMEM_populate_physmap, dom, some, 64), 64);
    EQ(claim(dom, 0), 0);
    EQ(memory(XENMEM_decrease_reservation, 0, (u64 *)win, m), m);
    test("claim-death");
    EQ(claim(dom, 100), 0);
    end();
    before = free_now();
    create(before + 1000);
    before = free_now();
    EQ(claim(dom, before), 0); /* the other one's is gone */
    end();
}

static void mappings(void)
{
    struct mmu_update u[3];
    u32 done;

    test("foreign-map");
    create(PAGES);
    furnish();
    EQ(show(win, frame[FREE] << 12 | RW_PAGE, dom), 0);
    *(u64 *)win = 0x1234;
    EQ(show(win, frame[FREE] << 12 | RO_PAGE, dom), 0);
    EQ(*(u64 *)win, 0x1234);
    EQ(show(win, frame[FREE] << 12 | RW_PAGE, DOMID_SELF), E_PERM); /* it is not ours */
    FAILS(show(win, frame[FREE] << 12 | RW_PAGE, DOMID_IO));
    FAILS(show(win, mfn_of(data) << 12 | RW_PAGE, dom));
    EQ(show(win, frame[FREE] << 12 | RW_PAGE, dom + 77), E_SRCH);
    test("foreign-batch"); /* stops at the request that fails, and says so */
    const u64 *l1 = pte_of((u64)win, 1);
    u64 slot = (*pte_of((u64)l1, 1) & PTE_ADDR) | ((u64)l1 & 0xfff);
    for (u32 i = 0; i < 3; i++)
        u[i] = (struct mmu_update){slot | MMU_PT_UPDATE_NO_TRANSLATE,
                                   (i == 1 ? mfn_of(data) : frame[FREE + i]) << 12 | RW_PAGE};
    EQ(call4(__HYPERVISOR_mmu_update, u, 3, &done, dom), E_PERM);
    EQ(done, 1);
    EQ(call4(__HYPERVISOR_mmu_update, u + 2, 1, &done, dom), 0);
    EQ(done, 1);
    test("foreign-m2p");
    EQ(write_table(0, 0, 0, 0, 0), E_INVAL); /* nobody's table */
    u[0] = (struct mmu_update){frame[FREE] << 12 | MMU_MACHPHYS_UPDATE, 77};
    EQ(call4(__HYPERVISOR_mmu_update, u, 1, 0, dom), 0);
    EQ(((const u64 *)HV_START)[frame[FREE]], 77);
    FAILS(call4(__HYPERVISOR_mmu_update, u, 1, 0, DOMID_SELF));
    end();
    EQ(((const u64 *)HV_START)[frame[FREE]], ~0ul);
}

static void tables(void)
{
    test("foreign-pin");
    create(PAGES);
    furnish();
    EQ(show(win, frame[L1] << 12 | RW_PAGE, dom), 0);
    EQ(pin_of(dom, MMUEXT_PIN_L4_TABLE, frame[L4]), E_INVAL); /* we still map its L1 writable */
    EQ(show(win, frame[L1] << 12 | RO_PAGE, dom), 0);
    EQ(pin_of(dom, MMUEXT_PIN_L4_TABLE, frame[L4]), 0);
    EQ(pin_of(dom, MMUEXT_PIN_L4_TABLE, frame[L4]), E_INVAL);
    EQ(((u64 *)win)[0] & PTE_ADDR, frame[L4] << 12);
    EQ(show(win, frame[L1] << 12 | RW_PAGE, dom), E_INVAL);
    EQ(show(win, frame[L4] << 12 | RW_PAGE, dom), E_INVAL);
    EQ(show(win, frame[L2] << 12 | RO_PAGE, dom), 0);
    EQ(pin_of(DOMID_SELF, MMUEXT_PIN_L1_TABLE, frame[L1]), E_INVAL);
    EQ(pin_of(dom, MMUEXT_NEW_BASEPTR, frame[L4]), E_PERM);
    EQ(call5(__HYPERVISOR_wirt_switch, 0xffff880000100000, 0, 0, frame[L4], 0), E_INVAL);
    EQ(call5(__HYPERVISOR_wirt_switch, 0xffff880000100000, 0, 0, mfn_of((void *)si->pt_base), frame[L4]), E_INVAL);
    EQ(pin_of(dom, MMUEXT_TLB_FLUSH_ALL, 0), E_PERM);
    EQ(pin_of(dom + 77, MMUEXT_PIN_L4_TABLE, frame[L4]), E_SRCH);
    EQ(memory(XENMEM_decrease_reservation, dom, &frame[L4], 1), 0); /* pinned */
    test("foreign-table");
    EQ(write_table(dom, frame[L1], 100, frame[FREE] << 12 | RW_PAGE, dom), 0);
    EQ(write_table(dom, frame[L1], 101, frame[L1] << 12 | RW_PAGE, dom), E_INVAL);
    EQ(write_table(dom, frame[L1], 101, mfn_of(data) << 12 | RO_PAGE, DOMID_SELF), E_PERM);
    FAILS(write_table(dom, frame[L1], 101, mfn_of(data) << 12 | RO_PAGE, dom));
    FAILS(write_table(dom, frame[L4], 256, frame[L3] << 12 | TABLE, dom));
    FAILS(write_table(dom, mfn_of(win), 0, 0, dom));
    test("foreign-unpin");
    EQ(pin_of(dom, MMUEXT_UNPIN_TABLE, frame[L4]), 0);
    EQ(pin_of(dom, MMUEXT_UNPIN_TABLE, frame[L4]), E_INVAL);
    EQ(show(win, frame[L1] << 12 | RW_PAGE, dom), 0);
    end();
}

static void uses(u32 user, s64 answer, u64 maps, u64 frames)
{
    struct xen_domctl op = {0};
    struct wirt_domctl_uses *u = (void *)&op.u;
    u->user = (domid_t)user;
    EQ(domctl(WIRT_DOMCTL_uses, dom, &op), answer);
    EQ(u->mappings, maps);
    EQ(u->frames, frames);
}

/* The control domain's own mappings, of which there are as many as `maps`, all of entry 9 of the other one's. */
static void listed(u32 maps)
{
    static struct wirt_mapping m[8];
    struct xen_domctl op = {0};
    struct wirt_domctl_mappings *l = (void *)&op.u;

    do {
        l->list = (u64)m;
        l->room = 8;
        EQ(domctl(WIRT_DOMCTL_mappings, 0, &op), 0);
        for (u32 i = 0; i < l->room; i++)
            EQ(m[i].granter << 16 | m[i].ref, dom << 16 | 9);
        maps -= l->room;
    } while (l->next);
    EQ(maps, 0);
    l->list = 0;
    l->room = 8;
    EQ(domctl(WIRT_DOMCTL_mappings, 0, &op), -14);
    EQ(domctl(WIRT_DOMCTL_mappings, dom + 77, &op), E_SRCH);
}

/* A dead one says who keeps it: win shows its grant table, data by a grant one of its frames. */
static void held(void)
{
    struct grant_entry_v1 *entry = (void *)win;
    struct gnttab_map_grant_ref maps[2]; /* one over the other: two uses of one frame */
    struct gnttab_unmap_grant_ref unmap_op = {.host_addr = (u64)data};
    struct xen_domctl op = {0};

    test("held-by");
    entry[9] = (struct grant_entry_v1){.domid = 0, .frame = (u32)frame[FREE], .flags = GTF_permit_access};
    EQ(map(data, 0) | map(list, 0), 0);
    uses(0, 0, 0, PAGES + 2); /* shared_info, a frame of grants */
    for (u32 i = 0; i < 2; i++)
        maps[i] = (struct gnttab_map_grant_ref){
            .host_addr = (u64)data, .flags = GNTMAP_host_map, .ref = 9, .dom = (domid_t)dom};
    EQ(call3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, maps, 2), 0);
    EQ(maps[0].status | maps[1].status, GNTST_okay);
    uses(0, 0, 2, PAGES + 2);
    listed(2);
    uses(dom, 0, 0, PAGES + 2);
    EQ(destroy(dom), 0);
    uses(0, 0, 2, 2);
    uses(dom, 0, 0, 2);
    uses(dom + 77, E_SRCH, 0, 0);
    EQ(domctl(XEN_DOMCTL_getdomaininfo, dom, &op), 0);
    EQ(op.u.getdomaininfo.tot_pages, 2);
    for (u32 i = 0; i < 2; i++) {
        unmap_op.handle = maps[i].handle;
        EQ(call3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &unmap_op, 1), 0);
        EQ(unmap_op.status, GNTST_okay);
    }
    uses(0, 0, 0, 1);
    leave();
    EQ(state_of(dom), ~0u);
}

static void resources(void)
{
    u64 got[4] = {0};
    struct xen_mem_acquire_resource r = {.domid = (domid_t)dom, .type = XENMEM_resource_grant_table};
    struct xen_foreign_memory_map m = {0};
    struct xen_memory_map own = {128, (u64)win};

    test("grant-frames");
    create(PAGES);
    furnish();
    r.domid = (domid_t)dom;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_acquire_resource, &r), 0);
    EQ(r.nr_frames, 4);
    r.nr_frames = 1;
    r.frame_list = (u64)got;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_acquire_resource, &r), 0);
    EQ(show(win, got[0] << 12 | RW_PAGE, dom), 0);
    ((struct grant_entry_v1 *)win)[1].frame = 5;
    EQ(((struct grant_entry_v1 *)win)[1].frame, 5);
    EQ(map(win, 0), 0);
    EQ(show(win, got[0] << 12 | RW_PAGE, DOMID_SELF), E_PERM);
    EQ(show(win, got[0] << 12 | RW_PAGE, dom), 0);
    FAILS(pin_of(dom, MMUEXT_PIN_L1_TABLE, got[0]));
    r.frame = 3;
    r.nr_frames = 2;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_acquire_resource, &r), E_INVAL);
    r.frame = ~0ul;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_acquire_resource, &r), E_INVAL);
    test("memory-map");
    m.domid = (domid_t)dom;
    m.map = (struct xen_memory_map){129, (u64)data};
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_set_memory_map, &m), E_INVAL);
    m.map = (struct xen_memory_map){1, HV_DIRECT};
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_set_memory_map, &m), E_FAULT);
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_memory_map, &own), E_NOSYS); /* ours has none */
    m.map = (struct xen_memory_map){128, (u64)data};
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_set_memory_map, &m), 0);
    m.map = (struct xen_memory_map){2, (u64)data};
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_set_memory_map, &m), 0);
    held();
}

static u32 steps;
static void step(u64 nr, u64 a, u64 b, u64 c, u64 d)
{
    list[steps++] = (struct step){nr, {a, b, c, d, 0}, 0xdead, 0};
}

/* What it tries, and the only answer that is right. */
static void hostile(void)
{
    s64 want[64];
    struct mmu_update *u = (void *)data;
    struct mmuext_op *op = (void *)(data + 64);
    struct xen_memory_reservation *r = (void *)(data + 128);
    struct xen_memory_map *m = (void *)(data + 160);

    test("hostile");
    create(PAGES);
    furnish();
    EQ(pin_of(dom, MMUEXT_PIN_L4_TABLE, frame[L4]), 0);
    steps = 0;
#define STEP(result, ...) (want[steps] = (result), step(__VA_ARGS__))
    u[0] = (struct mmu_update){frame[L1] << 12 | 200 * 8, mfn_of(win) << 12 | RW_PAGE};
    STEP(E_PERM, __HYPERVISOR_mmu_update, VA(DATA), 1, 0, DOMID_SELF);
    STEP(E_PERM, __HYPERVISOR_mmu_update, VA(DATA), 1, 0, 0);
    STEP(E_PERM, __HYPERVISOR_mmu_update, VA(DATA), 1, 0, DOMID_IO);
    STEP(E_PERM, __HYPERVISOR_mmu_update, VA(DATA), 1, 0, 1 << 16);
    STEP(E_PERM, __HYPERVISOR_mmu_update, VA(DATA), 1, 0, 1 << 16 | DOMID_SELF);
    STEP(E_PERM, __HYPERVISOR_update_va_mapping_otherdomain, VA(FREE), u[0].val, 0, 0);
    u[1] = (struct mmu_update){mfn_of(win) << 12 | MMU_MACHPHYS_UPDATE, 1};
    STEP(E_INVAL, __HYPERVISOR_mmu_update, VA(DATA) + 16, 1, 0, DOMID_SELF);
    op[0] = (struct mmuext_op){.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn_of(win)};
    STEP(E_INVAL, __HYPERVISOR_mmuext_op, VA(DATA) + 512, 1, 0, DOMID_SELF);
    STEP(E_PERM, __HYPERVISOR_mmuext_op, VA(DATA) + 512, 1, 0, 0);
    r[0] = (struct xen_memory_reservation){.extent_start = VA(DATA) + 2048, .nr_extents = 1, .domid = 0};
    data[256] = mfn_of(win);
    STEP(E_PERM, __HYPERVISOR_memory_op, XENMEM_populate_physmap, VA(DATA) + 1024, 0, 0);
    STEP(E_PERM, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, VA(DATA) + 1024, 0, 0);
    STEP(E_PERM, __HYPERVISOR_memory_op, XENMEM_claim_pages, VA(DATA) + 1024, 0, 0);
    STEP(E_PERM, __HYPERVISOR_memory_op, XENMEM_set_memory_map, VA(DATA) + 1024, 0, 0);
    STEP(E_PERM, __HYPERVISOR_memory_op, XENMEM_acquire_resource, VA(DATA) + 1024, 0, 0);
    STEP(E_PERM, __HYPERVISOR_memory_op, XENMEM_exchange, VA(DATA) + 1024, 0, 0);
    STEP(E_PERM, __HYPERVISOR_domctl, VA(DATA), 0, 0, 0);
    m[0] = (struct xen_memory_map){128, VA(DATA) + 2048};
    STEP(E_NOSYS, __HYPERVISOR_memory_op, XENMEM_memory_map, VA(DATA) + 1280, 0, 0);
    /* its own frame given back, then pinned, while a mapping keeps it: it stays what it is */
    r[1] = (struct xen_memory_reservation){.extent_start = VA(DATA) + 2056, .nr_extents = 1, .domid = DOMID_SELF};
    data[257] = frame[FREE + 1];
    u[2] = (struct mmu_update){frame[L1] << 12 | (FREE + 1) * 8, frame[FREE + 1] << 12 | RO_PAGE};
    op[1] = (struct mmuext_op){.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = frame[FREE + 1]};
    STEP(0, __HYPERVISOR_mmu_update, VA(DATA) + 32, 1, 0, DOMID_SELF);
    STEP(1, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, VA(DATA) + 1024 + sizeof(*r), 0, 0);
    STEP(E_INVAL, __HYPERVISOR_mmuext_op, VA(DATA) + 512 + sizeof(*op), 1, 0, DOMID_SELF);
    /* and one that is a table already */
    op[2] = (struct mmuext_op){.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = frame[L1]};
    data[258] = frame[L1];
    r[2] = (struct xen_memory_reservation){.extent_start = VA(DATA) + 2064, .nr_extents = 1, .domid = DOMID_SELF};
    STEP(1, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, VA(DATA) + 1024 + 2 * sizeof(*r), 0, 0);
    STEP(E_INVAL, __HYPERVISOR_mmuext_op, VA(DATA) + 512 + 2 * sizeof(*op), 1, 0, DOMID_SELF);
    list[steps].nr = LIST_END;
    run();
    wait_for_end();
    for (u32 i = 0; i < steps; i++)
        fact_eq(list[i].result, (u64)want[i], "its call", i);
    end();
}

/* It pins, unpins, maps and gives back for ever, and is ended in the middle; we map and pin the same frames. */
static void ended(void)
{
    struct mmuext_op *op = (void *)(data + 64);
    struct mmu_update *u = (void *)data;

    test("end-at-work");
    for (u32 round = 0; round < 100; round++) {
        create(PAGES);
        furnish();
        EQ(pin_of(dom, MMUEXT_PIN_L4_TABLE, frame[L4]), 0);
        for (u32 i = 0; i < 3; i++) {
            op[i] =
                (struct mmuext_op){.cmd = i < 2 ? MMUEXT_PIN_L1_TABLE : MMUEXT_UNPIN_TABLE, .arg1.mfn = frame[FREE]};
            u[i] = (struct mmu_update){frame[L1] << 12 | FREE * 8, frame[FREE] << 12 | (i == 1 ? RW_PAGE : RO_PAGE)};
        }
        op[3] = (struct mmuext_op){.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = frame[L4]};
        op[4] = (struct mmuext_op){.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = frame[L4]};
        steps = 0;
        step(__HYPERVISOR_mmu_update, VA(DATA), 1, 0, DOMID_SELF);
        step(__HYPERVISOR_mmuext_op, VA(DATA) + 512, 1, 0, DOMID_SELF);
        step(__HYPERVISOR_mmu_update, VA(DATA) + 16, 1, 0, DOMID_SELF);
        step(__HYPERVISOR_mmuext_op, VA(DATA) + 512 + 2 * sizeof(*op), 3, 0, DOMID_SELF);
        step(__HYPERVISOR_mmu_update, VA(DATA) + 16, 1, 0, DOMID_SELF);
        list[steps].nr = LIST_AGAIN;
        run();
        for (u32 i = random() % 200; i; i--) {
            s64 rc = show(win, frame[random() % 2 ? FREE : L1] << 12 | RW_PAGE, dom);
            TRUE(rc == 0 || rc == E_INVAL || rc == E_BUSY);
            rc = pin_of(dom, random() % 2 ? MMUEXT_PIN_L1_TABLE : MMUEXT_UNPIN_TABLE, frame[FREE]);
            TRUE(rc == 0 || rc == E_INVAL || rc == E_BUSY);
            if (random() % 8 == 0)
                call2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        }
        end();
    }
}

static void cycles(void)
{
    u64 before = 0;

    test("cycles");
    for (u32 i = 0; i < 1000; i++) {
        if (i == 10) /* what Wirt keeps for the next one is there by now */
            before = free_now();
        create(PAGES);
        EQ(claim(dom, PAGES), 0);
        furnish();
        if (i % 4)
            EQ(pin_of(dom, MMUEXT_PIN_L4_TABLE, frame[L4]), 0);
        if (i % 8 == 7) {
            list[0].nr = i % 16 == 7 ? LIST_END : LIST_AGAIN;
            run();
        }
        end();
    }
    EQ(free_now(), before);
}

int main(void)
{
    u64 *mine = (u64 *)si->mfn_list;

    traps_init();
    shared_init();
    test("room"); /* ours are all the frames of the machine: others need some */
    EQ(memory(XENMEM_decrease_reservation, DOMID_SELF, mine + si->nr_pages - ROOM, ROOM), ROOM);
    TRUE(free_now() >= ROOM);
    list = page_new();
    data = page_new();
    win = page_new();
    EQ(map(list, 0) | map(data, 0) | map(win, 0), 0);
    limits();
    EQ(map(win, 0), 0);
    EQ(show(win, mfn_of(win) << 12 | RW_PAGE, DOMID_SELF), 0);
    claims();
    EQ(map(win, 0), 0);
    mappings();
    tables();
    resources();
    hostile();
    ended();
    cycles();
    finish();
}

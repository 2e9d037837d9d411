/* SPDX-License-Identifier: MIT */
/*
 * The ends of the ways out of a handle, for tests of the builder: hypercalls that take memory and remember what they
 * were told, and foreign mappings that are real mappings of a file in memory, one page of it for each machine frame, so
 * that frames lie side by side in whatever order they were asked for. Frames are given out backwards, so that page
 * numbers of the guest and of the machine never agree by chance.
 */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ul

struct fake fake;
static int file = -1;
static uint8_t *all;
static struct wirt *handle;
static pid_t owner; /* the process of the test */

void fake_reset(uint64_t frames)
{
    if (file >= 0) {
        munmap(all, fake.frames * PAGE);
        close(file);
    }
    memset(&fake, 0, sizeof(fake));
    fake.frames = frames;
    fake.has_extents = true;
    owner = getpid();
    file = memfd_create("frames", MFD_CLOEXEC);
    if (ftruncate(file, (off_t)(frames * PAGE)))
        abort();
    all = mmap(NULL, frames * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}

uint8_t *fake_frame(uint64_t mfn)
{
    return mfn >= FAKE_FIRST && mfn < FAKE_FIRST + fake.frames ? all + (mfn - FAKE_FIRST) * PAGE : NULL;
}

struct wirt *fake_handle(void)
{
    if (!handle)
        handle = calloc(1, sizeof(*handle));
    if (!handle->arena)
        handle->arena = aligned_alloc(PAGE, HYPER_ARENA_PAGES * PAGE);
    handle->call = (xencall_handle *)handle;
    handle->memory = (xenforeignmemory_handle *)handle;
    return handle;
}

/* Memory of the builder and of what it unpacks with, by ld's --wrap. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_malloc(size_t size)
{
    return ++fake.allocations == fake.no_memory_at ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return ++fake.allocations == fake.no_memory_at ? NULL : __real_calloc(count, size);
}

/* true: this call is the one to fail. */
static bool fails(int error)
{
    if (fake.calls + 1 == fake.kill_at && getpid() != owner)
        raise(SIGKILL);
    errno = error;
    return ++fake.calls == fake.fail_at;
}

int need_call(struct wirt *w)
{
    (void)w;
    return 0;
}

int need_memory(struct wirt *w)
{
    (void)w;
    return 0;
}

/* ---- hypercalls ---- */

static long populate(const struct xen_memory_reservation *r)
{
    uint64_t *list = (uint64_t *)(uintptr_t)r->extent_start.p, size = 1ul << r->extent_order;

    if (fails(ENOMEM))
        return -1;
    if (r->nr_extents * size > fake.most)
        fake.most = r->nr_extents * size;
    if (r->extent_order && !fake.has_extents)
        return 0;
    for (uint64_t i = 0; i < r->nr_extents; i++) {
        if (fake.used + size > fake.frames - 1) /* one is the shared page */
            return (long)i;
        fake.used += size;
        list[i] = FAKE_FIRST + fake.frames - fake.used;
    }
    return (long)r->nr_extents;
}

long xencall2L(xencall_handle *h, unsigned int op, uint64_t cmd, uint64_t arg)
{
    void *at = (void *)(uintptr_t)arg;

    (void)h;
    if (op == __HYPERVISOR_memory_op && cmd == XENMEM_populate_physmap)
        return populate(at);
    if (fails(EINVAL))
        return -1;
    if (op == __HYPERVISOR_memory_op && cmd == XENMEM_set_memory_map) {
        struct xen_foreign_memory_map *m = at;

        memcpy(&fake.ram_bytes, (uint8_t *)m->map.buffer.p + 8, 8);
    }
    if (op == __HYPERVISOR_event_channel_op)
        ((struct evtchn_alloc_unbound *)at)->port = fake.calls;
    return 0;
}

int xencall1(xencall_handle *h, unsigned int op, uint64_t arg)
{
    struct xen_domctl *d = (void *)(uintptr_t)arg;
    const vcpu_guest_context_t *c;

    (void)h;
    if (fails(EINVAL) || op != __HYPERVISOR_domctl)
        return -1;
    switch (d->cmd) {
    case XEN_DOMCTL_getdomaininfo:
        d->u.getdomaininfo.shared_info_frame = FAKE_FIRST;
        break;
    case XEN_DOMCTL_hypercall_init:
        fake.hypercall_frame = d->u.hypercall_init.gmfn;
        break;
    case XEN_DOMCTL_setvcpucontext:
        c = (const vcpu_guest_context_t *)(uintptr_t)d->u.vcpucontext.ctxt.p;
        fake.rip = c->user_regs.rip;
        fake.rsp = c->user_regs.rsp;
        fake.rsi = c->user_regs.rsi;
        fake.cr3 = c->ctrlreg[3];
        break;
    }
    return 0;
}

int xencall4(xencall_handle *h, unsigned int op, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const struct mmuext_op *m = (void *)(uintptr_t)a;

    (void)h, (void)b, (void)c, (void)d;
    if (fails(EINVAL) || op != __HYPERVISOR_mmuext_op)
        return -1;
    fake.pinned = m->arg1.mfn;
    return 0;
}

/* ---- mappings ---- */

void *xenforeignmemory_map2(xenforeignmemory_handle *h, uint32_t dom, void *addr, int prot, int flags, size_t pages,
                            const xen_pfn_t frame[], int error[])
{
    uint8_t *at;

    (void)h, (void)dom;
    if (fails(ENOMEM))
        return NULL;
    at = mmap(addr, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    for (size_t i = 0; i < pages; i++) {
        error[i] = fake_frame(frame[i]) ? 0 : -EINVAL;
        if (!error[i])
            mmap(at + i * PAGE, PAGE, prot, MAP_SHARED | MAP_FIXED, file, (off_t)((frame[i] - FAKE_FIRST) * PAGE));
    }
    if (!flags) /* with them, the range goes back by plain munmap */
        fake.mapped += pages;
    return at;
}

void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t dom, int prot, size_t pages, const xen_pfn_t frame[],
                           int error[])
{
    return xenforeignmemory_map2(h, dom, NULL, prot, 0, pages, frame, error);
}

int xenforeignmemory_unmap(xenforeignmemory_handle *h, void *addr, size_t pages)
{
    (void)h;
    fake.mapped -= pages;
    return munmap(addr, pages * PAGE);
}

/* The grant table is a page of the domain's own here, behind the shared page. */
xenforeignmemory_resource_handle *xenforeignmemory_map_resource(xenforeignmemory_handle *h, domid_t dom,
                                                                unsigned int type, unsigned int id, unsigned long first,
                                                                unsigned long count, void **addr, int prot, int flags)
{
    static uint8_t table[PAGE] __attribute__((aligned(8)));

    (void)h, (void)dom, (void)type, (void)id, (void)first, (void)count, (void)prot, (void)flags;
    if (fails(ENOMEM))
        return NULL;
    *addr = table;
    return (xenforeignmemory_resource_handle *)table;
}

int xenforeignmemory_unmap_resource(xenforeignmemory_handle *h, xenforeignmemory_resource_handle *r)
{
    (void)h, (void)r;
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Small zeroed allocations. A frame holds objects of one class (64 bytes to 2 KiB); its struct page
 * says which class, how many are in use and where the first free one is, so the frame itself holds
 * objects only. Frames with a free object are on their class's list; an empty frame goes back at
 * once. More than 2 KiB comes straight from frame.c. Lock: slab_lock (RANK_SLAB, interrupts off);
 * frames are allocated and freed outside it, as that may wait.
 */
#include "core/frame.h"
#include "core/lock.h"
#include "core/slab.h"
#include "lib/log.h"
#include "lib/string.h"

#define CLASS_SHIFT 6u /* class c holds objects of 64 << c bytes */
#define CLASS_COUNT 6u
#define SLAB_MAGIC  0x51abull

/* page.type while a frame is a slab (page.refs stays 0, so that no reference can be taken on it).
 * Free objects hold the index of the next one; OBJECT_END ends the list. */
struct slab_state {
    u16 used, first, class, magic;
};
#define OBJECT_END 0xffffu

static struct lock slab_lock = LOCK_INIT(RANK_SLAB);
static u32 partial[CLASS_COUNT]; /* mfn, linked by page.next and prev */
static u64 frames_held;

static u32 class_of(size_t size)
{
    u32 order = order_of(size);

    return order > CLASS_SHIFT ? order - CLASS_SHIFT : 0;
}

static u16 *object(u64 n, u32 class, u32 index)
{
    return (u16 *)(void *)((u8 *)frame_va(mfn(n)) + ((size_t)index << (class + CLASS_SHIFT)));
}

static struct slab_state *state_of(u64 n)
{
    return (struct slab_state *)(void *)&frame_page_raw(mfn(n))->type;
}

static void partial_link(u64 n, u32 class)
{
    struct page *p = frame_page_raw(mfn(n));

    p->prev = 0;
    p->next = partial[class];
    if (p->next)
        frame_page_raw(mfn(p->next))->prev = (u32)n;
    partial[class] = (u32)n;
}

static void partial_unlink(u64 n, u32 class)
{
    struct page *p = frame_page_raw(mfn(n));

    if (p->next)
        frame_page_raw(mfn(p->next))->prev = p->prev;
    if (p->prev)
        frame_page_raw(mfn(p->prev))->next = p->next;
    else
        partial[class] = p->next;
    p->next = p->prev = 0;
}

static u16 *object_get(u32 class)
{
    u64 n = partial[class];
    struct slab_state *s;
    u16 *o;

    if (!n)
        return NULL;
    s = state_of(n);
    o = object(n, class, s->first);
    s->first = *o;
    s->used++;
    if (s->first == OBJECT_END)
        partial_unlink(n, class);
    return o;
}

/* Make a fresh frame into free objects of a class. */
static void slab_fill(u64 n, u32 class)
{
    u32 count = (u32)(PAGE_SIZE >> (class + CLASS_SHIFT));

    for (u32 i = 0; i < count; i++)
        *object(n, class, i) = (u16)(i + 1 < count ? i + 1 : OBJECT_END);
    *state_of(n) = (struct slab_state){.class = (u16) class, .magic = SLAB_MAGIC};
    partial_link(n, class);
}

void *slab_alloc(size_t size)
{
    u32 class = class_of(size), order = order_of((size + PAGE_SIZE - 1) / PAGE_SIZE);
    bool is_small = class < CLASS_COUNT;
    u64 flags;
    mfn_t fresh;
    u16 *o;

    ASSERT(size);
    flags = lock_take_irq(&slab_lock);
    o = is_small ? object_get(class) : NULL;
    lock_drop_irq(&slab_lock, flags);
    if (!o) {
        fresh = frame_alloc(is_small ? 0 : order, FRAME_ZERO, 0);
        if (fresh.n == MFN_NONE)
            return NULL;
        flags = lock_take_irq(&slab_lock);
        frames_held += is_small ? 1 : 1ull << order;
        if (is_small) {
            slab_fill(fresh.n, class);
            o = object_get(class);
        }
        lock_drop_irq(&slab_lock, flags);
        if (!is_small)
            return frame_va(fresh);
    }
    memset(o, 0, 1ul << (class + CLASS_SHIFT));
    return o;
}

void slab_free(void *p, size_t size)
{
    u32 class = class_of(size), order = order_of((size + PAGE_SIZE - 1) / PAGE_SIZE);
    u64 n, flags, offset = (u64)p & (PAGE_SIZE - 1);
    struct slab_state *s;

    if (!p)
        return;
    n = pgtab_paddr(p).a >> PAGE_SHIFT;
    if (class >= CLASS_COUNT) {
        atomic_sub(&frames_held, 1ull << order);
        frame_free(mfn(n), order);
        return;
    }
    s = state_of(n);
    if (s->magic != SLAB_MAGIC || s->class != class || !s->used || (offset & ((1ull << (class + CLASS_SHIFT)) - 1)))
        panic("slab: %p freed with size %zu, which it was not allocated with", p, size);
    flags = lock_take_irq(&slab_lock);
    *(u16 *)p = s->first;
    if (s->first == OBJECT_END)
        partial_link(n, class);
    s->first = (u16)(offset >> (class + CLASS_SHIFT));
    if (--s->used == 0) {
        partial_unlink(n, class);
        s->magic = 0;
        frames_held--;
    } else {
        n = 0;
    }
    lock_drop_irq(&slab_lock, flags);
    if (n)
        frame_free(mfn(n), 0);
}

u64 slab_bytes(void)
{
    return READ_ONCE(frames_held) * PAGE_SIZE;
}

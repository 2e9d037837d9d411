/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: what a domain lets others use of its frames, and what it uses of theirs. The theory is in
 * docs/GRANTS.md: an entry of the shared table is read once, as one word; a pin keeps it busy as long as somebody
 * uses it; a mapping is a pin with a handle; the reference to the frame belongs to the page-table entry that shows it.
 * Status codes are GNTST_* of public/grant_table.h, errors -E as everywhere.
 */
#ifndef WIRT_DOM_GRANT_H
#define WIRT_DOM_GRANT_H

#include "core/lock.h"
#include "dom/page.h"
#include "public/grant_table.h"
#include "public/wirt.h"

struct domain;
struct vcpu;

#define GRANT_PER_FRAME     ((u32)(PAGE_SIZE / sizeof(struct grant_entry_v1)))
#define GRANT_FRAMES_MAX    2048u /* of one domain's table, whatever its tools ask for */
#define GRANT_TRACK_FRAME   256u  /* mappings that one of the tools' "maptrack frames" stands for */
#define GRANT_TRIES         64u   /* at a frame that changes its kind at this moment; then GNTST_eagain */
#define GRANT_MAPPINGS_MAX  ((1u << 20) - GRANT_TRACK_FRAME)
#define GRANT_MAPPINGS_LEAF ((u32)(PAGE_SIZE / sizeof(struct grant_mapping)))

/* How many use an entry, and how many of those may write. */
struct grant_pins {
    u16 users, writers;
};

struct grant_mapping { /* a handle of the mapper's; free: neither is_host nor is_device */
    u64 host_addr;     /* as the mapper gave it */
    struct domain *granter;
    u32 ref; /* free: index of the next free one, 0 = none */
    u32 frame;
    u64 slot : 49; /* is_host: what grant_ops.map said, in words */
    u64 generation : 12;
    u64 is_host : 1, is_device : 1, is_readonly : 1;
};
_Static_assert(sizeof(struct grant_mapping) == 32, "one of them for each mapping");

struct grant_table {
    struct lock lock; /* RANK_GRANT: all of this, and the flags that Wirt sets in the entries */
    bool is_dying;    /* nobody looks at the arrays any more */
    u32 frame_count, frame_max;
    struct grant_entry_v1 **frame; /* [frame_max]; direct-map addresses; the guest writes there too */
    struct grant_pins **pins;      /* [frame_max] */
    u32 pinned;                    /* entries in use */
    /* of others' frames */
    u32 mapped;    /* handles in use */
    u32 track_max; /* handles are below; a multiple of a leaf */
    u32 track_end; /* every handle that ever was is below; handle 0 is nobody's */
    u32 track_free;
    struct grant_mapping **track; /* leaves of GRANT_MAPPINGS_LEAF; NULL before the first mapping */
};

/* Limits in frames of the table and in frames of 256 mappings. -ENOMEM. Before it, and with limits of 0, there are no
 * grants. */
int grant_init(struct domain *d, u32 max_frames, u32 max_maptrack) __must_use;
/* None of d's vCPUs runs any more. Lets go what it uses of others, then its table; what others map of it stays theirs
 * until they unmap. 0, -ERESTART. */
int grant_destroy(struct domain *d) __must_use;
/* The frame behind entries [512 * index, ...), made if need be. -EINVAL beyond the limit, -ENOMEM, -ESRCH: dying. */
int grant_frame(struct domain *d, u32 index, mfn_t *out) __must_use;
/* Calls back for every reference that the table and the mappings themselves hold (PAGE_NONE: without a use). No vCPU
 * runs. */
void grant_note(const struct domain *d, void (*note)(u64 m, enum page_kind kind));
u64 grant_audit(void);     /* how many entries have more or fewer pins than mappings (logged); no vCPU runs */
void grant_key_init(void); /* boot: console key 'g' */
/* How many of the user's mappings from *from on are of g; looks at a piece of them: *from is where to go on, 0 = done.
 */
u32 grant_uses(struct domain *user, const struct domain *g, u32 *from);
/* The user's next mapping from *from on, likewise; false: none in this piece. */
bool grant_mapping(struct domain *user, u32 *from, struct wirt_mapping *out);

/* The entry is in use by `user` from here to grant_unpin. GNTST_okay with the frame's number, not looked at yet;
 * bad_gntref, general_error: not granted so; no_space: too often in use. The caller holds a reference to g. */
int grant_pin(struct domain *g, u32 ref, domid_t user, bool writes, u64 *frame) __must_use;
void grant_unpin(struct domain *g, u32 ref, bool writes);
/* What the current domain asked of the entry was refused: a line in the log. */
void grant_refused(struct domain *g, u32 ref, int status);
/* A reference, or a writable use, of a frame that `g` has granted. GNTST_okay, bad_page, eagain; undone by
 * grant_page_put. */
int grant_page_get(const struct domain *g, u64 frame, bool writes) __must_use;
void grant_page_put(u64 frame, bool writes);

/* --- dom/grant_map.c --- */
/* For the current domain. op->status and, if okay, op->handle and op->dev_bus_addr. `g`: the granter, referenced. */
void grant_map(struct domain *g, struct gnttab_map_grant_ref *op);
#define GRANT_UNMAP_MAX 32u
struct grant_unmapped { /* gone from the page tables, perhaps not yet from the TLBs */
    u32 count;
    struct grant_mapping m[GRANT_UNMAP_MAX];
};
void grant_unmap(struct gnttab_unmap_grant_ref *op, struct grant_unmapped *u); /* op->status; u->count < the maximum */
void grant_unmap_finish(struct grant_unmapped *u);  /* flush, and let go; before the call returns or is continued */
int grant_map_destroy(struct domain *d) __must_use; /* its part of grant_destroy */

/* --- dom/grant_copy.c --- */
struct grant_copy_side {
    struct domain *peer; /* referenced; NULL: none yet */
    u64 name, frame;     /* entry or frame as the caller has it; the frame behind it */
    domid_t domid;       /* as the caller has it */
    bool is_dest, is_gref, is_held;
};
struct grant_copy {
    struct grant_copy_side source, dest;
};
#define GRANT_COPY_INIT                                                                                                \
    {                                                                                                                  \
        .dest.is_dest = true                                                                                           \
    }
void grant_copy(struct grant_copy *c, struct gnttab_copy *op); /* for the current domain; op->status */
void grant_copy_end(struct grant_copy *c);                     /* before the call returns or is continued */

/* The door to the ways a domain sees memory (domain_ops.grant, of pv/ and hvm/). */
struct grant_ops {
    /* Show frame `m` of `owner` at host_addr of the current domain: takes the reference and, if writable, the use.
     * 0 with *slot, a multiple of 8; -EFAULT: it cannot be there; others: as page_get_as. */
    int (*map)(struct vcpu *v, u64 host_addr, u32 flags, mfn_t m, u32 owner, u64 *slot);
    /* The slot of d's shows `m` no more, if it did; what the entry held is given back. */
    void (*unmap)(struct domain *d, u64 slot, mfn_t m);
};

#endif

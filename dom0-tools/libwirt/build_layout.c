/* SPDX-License-Identifier: MIT */
/*
 * Where the parts of a PV guest lie, in its own page numbers (ABI: abi.md 1.3): kernel, [initrd], [p2m], start_info,
 * the store's and the console's page, page tables, one page of stack, room to the end of what is mapped; behind it,
 * not mapped, the p2m and its tables when the kernel has an address of its own for it, and the initrd when it takes
 * that by page number. A kernel's addresses are its own choice, and bad ones are refused here. Pure functions.
 */
#include "build_pv.h"

#include <stdio.h>
#include <string.h>

#define PAGE        4096ul
#define pages_of(n) (((n) + PAGE - 1) / PAGE)

static uint64_t span(uint64_t va, uint64_t end, unsigned int shift)
{
    return ((end - 1) >> shift) - (va >> shift) + 1;
}

static uint64_t table_pages(uint64_t va, uint64_t pages)
{
    uint64_t end = va + pages * PAGE;

    return 1 + span(va, end, 39) + span(va, end, 30) + span(va, end, 21);
}

/* Slots of 512 GiB that belong to the hypervisor, and what no CPU can address. */
static bool is_address_bad(uint64_t va, uint64_t pages)
{
    uint64_t end = va + pages * PAGE;
    bool is_low = end > va && end <= 1ul << 47;
    bool is_high = va >= 0xffff880000000000ul && (end > va || end == 0);

    return va % PAGE || (!is_low && !is_high);
}

/* What is mapped ends at a multiple of 4 MiB with 512 KiB of room behind the stack, as Linux wants it; a guest too
 * small for that gets what there is. Everything else of the guest's memory is its own to map. */
static bool layout_top(struct build_plan *p, uint64_t pages, uint64_t apart)
{
    for (uint64_t mapped = (p->table_pfn + 1023) & ~1023ul;; mapped += 1024) {
        if (is_address_bad(p->v_start, mapped))
            return false;
        p->table_pages = table_pages(p->v_start, mapped);
        p->stack_pfn = p->table_pfn + p->table_pages;
        p->mapped_pages = mapped;
        if (p->stack_pfn + 129 <= mapped)
            break;
    }
    if (p->mapped_pages + apart > pages)
        p->mapped_pages = pages > apart ? pages - apart : 0;
    return p->stack_pfn < p->mapped_pages;
}

static const char *bad_address(struct build_plan *p, const char *what, uint64_t va, uint64_t pages)
{
    snprintf(p->error, sizeof(p->error), "the kernel wants the %s at 0x%lx (%lu pages), where no guest can have it",
             what, va, pages);
    return p->error;
}

static const char *check_addresses(struct build_plan *p)
{
    uint64_t slot = p->v_start >> 39, end = (p->v_start + p->mapped_pages * PAGE - 1) >> 39;
    uint64_t list = p->p2m_va >> 39, list_end = (p->p2m_va + p->p2m_pages * PAGE - 1) >> 39;

    if (is_address_bad(p->v_start, p->mapped_pages))
        return bad_address(p, "kernel", p->v_start, p->mapped_pages);
    if (p->is_p2m_apart && list <= end && slot <= list_end)
        snprintf(p->error, sizeof(p->error),
                 "the kernel wants the list of frames at 0x%lx, in the same 512 GiB as itself (0x%lx)", p->p2m_va,
                 p->v_start);
    return p->error[0] ? p->error : NULL;
}

const char *build_layout(struct build_plan *p, const struct image *image, uint64_t pages, uint64_t initrd_bytes)
{
    uint64_t initrd = pages_of(initrd_bytes), at = pages_of(image->high), apart = 0;

    memset(p, 0, sizeof(*p));
    p->v_start = image->virt_base;
    p->image_pages = at;
    p->initrd_pages = initrd;
    p->is_initrd_mapped = initrd && image->is_initrd_mapped;
    p->is_p2m_apart = image->init_p2m != IMAGE_UNSET;
    p->p2m_pages = pages_of(pages * 8);
    if (p->is_p2m_apart) {
        if (is_address_bad(image->init_p2m, p->p2m_pages))
            return bad_address(p, "list of frames", image->init_p2m, p->p2m_pages);
        p->p2m_table_pages = table_pages(image->init_p2m, p->p2m_pages) - 1;
        apart = p->p2m_pages + p->p2m_table_pages;
    }
    if (p->is_initrd_mapped) {
        p->initrd_pfn = at;
        at += initrd;
    }
    if (!p->is_p2m_apart) {
        p->p2m_pfn = at;
        at += p->p2m_pages;
    }
    p->start_info_pfn = at++;
    p->store_pfn = at++;
    p->console_pfn = at++;
    p->table_pfn = at;
    if (!p->is_initrd_mapped)
        apart += initrd;
    p->mapped_pages = at;
    p->p2m_va = p->is_p2m_apart ? image->init_p2m : p->v_start + p->p2m_pfn * PAGE;
    if (check_addresses(p))
        return p->error;
    if (!layout_top(p, pages, apart)) {
        snprintf(p->error, sizeof(p->error),
                 "%lu MiB are too little for this kernel and its initrd, which need %lu MiB to start", pages >> 8,
                 (p->stack_pfn + apart + 256) >> 8);
        return p->error;
    }
    at = p->mapped_pages;
    if (p->is_p2m_apart) { /* right behind what is mapped: Linux takes its first pfn for the end of that */
        p->p2m_pfn = at;
        at += p->p2m_pages + p->p2m_table_pages;
    }
    if (!p->is_initrd_mapped) {
        p->initrd_pfn = at;
        at += initrd;
    }
    p->placed_pages = at;
    return check_addresses(p);
}

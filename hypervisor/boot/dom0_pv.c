/* SPDX-License-Identifier: MIT */
/*
 * The PV part of dom0's birth (ABI: abi.md section 1): contents of its memory, page tables of 4 KiB pages, start_info,
 * the first vCPU's registers. Tables are written as a guest would write them and then go through the same validation as
 * a guest's: there is no second way for a frame to become a page table.
 */
#include "boot/boot.h"
#include "boot/elf.h"
#include "hw/vga.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "pv/pv.h"

#define LEAF  (PTE_P | PTE_RW | PTE_A | PTE_D)
#define UPPER (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

static __initdata struct vcpu_guest_context context;

static __init void *page_va(const struct dom0_plan *p, u64 pfn_number)
{
    return frame_va(mfn(p->p2m[pfn_number]));
}

/* Tables of one level that cover [va, end): entries of 2^shift bytes. */
static __init u64 span(u64 va, u64 end, u32 shift)
{
    return ((end - 1) >> shift) - (va >> shift) + 1;
}

__init u64 dom0_pv_table_pages(u64 v_start, u64 mapped_pages)
{
    u64 end = v_start + (mapped_pages << PAGE_SHIFT);
    return 1 + span(v_start, end, 39) + span(v_start, end, 30) + span(v_start, end, 21);
}

/* A kernel is most of a hundred megabytes, and an emulator runs REP an item at a time on its slowest path: plain moves.
 * Without the attribute the compiler would make REP of it again. */
static __init __attribute__((optimize("no-tree-loop-distribute-patterns"))) void fill_words(u64 *to, const u64 *from,
                                                                                            u64 words)
{
    for (u64 i = 0; i < words; i += 4) {
        u64 a = from ? from[i] : 0, b = from ? from[i + 1] : 0;
        u64 c = from ? from[i + 2] : 0, d = from ? from[i + 3] : 0;
        to[i] = a;
        to[i + 1] = b;
        to[i + 2] = c;
        to[i + 3] = d;
    }
}

/* Copying to pfns: a segment's bytes in pieces of a page. */
static __init void put_bytes(const struct dom0_plan *p, u64 at, const void *from, u64 n)
{
    while (n) {
        u64 room = min(PAGE_SIZE - (at & (PAGE_SIZE - 1)), n);
        u8 *to = (u8 *)page_va(p, at >> PAGE_SHIFT) + (at & (PAGE_SIZE - 1));
        if (from && room == PAGE_SIZE) {
            fill_words((u64 *)(void *)to, (const u64 *)from, PAGE_SIZE / 8);
            from = (const u8 *)from + room;
        } else if (from) {
            memcpy(to, from, room);
            from = (const u8 *)from + room;
        } else {
            memset(to, 0, room);
        }
        at += room;
        n -= room;
    }
}

static __init int sink_copy(void *plan, u64 at, const void *from, u64 n)
{
    put_bytes(plan, at, from, n);
    return 0;
}

static __init int sink_zero(void *plan, u64 at, u64 n)
{
    put_bytes(plan, at, NULL, n);
    return 0;
}

__init void dom0_pv_load(const struct dom0_plan *plan, const struct elf_image *image)
{
    static __initdata struct dom0_plan copy;
    copy = *plan;
    struct elf_sink sink = {sink_copy, sink_zero, &copy};
    for (u64 i = 0; i < plan->placed_pages; i++)
        fill_words(page_va(plan, i), NULL, PAGE_SIZE / 8);
    if (elf_load(image, &sink))
        boot_fail("dom0: cannot load the kernel's segments");
    if (plan->initrd_bytes)
        put_bytes(plan, plan->initrd_pfn << PAGE_SHIFT, pgtab_va(paddr(boot_info.module[1].start)), plan->initrd_bytes);
    if (image->hypercall_page != ELF_UNSET)
        pv_msr_fill_hypercall_page(page_va(plan, (image->hypercall_page - plan->v_start) >> PAGE_SHIFT));
}

/* Map pfns [first, first + count) at va with tables taken one by one from *next; the L4 exists. */
static __init void map(const struct dom0_plan *p, pte_t *l4, u64 va, u64 first, u64 count, u64 *next)
{
    for (u64 i = 0; i < count; i++, va += PAGE_SIZE) {
        pte_t *table = l4;
        for (u32 shift = 39; shift > 12; shift -= 9) {
            pte_t *e = &table[va >> shift & 511];
            if (!*e) {
                memset(page_va(p, *next), 0, PAGE_SIZE);
                *e = pte_make(p->p2m[(*next)++], UPPER);
            }
            table = frame_va(mfn(pte_mfn(*e)));
        }
        u64 n = first + i;
        bool is_table = n >= p->table_pfn && n < p->table_pfn + p->table_pages;
        table[va >> 12 & 511] = pte_make(p->p2m[n], is_table ? LEAF & ~PTE_RW : LEAF);
    }
}

static __init void build_tables(const struct dom0_plan *p)
{
    pte_t *l4 = page_va(p, p->table_pfn);
    u64 next = p->table_pfn + 1;
    map(p, l4, p->v_start, 0, p->mapped_pages, &next);
    ASSERT(next == p->table_pfn + p->table_pages);
    if (p->is_p2m_apart) {
        next = p->p2m_table_pfn;
        map(p, l4, p->p2m_va, p->p2m_pfn, p->p2m_pages, &next);
        ASSERT(next == p->p2m_table_pfn + p->p2m_table_pages);
    }
}

static __init void fill_p2m(const struct dom0_plan *p)
{
    for (u64 i = 0; i < p->p2m_pages; i++) {
        u64 *page = page_va(p, p->p2m_pfn + i);
        for (u64 k = 0; k < 512; k++)
            page[k] = i * 512 + k < p->total_pages ? p->p2m[i * 512 + k] : ~0ull;
    }
}

/* What dom0 needs to go on with the screen. */
static __init u32 fill_console(struct dom0_vga_console_info *c)
{
    const struct vga_mode *m = vga_mode();
    memset(c, 0, sizeof(*c));
    if (m->kind == VGA_TEXT) {
        c->video_type = XEN_VGATYPE_TEXT_MODE_3;
        c->u.text_mode_3.rows = 25;
        c->u.text_mode_3.columns = 80;
        c->u.text_mode_3.font_height = 16;
        c->u.text_mode_3.cursor_y = 24;
    } else if (m->kind == VGA_FRAMEBUFFER) {
        c->video_type = boot_info.is_efi ? XEN_VGATYPE_EFI_LFB : XEN_VGATYPE_VESA_LFB;
        c->u.vesa_lfb.width = (u16)m->width;
        c->u.vesa_lfb.height = (u16)m->height;
        c->u.vesa_lfb.bytes_per_line = (u16)m->pitch;
        c->u.vesa_lfb.bits_per_pixel = (u16)m->bpp;
        c->u.vesa_lfb.lfb_base = (u32)m->base;
        c->u.vesa_lfb.lfb_size = (m->pitch * m->height + 0xffff) >> 16;
        c->u.vesa_lfb.red_pos = m->red_pos;
        c->u.vesa_lfb.red_size = m->red_size;
        c->u.vesa_lfb.green_pos = m->green_pos;
        c->u.vesa_lfb.green_size = m->green_size;
        c->u.vesa_lfb.blue_pos = m->blue_pos;
        c->u.vesa_lfb.blue_size = m->blue_size;
        c->u.vesa_lfb.ext_lfb_base = (u32)(m->base >> 32);
    } else {
        return 0;
    }
    return sizeof(*c);
}

static __init void fill_start_info(const struct domain *d, const struct dom0_plan *p)
{
    struct start_info *s = page_va(p, p->start_info_pfn);
    memset(s, 0, PAGE_SIZE);
    str_copy(s->magic, "xen-3.0-x86_64", sizeof(s->magic));
    s->nr_pages = p->total_pages;
    s->shared_info = d->shared_mfn.n << PAGE_SHIFT;
    s->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    s->pt_base = p->v_start + (p->table_pfn << PAGE_SHIFT);
    s->nr_pt_frames = p->table_pages;
    s->mfn_list = p->p2m_va;
    if (p->is_p2m_apart) {
        s->first_p2m_pfn = p->p2m_pfn;
        s->nr_p2m_frames = p->p2m_pages + p->p2m_table_pages;
    }
    if (p->initrd_bytes) {
        s->flags |= p->is_initrd_mapped ? 0 : SIF_MOD_START_PFN;
        s->mod_start = p->is_initrd_mapped ? p->v_start + (p->initrd_pfn << PAGE_SHIFT) : p->initrd_pfn;
        s->mod_len = p->initrd_bytes;
    }
    const char *extra = boot_options.dom0_extra;
    if (fmt((char *)s->cmd_line, sizeof(s->cmd_line), "%s%s%s", p->cmdline ? p->cmdline : "", extra ? " " : "",
            extra ? extra : "") >= (int)sizeof(s->cmd_line))
        log_warn("dom0: the kernel's command line is longer than %lu characters and was cut", sizeof(s->cmd_line) - 1);
    s->console.dom0.info_size = fill_console((struct dom0_vga_console_info *)(void *)(s + 1));
    s->console.dom0.info_off = s->console.dom0.info_size ? sizeof(*s) : 0;
}

__init void dom0_pv_build(struct domain *d, struct dom0_plan *p, const struct elf_image *image)
{
    int rc;
    fill_p2m(p);
    fill_start_info(d, p);
    build_tables(p);
    u64 l4 = p->p2m[p->table_pfn];
    context.flags = VGCF_in_kernel;
    context.user_regs.rip = image->entry;
    context.user_regs.rsp = p->v_start + ((p->stack_pfn + 1) << PAGE_SHIFT);
    context.user_regs.rsi = p->v_start + (p->start_info_pfn << PAGE_SHIFT);
    context.user_regs.cs = SEL_USER_CS;
    context.user_regs.ss = SEL_USER_DS;
    context.ctrlreg[3] = l4 << PAGE_SHIFT;
    do { /* deferred work may be pending: then it goes on where it stopped */
        rc = pv_vcpu_initialise(d->vcpu[0], &context);
    } while (rc == -ERESTART);
    if (rc == 0)
        rc = pv_types_pin(d, frame_page_raw(mfn(l4)), PAGE_L4);
    if (rc)
        boot_fail("dom0: its page tables were refused (error %d): a defect in Wirt's domain builder, please report",
                  rc);
}

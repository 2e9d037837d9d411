/* SPDX-License-Identifier: MIT */
/* What the files of boot/ share: the parsed information and options, and the named end of a boot that cannot go on. */
#ifndef WIRT_BOOT_BOOT_H
#define WIRT_BOOT_BOOT_H

#include "boot/cmdline.h"
#include "boot/mbi.h"
#include "dom/domain.h"

extern struct boot_info boot_info;
extern struct boot_options boot_options;

/* One line that names the thing, what was found and what to do; then a halt, or with `noreboot` absent a reboot
 * after ten seconds. */
void boot_fail(const char *format, ...) __printf(1, 2) __noreturn;

void efi_init(void); /* fills platform_efi; before ACPI is looked for */
/* dom0.c: make domain 0 out of the modules; its vCPU 0 is ready to run when this returns. */
void dom0_create(void);
/* dom0_pv.c */
struct elf_image;
struct dom0_plan {   /* in pfns from 0 unless said; filled by dom0.c */
    u64 v_start;     /* virtual address of pfn 0 */
    u64 image_pages; /* pfns [0, image_end) */
    u64 initrd_pfn, initrd_bytes;
    bool is_initrd_mapped, is_p2m_apart;
    u64 p2m_pfn, p2m_pages, p2m_va;
    u64 p2m_table_pfn, p2m_table_pages;
    u64 start_info_pfn, table_pfn, table_pages, stack_pfn;
    u64 mapped_pages; /* pfns [0, mapped_pages) are mapped at v_start */
    u64 placed_pages; /* pfns [0, placed_pages) are all of the above */
    u64 total_pages;
    u64 *p2m; /* direct or temporary array of mfns, total_pages long */
    const char *cmdline;
};
u64 dom0_pv_table_pages(u64 v_start, u64 mapped_pages);
void dom0_pv_load(const struct dom0_plan *plan,
                  const struct elf_image *image); /* segments and initrd into pfns that have frames */
void dom0_pv_build(struct domain *d, struct dom0_plan *plan, const struct elf_image *image);

#endif

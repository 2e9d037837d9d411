/* SPDX-License-Identifier: MIT */
/*
 * A kernel of the oldest make: no notes but the string in section __xen_guest, physical addresses in the ELF file that
 * are virtual ones, a hypercall page given by its number, a module that it expects mapped, and the p2m list inside the
 * first mapping.
 */
#include "guest.h"

#define MODULE_BYTES 10007

static s64 page_call(u64 nr, u64 a, u64 b)
{
    s64 rc;
    __asm__ volatile("call *%%rax"
                     : "=a"(rc), "+D"(a), "+S"(b)
                     : "0"(hypercall_page + nr * 32)
                     : "rcx", "r11", "memory");
    return rc;
}

int main(void)
{
    const u64 *p2m = (u64 *)si->mfn_list, *m2p = (u64 *)HV_START;
    const u8 *module = (u8 *)si->mod_start;

    test("hypercall-page");
    EQ((u64)hypercall_page, (u64)guest_base + 0x100000);
    EQ(page_call(__HYPERVISOR_xen_version, XENVER_version, 0), 4 << 16 | 17);
    test("start-info");
    TRUE(same(si->magic, "xen-3.0-x86_64", 15));
    EQ(si->flags & (SIF_PRIVILEGED | SIF_INITDOMAIN), SIF_PRIVILEGED | SIF_INITDOMAIN);
    EQ(si->flags & (SIF_MOD_START_PFN | SIF_MULTIBOOT_MOD), 0);
    EQ(si->first_p2m_pfn, 0);
    EQ(si->nr_p2m_frames, 0);
    test("module");
    EQ(si->mod_len, MODULE_BYTES);
    TRUE(si->mod_start >= (u64)guest_end && si->mod_start < (u64)si && si->mod_start % PAGE == 0);
    TRUE(module[0] == 'm' && module[5000] == 'm' && module[9999] == 'm');
    TRUE(same(module + 10000, "the end", 7));
    EQ(module[MODULE_BYTES], 0); /* the rest of its last page */
    test("p2m-place");
    TRUE(si->mfn_list >= (u64)guest_end && si->mfn_list + si->nr_pages * 8 <= si->pt_base);
    test("p2m");
    for (u64 i = 0; i < si->nr_pages; i++)
        if (!EQ(m2p[p2m[i]], i))
            break;
    for (u64 va = (u64)guest_base; va < (u64)stack_top; va += PAGE) {
        u64 *e = pte_of(va, 1);
        if (!TRUE(e != NULL) || !EQ((*e & PTE_ADDR) >> 12, p2m[(va - (u64)guest_base) >> 12]))
            break;
    }
    test("p2m-writable");
    u64 *slot = (u64 *)si->mfn_list, old = *slot;
    *(volatile u64 *)slot = 1;
    *(volatile u64 *)slot = old;
    return 0;
}

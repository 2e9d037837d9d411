/* SPDX-License-Identifier: MIT */
/* Where the parts of a guest go: never on top of one another, never outside, whatever the kernel asks for. */
#include "test.h"

#include <string.h>

struct part {
    const char *name;
    uint64_t first, count;
};

static void disjoint(const struct build_plan *p, uint64_t pages, const char *what)
{
    const struct part part[] = {{"image", 0, p->image_pages},
                                {"initrd", p->initrd_pfn, p->initrd_pages},
                                {"p2m", p->p2m_pfn, p->p2m_pages + p->p2m_table_pages},
                                {"start_info", p->start_info_pfn, 1},
                                {"store", p->store_pfn, 1},
                                {"console", p->console_pfn, 1},
                                {"tables", p->table_pfn, p->table_pages},
                                {"stack", p->stack_pfn, 1}};

    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
        check(part[i].first + part[i].count <= pages, "%s: %s ends at %lu of %lu", what, part[i].name,
              part[i].first + part[i].count, pages);
        for (size_t k = 0; k < i; k++)
            check(part[i].first >= part[k].first + part[k].count || part[k].first >= part[i].first + part[i].count,
                  "%s: %s and %s", what, part[i].name, part[k].name);
    }
    check(p->stack_pfn < p->mapped_pages && p->mapped_pages <= pages, "%s: %lu pages mapped", what, p->mapped_pages);
}

static void sizes(void)
{
    struct image image = {.low = 0x100000, .virt_base = 0xffffffff80000000ul};
    struct build_plan p;

    for (uint64_t mib = 4; mib <= 8192; mib = mib < 64 ? mib + 1 : mib * 2)
        for (unsigned int way = 0; way < 4; way++) {
            const char *wrong;

            image.high = 0x100000 + (mib << 18); /* a quarter of its memory */
            image.init_p2m = way & 1 ? 0x8000000000ul : IMAGE_UNSET;
            image.is_initrd_mapped = way & 2;
            if (image.high > 1ul << 30)
                image.high = 1ul << 30;
            wrong = build_layout(&p, &image, mib << 8, mib << 16);
            if (check(!wrong, "%lu MiB: %s", mib, wrong ? wrong : ""))
                disjoint(&p, mib << 8, "sizes");
            if (mib > 64)
                check(p.mapped_pages % 1024 == 0 && p.mapped_pages >= p.stack_pfn + 129, "room behind the stack: %lu",
                      p.mapped_pages - p.stack_pfn);
            wrong = build_layout(&p, &image, mib << 8, mib << 20);
            check(wrong != NULL, "an initrd as large as all memory");
        }
}

static void addresses(void)
{
    static const struct {
        uint64_t base, high, p2m;
        const char *says; /* NULL: it is taken */
    } cases[] = {
        {0, 0x200000, IMAGE_UNSET, NULL},
        {0xffffffff80000000ul, 0x200000, 0x8000000000ul, NULL},
        {0xffff880000000000ul, 0x200000, 0x8000000000ul, NULL},
        {0xffff800000000000ul, 0x200000, IMAGE_UNSET, "wants the kernel"},
        {0xffff87ffffe00000ul, 0x200000, IMAGE_UNSET, "wants the kernel"},
        {0x800000000000ul, 0x200000, IMAGE_UNSET, "wants the kernel"},
        {0x7fffffe00000ul, 0x200000, IMAGE_UNSET, "wants the kernel"},
        {0xffffffffffe00000ul, 0x200000, IMAGE_UNSET, "kernel"},
        {0xffffffff80000123ul, 0x200000, IMAGE_UNSET, "wants the kernel"},
        {0xffffffff80000000ul, 0x200000, 0xffffffff90000000ul, "same 512 GiB"},
        {0xffffffff80000000ul, 0x200000, 0xffff800000000000ul, "list of frames"},
        {0xffffffff80000000ul, 0x200000, 0x7ffffffff000ul, "list of frames"},
        {0xffffffff80000000ul, 0x200000, ~0xffful, "list of frames"},
        {0xffffffff80000000ul, 0x200000, 0x8000000001ul, "list of frames"},
    };
    struct build_plan p;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct image image = {.high = cases[i].high, .virt_base = cases[i].base, .init_p2m = cases[i].p2m};
        const char *wrong = build_layout(&p, &image, 0x10000, 0);

        check(cases[i].says ? wrong && strstr(wrong, cases[i].says) : !wrong, "case %zu: %s", i,
              wrong ? wrong : "taken");
    }
}

void test_layout(void)
{
    sizes();
    addresses();
}

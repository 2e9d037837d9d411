/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of 32-bit code without paging, as boot loaders make them: arguments in other registers, structures of the
 * 32-bit ABI. Part of main.c.
 */
#define GET_PARAM    1u
#define PARAM_NUMBER 17u

/* The same list, with words of 32 bits: number at 0, arguments from 8 on, result at 48. */
void narrow_code(void), narrow_code_end(void);
__asm__(".pushsection .text\n"
        ".code32\n"
        "narrow_code:\n"
        "mov $0x2000, %ebp\n"
        "1: mov (%ebp), %eax\n"
        "cmp $-1, %eax\n"
        "je 3f\n"
        "mov 8(%ebp), %ebx\n"
        "mov 12(%ebp), %ecx\n"
        "vmmcall\n"
        "mov %eax, 48(%ebp)\n"
        "add $64, %ebp\n"
        "jmp 1b\n"
        "3: mov $29, %eax\n"
        "mov $2, %ebx\n"
        "mov $0x3ff8, %ecx\n"
        "vmmcall\n"
        "jmp 3b\n"
        "narrow_code_end:\n"
        ".code64\n"
        ".popsection\n");

struct narrow_step {
    u32 nr, pad, a[10], result, more[3];
};

/* Runs them in the guest that is furnished; the results are in the list. */
static void narrow_run(void)
{
    struct xen_domctl op = {0};

    data[511] = SHUTDOWN_poweroff;
    EQ(show(win, AT(CODE) | RW_PAGE, dom), 0);
    code_copy(win, (const void *)narrow_code, (u64)narrow_code_end - (u64)narrow_code);
    EQ(map(win, 0), 0);
    context_of(AT(CODE));
    context.cpu.cr0 = 0x11;
    context.cpu.cr3 = context.cpu.cr4 = context.cpu.msr_efer = 0;
    context.cpu.cs_arbytes = 0xc9b;
    EQ(set_context(), 0);
    EQ(domctl(XEN_DOMCTL_unpausedomain, dom, &op), 0);
    wait_for_end();
    EQ(reason(), SHUTDOWN_poweroff);
}

static void narrow(void)
{
    static u8 e820[40] = {1, 2, 3};
    struct xen_foreign_memory_map map_of = {.map = {2, (u64)e820}};
    const struct narrow_step steps[] = {
        {__HYPERVISOR_memory_op, 0, {XENMEM_add_to_physmap, AT(DATA)}},
        {__HYPERVISOR_memory_op, 0, {XENMEM_memory_map, AT(DATA) + 32}},
        {__HYPERVISOR_hvm_op, 0, {GET_PARAM, AT(DATA) + 64}},
        {__HYPERVISOR_event_channel_op, 0, {6, AT(DATA) + 96}}, /* alloc_unbound */
        {__HYPERVISOR_sched_op, 0, {0}},                        /* yield */
        {__HYPERVISOR_memory_op, 0, {XENMEM_add_to_physmap, 0xf0000000}},
        {__HYPERVISOR_memory_op, 0, {XENMEM_memory_map, AT(PAGES) - 4}}, /* half of it is nowhere */
        {__HYPERVISOR_memory_op, 0, {XENMEM_populate_physmap, AT(DATA)}},
        {__HYPERVISOR_grant_table_op, 0, {2, AT(DATA)}},
        {__HYPERVISOR_sched_op, 0, {3, AT(DATA)}}, /* poll */
        {0x80000020, 0, {0}},
        {~0u, 0, {0}}};
    struct narrow_step *done = (struct narrow_step *)list;
    u32 *words = (u32 *)data;

    test("narrow");
    if (!create())
        return;
    furnish();
    map_of.domid = (domid_t)dom;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_set_memory_map, &map_of), 0);
    memcpy(list, steps, sizeof(steps));
    words[0] = DOMID_SELF, words[1] = XENMAPSPACE_shared_info, words[2] = 0, words[3] = FREE + 1;
    words[8] = 2, words[9] = AT(DATA) + 256;
    words[16] = DOMID_SELF, words[17] = PARAM_NUMBER;
    words[24] = DOMID_SELF;
    narrow_run();
    for (u32 i = 0; i < 5; i++)
        EQ((s64)(int)done[i].result, 0);
    EQ((s64)(int)done[5].result, E_FAULT);
    EQ((s64)(int)done[6].result, E_FAULT);
    for (u32 i = 7; i < 11; i++)
        EQ((s64)(int)done[i].result, E_NOSYS);
    EQ(words[8], 2);
    EQ(words[64] & 0xffffff, 0x030201);
    TRUE(words[25] != 0); /* the port */
    end();
}

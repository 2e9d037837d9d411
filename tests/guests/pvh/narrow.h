/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of 32-bit code without paging, as boot loaders make them, and with the two kinds of it that 32-bit kernels
 * have: arguments in other registers, structures of the 32-bit ABI, right and wrong ones. Part of main.c.
 */
#define GET_PARAM    1u
#define PARAM_NUMBER 17u

/* The same list, with words of 32 bits: number at 0, arguments from 8 on, result at 48. */
void narrow_code(void), narrow_list(void), narrow_code_end(void);
__asm__(".pushsection .text\n"
        ".code32\n"
        "narrow_code:\n"
        "mov %eax, %cr4\n"
        "mov %ebx, %cr3\n"
        "mov %ecx, %cr0\n"
        "jmp 2f\n"
        "2:\n"
        "narrow_list:\n"
        "mov $0x2000, %ebp\n"
        "1: mov (%ebp), %eax\n"
        "cmp $-1, %eax\n"
        "je 3f\n"
        "mov 8(%ebp), %ebx\n"
        "mov 12(%ebp), %ecx\n"
        "mov 16(%ebp), %edx\n"
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

/* Without paging, with PAE's three levels and with the two of old: what goes to CR4, CR3 and CR0 before the list. */
static const struct {
    const char *name;
    u64 cr4, cr3, cr0;
} narrow_modes[] = {{"narrow-flat", 0, 0, 0x11},
                    {"narrow-pae", 0x20, AT(L3), 0x80010011},
                    {"narrow-two-levels", 0x10, AT(L4), 0x80010011}};

/* Runs them in the guest that is furnished; the results are in the list. */
static void narrow_run(u32 mode)
{
    struct xen_domctl op = {0};

    data[511] = SHUTDOWN_poweroff;
    EQ(show(win, AT(L3) | RW_PAGE, dom), 0);
    ((u64 *)win)[0] = AT(L2) | 1; /* PAE's has no rights */
    EQ(show(win, AT(L4) | RW_PAGE, dom), 0);
    ((u32 *)win)[0] = RW_PAGE | PTE_PSE;
    EQ(show(win, AT(CODE) | RW_PAGE, dom), 0);
    code_copy(win, (const void *)narrow_code, (u64)narrow_code_end - (u64)narrow_code);
    EQ(map(win, 0), 0);
    context_of(AT(CODE));
    context.cpu.rax = narrow_modes[mode].cr4;
    context.cpu.rbx = narrow_modes[mode].cr3;
    context.cpu.rcx = narrow_modes[mode].cr0;
    context.cpu.cr0 = 0x11;
    context.cpu.cr3 = context.cpu.cr4 = context.cpu.msr_efer = 0;
    context.cpu.cs_arbytes = 0xc9b;
    EQ(set_context(), 0);
    EQ(domctl(XEN_DOMCTL_unpausedomain, dom, &op), 0);
    wait_for_end();
    EQ(reason(), SHUTDOWN_poweroff);
}

#define N(call, ...)                                                                                                   \
    {                                                                                                                  \
        __HYPERVISOR_##call, 0,                                                                                        \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define WORD(n)  (AT(DATA) + (n)*4)
#define AREA     (AT(DATA) + 0x400) /* runstate, registered: 44 bytes, and what must stay behind them */
#define PAGE_END (AT(PAGES) - 12)   /* the last 12 bytes of its memory */
static const struct {
    struct narrow_step step;
    s64 result;
} narrow_steps[] = {
    {N(memory_op, XENMEM_add_to_physmap, WORD(0)), 0},
    {N(memory_op, XENMEM_memory_map, WORD(8)), 0},
    {N(hvm_op, GET_PARAM, WORD(16)), 0},
    {N(event_channel_op, 6, WORD(24)), 0}, /* alloc_unbound */
    {N(sched_op, 0), 0},                   /* yield */
    {N(memory_op, XENMEM_add_to_physmap, 0xf0000000), E_FAULT},
    {N(memory_op, XENMEM_memory_map, AT(PAGES) - 4), E_FAULT}, /* half of it is nowhere */
    {N(memory_op, XENMEM_decrease_reservation, WORD(32)), 1},
    {N(memory_op, XENMEM_populate_physmap, WORD(32)), 1},
    {N(memory_op, XENMEM_populate_physmap, WORD(40)), E_FAULT},     /* the list goes over the end of 4 GiB */
    {N(memory_op, XENMEM_decrease_reservation, WORD(48)), E_FAULT}, /* 2^32 - 1 of them, nowhere */
    {N(memory_op, XENMEM_exchange, WORD(32)), E_NOSYS},
    {N(memory_op, 0xffffffff, WORD(32)), E_NOSYS},
    {N(memory_op, XENMEM_current_reservation, WORD(24)), PAGES},
    {N(sched_op, 3, 0xfffffff8), E_FAULT},  /* poll */
    {N(sched_op, 3, WORD(56)), E_INVAL},    /* 2^32 - 1 ports */
    {N(sched_op, 3, WORD(60)), 0},          /* until a time that is over */
    {N(grant_table_op, 2, WORD(64), 1), 0}, /* setup_table */
    {N(grant_table_op, 5, WORD(78), 1), 0}, /* copy: one, then it and another, of nobody's */
    {N(grant_table_op, 5, WORD(72), 2), 0},
    {N(grant_table_op, 5, 0xffffffe0, 100), E_FAULT},
    {N(vcpu_op, 4, 0, WORD(88)), 0},  /* get_runstate_info */
    {N(vcpu_op, 5, 0, WORD(102)), 0}, /* register_runstate_memory_area */
    {N(vcpu_op, 8, 0, PAGE_END), 0},  /* set_singleshot_timer: no byte more is read */
    {N(vcpu_op, 8, 0, PAGE_END + 4), E_FAULT},
    {N(vcpu_op, 9, 0), 0},
    {N(set_timer_op, 0, 0), 0},
    {N(xen_version, XENVER_platform_parameters, PAGE_END + 8), 0}, /* no byte more is written */
    {N(event_channel_op, 7, WORD(106)), 0},                        /* bind_ipi */
    {N(event_channel_op, 4, WORD(107)), 0},                        /* send */
    {N(multicall, WORD(0), 1), E_NOSYS},
    {{0x80000020, 0, {0}}, E_NOSYS},
};

static void narrow_words(u32 *w)
{
    w[0] = DOMID_SELF, w[1] = XENMAPSPACE_shared_info, w[2] = 0, w[3] = FREE + 1;
    w[8] = 2, w[9] = WORD(110);
    w[16] = DOMID_SELF, w[17] = PARAM_NUMBER;
    w[24] = DOMID_SELF;
    w[32] = WORD(37), w[33] = 1, w[36] = DOMID_SELF, w[37] = PAGES - 4;
    w[40] = 0xfffffffc, w[41] = 2, w[44] = DOMID_SELF;
    w[48] = 0xf0000000, w[49] = ~0u, w[52] = DOMID_SELF;
    w[56] = WORD(0), w[57] = ~0u;
    w[60] = WORD(63), w[61] = 1, w[62] = 1, w[63] = 0;
    w[64] = DOMID_SELF, w[65] = 1, w[67] = WORD(68), w[68] = w[69] = ~0u;
    w[72] = 5, w[73] = 0x7000, w[74] = 5, w[75] = 0x7000; /* a domain that there is not */
    w[78] = 5, w[79] = 0x7000, w[80] = 5, w[81] = 0x7000;
    w[76] = w[82] = 8 | 1u << 16;
    w[99] = w[100] = ~0u;
    w[102] = AREA, w[103] = ~0u;
    w[106] = 0;
    w[(AREA - AT(DATA)) / 4 + 11] = 0x5a5a5a5a;
}

/* What is where in the page that it shares, in the layout for 32 bits. */
static void narrow_shared(u32 port)
{
    const u32 *page = (const u32 *)win;

    EQ(show(win, AT(FREE + 1) | RW_PAGE, dom), 0);
    EQ(page[2048 / 4 + port / 32] >> port % 32 & 1, 1);
    TRUE(page[1] >> port / 32 & 1); /* the selector */
    EQ(page[2] | page[3], 0);       /* where 64-bit guests have it */
    TRUE(page[2304 / 4 + 1] != 0);  /* the wall clock's seconds */
    EQ(page[3072 / 4 + 1], 0);
    EQ(map(win, 0), 0);
}

static void narrow(u32 mode)
{
    static u8 e820[40] = {1, 2, 3};
    struct xen_foreign_memory_map map_of = {.map = {2, (u64)e820}};
    struct narrow_step *done = (struct narrow_step *)list;
    u32 *words = (u32 *)data, *area = words + (AREA - AT(DATA)) / 4;

    test(narrow_modes[mode].name);
    if (!create())
        return;
    furnish();
    map_of.domid = (domid_t)dom;
    EQ(call2(__HYPERVISOR_memory_op, XENMEM_set_memory_map, &map_of), 0);
    for (u32 i = 0; i < COUNT(narrow_steps); i++)
        done[i] = narrow_steps[i].step;
    done[COUNT(narrow_steps)].nr = ~0u;
    narrow_words(words);
    narrow_run(mode);
    for (u32 i = 0; i < COUNT(narrow_steps); i++)
        fact_eq((u64)(s64)(int)done[i].result, (u64)narrow_steps[i].result, "step", (int)(1000 + i));
    EQ(words[8], 2);
    EQ(words[110] & 0xffffff, 0x030201);
    TRUE(words[25] != 0); /* the port */
    EQ(words[66], 0);     /* setup_table: status, frame, and no word behind it */
    TRUE(words[68] != ~0u);
    EQ(words[69], ~0u);
    TRUE(words[77] & words[83] & 0x8000); /* both copies say why not */
    EQ(words[88], 0);                     /* it runs */
    EQ(words[99], ~0u);                   /* 44 bytes */
    EQ(area[0], 0);
    TRUE(area[1] | area[2]);
    EQ(area[11], 0x5a5a5a5a);
    narrow_shared(words[107]);
    end();
}

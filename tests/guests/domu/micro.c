/* SPDX-License-Identifier: MIT */
/*
 * The micro-guest: the smallest PV kernel that is a whole domain. It says "WIRT-MICRO NAME up" on its console ring,
 * does what the first word of its command line asks, and powers off. One vCPU, 4 MiB, no page table of its own, no
 * interrupt: it waits by polling ports. Words: (none) | wait | spin | panic | report | reboot | flood | rubbish | echo
 * | lend | borrow. report is a panic that leaves a crash page for dom0. The second word, if any, is its name, the third
 * another domain's number: lend grants it a page, borrow maps that. flood and rubbish are what a hostile guest does to
 * rings that dom0 reads.
 */
#include <stdbool.h>
#include <stdint.h>

#include "public/console.h"
#include "public/event_channel.h"
#include "public/grant_table.h"
#include "public/sched.h"
#include "public/xen.h"
#include "public/xs_wire.h"

extern uint8_t guest_base[];

static long call3(unsigned long nr, const void *a, const void *b, unsigned long c)
{
    register unsigned long r10 __asm__("r10") = 0;
    __asm__ volatile("syscall" : "+a"(nr), "+D"(a), "+S"(b), "+d"(c), "+r"(r10) : : "rcx", "r11", "memory");
    return (long)nr;
}
#define call(nr, a, b) call3(nr, a, b, 0)
#define CMD(n)         ((const void *)(unsigned long)(n))

static long evtchn(unsigned long cmd, void *op)
{
    return call(__HYPERVISOR_event_channel_op, CMD(cmd), op);
}

static void notify(uint32_t port)
{
    struct evtchn_send send = {port};
    evtchn(EVTCHNOP_send, &send);
}

/* Blocks until one of the ports is pending; with none, for ever. */
static void wait_for(evtchn_port_t *port, uint32_t count)
{
    struct sched_poll poll = {.ports = (uint64_t)port, .nr_ports = count};
    call(__HYPERVISOR_sched_op, CMD(SCHEDOP_poll), &poll);
}

static void end(uint32_t reason)
{
    struct sched_shutdown shutdown = {reason};
    for (;;)
        call(__HYPERVISOR_sched_op, CMD(SCHEDOP_shutdown), &shutdown);
}

/* The rings are named by machine frame; the mapping that we woke up in is pfn by pfn. */
static void *page_of(const struct start_info *si, uint64_t mfn)
{
    const uint64_t *list = (const uint64_t *)si->mfn_list;
    for (uint64_t pfn = 0; pfn < si->nr_pages; pfn++)
        if (list[pfn] == mfn)
            return guest_base + (pfn << 12);
    end(SHUTDOWN_crash);
    return 0;
}

static struct xencons_interface *console;
static uint32_t console_port;

static void say(const char *text)
{
    for (; *text; text++) {
        while (console->out_prod - console->out_cons >= sizeof(console->out))
            notify(console_port);
        console->out[MASK_XENCONS_IDX(console->out_prod, console->out)] = *text;
        __asm__ volatile("" ::: "memory");
        console->out_prod++;
    }
    notify(console_port);
}

static void say_number(uint64_t n)
{
    char digits[21], *p = digits + 20;
    for (*p = 0; p == digits + 20 || n; n /= 10)
        *--p = (char)('0' + n % 10);
    say(p);
}

/* word N of the command line, ended in place. */
static const char *word(struct start_info *si, uint32_t n)
{
    static char copy[128];
    const char *from = (const char *)si->cmd_line;
    uint32_t used = 0;
    for (; n; n--) {
        for (; *from && *from != ' '; from++)
            ;
        from += *from == ' ';
    }
    for (; *from && *from != ' ' && used < sizeof(copy) - 1; from++)
        copy[used++] = *from;
    copy[used] = 0;
    return copy;
}

static bool is(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        ;
    return *a == *b;
}

/* As much as every ring takes, for ever: text, requests for a key that is not there, events. */
static void flood(struct xenstore_domain_interface *store, uint32_t store_port)
{
    static const struct {
        struct xsd_sockmsg head;
        char path[8];
    } read = {{XS_READ, 0, 0, 8}, "nothing"};
    const uint8_t *bytes = (const uint8_t *)&read;
    for (uint64_t at = 0;;) {
        while (store->req_prod - store->req_cons < XENSTORE_RING_SIZE) {
            store->req[MASK_XENSTORE_IDX(store->req_prod)] = (char)bytes[at++ % sizeof(read)];
            __asm__ volatile("" ::: "memory");
            store->req_prod++;
        }
        store->rsp_cons = store->rsp_prod;
        notify(store_port);
        while (console->out_prod - console->out_cons < sizeof(console->out))
            console->out[MASK_XENCONS_IDX(console->out_prod++, console->out)] = '#';
        notify(console_port);
    }
}

/* Indices and bytes without sense in both rings, an event with each. */
static void rubbish(struct xenstore_domain_interface *store, uint32_t store_port)
{
    uint32_t seed = 1;
    for (uint32_t round = 0; round < 4096; round++) {
        uint32_t *to = round & 1 ? (uint32_t *)store : (uint32_t *)console;
        for (uint32_t i = 0; i < 1024; i += 7) {
            seed = seed * 1664525u + 1013904223u;
            to[i] = seed;
        }
        store->req_prod = seed;
        console->out_prod = seed >> 3;
        notify(store_port);
        notify(console_port);
    }
}

/* One port for dom0, whose number stands on the console; every event on it is answered. */
static void echo(uint64_t shared_info)
{
    static uint8_t page[4096] __attribute__((aligned(4096)));
    struct shared_info *shared = (struct shared_info *)page;
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = 0};
    if (evtchn(EVTCHNOP_alloc_unbound, &alloc) ||
        call3(__HYPERVISOR_update_va_mapping, page, CMD(shared_info | 0x67), UVMF_INVLPG))
        end(SHUTDOWN_crash);
    say("WIRT-MICRO echo port=");
    say_number(alloc.port);
    say("\n");
    for (evtchn_port_t port = alloc.port;;) {
        wait_for(&port, 1);
        __atomic_and_fetch(&shared->evtchn_pending[port / 64], ~(1ul << port % 64), __ATOMIC_SEQ_CST);
        notify(port);
    }
}

/* As a kernel of guest-patches panics: a page whose frame xenstore knows, then the end. */
static void report(const struct start_info *si, struct xenstore_domain_interface *store, uint32_t store_port)
{
    static struct {
        char magic[8];
        uint32_t length, zero;
        char text[4080];
    } page __attribute__((aligned(4096))) = {
        "crashlog", 69, 0, "[    0.1] \033[2J\n[    0.2] Kernel panic - not syncing: on purpose\nlast\n"};
    static char message[64] = "data/crash-page";
    char digits[21], *number = digits + 20;
    uint64_t frame = ((const uint64_t *)si->mfn_list)[((uint8_t *)&page - guest_base) >> 12];
    struct xsd_sockmsg head = {.type = XS_WRITE, .req_id = 1};
    for (*number = 0; frame; frame /= 10)
        *--number = (char)('0' + frame % 10);
    for (head.len = 16; *number; head.len++)
        message[head.len] = *number++;
    for (uint32_t i = 0; i < sizeof(head) + head.len; i++)
        store->req[MASK_XENSTORE_IDX(store->req_prod + i)] =
            i < sizeof(head) ? ((const char *)&head)[i] : message[i - sizeof(head)];
    __asm__ volatile("" ::: "memory");
    store->req_prod += (uint32_t)sizeof(head) + head.len;
    notify(store_port);
    while (*(volatile XENSTORE_RING_IDX *)&store->rsp_prod == store->rsp_cons)
        call(__HYPERVISOR_sched_op, CMD(SCHEDOP_yield), 0);
    end(SHUTDOWN_crash);
}

#define LENT 8u /* the entry */

static void show(void *at, uint64_t mfn)
{
    if (call3(__HYPERVISOR_update_va_mapping, at, CMD(mfn << 12 | 0x67), UVMF_INVLPG))
        end(SHUTDOWN_crash);
}

static void lend(const struct start_info *si, domid_t peer)
{
    static uint8_t page[4096] __attribute__((aligned(4096)));
    static uint64_t frame;
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1, .frame_list = (uint64_t)&frame};
    struct grant_entry_v1 *entry = (struct grant_entry_v1 *)page;
    if (call3(__HYPERVISOR_grant_table_op, CMD(GNTTABOP_setup_table), &setup, 1) || setup.status)
        end(SHUTDOWN_crash);
    show(page, frame);
    entry[LENT] = (struct grant_entry_v1){
        .domid = peer, .frame = (uint32_t)((const uint64_t *)si->mfn_list)[0], .flags = GTF_permit_access};
    say("WIRT-MICRO lends\n");
}

static void borrow(domid_t peer)
{
    static uint8_t page[4096] __attribute__((aligned(4096)));
    struct gnttab_map_grant_ref map = {
        .host_addr = (uint64_t)page, .flags = GNTMAP_host_map | GNTMAP_readonly, .ref = LENT, .dom = peer};
    if (call3(__HYPERVISOR_grant_table_op, CMD(GNTTABOP_map_grant_ref), &map, 1) || map.status)
        end(SHUTDOWN_crash);
    say("WIRT-MICRO has borrowed\n");
}

static domid_t number(const char *text)
{
    uint32_t n = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        n = n * 10 + (uint32_t)(*text - '0');
    return (domid_t)n;
}

void micro_main(struct start_info *si);
void micro_main(struct start_info *si)
{
    struct xenstore_domain_interface *store = page_of(si, si->store_mfn);
    console = page_of(si, si->console.domU.mfn);
    console_port = si->console.domU.evtchn;
    say("WIRT-MICRO ");
    say(word(si, 1));
    say(" up\n");
    domid_t peer = number(word(si, 2));
    const char *act = word(si, 0);
    if (is(act, "lend"))
        lend(si, peer);
    if (is(act, "borrow"))
        borrow(peer);
    if (is(act, "wait") || is(act, "lend") || is(act, "borrow"))
        for (;;)
            wait_for(0, 0);
    if (is(act, "spin"))
        for (;;)
            __asm__ volatile("pause");
    if (is(act, "report"))
        report(si, store, si->store_evtchn);
    if (is(act, "flood"))
        flood(store, si->store_evtchn);
    if (is(act, "rubbish"))
        rubbish(store, si->store_evtchn);
    if (is(act, "echo"))
        echo(si->shared_info);
    end(is(act, "panic") ? SHUTDOWN_crash : is(act, "reboot") ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}

/* SPDX-License-Identifier: MIT */
/*
 * The runtime behind domu.h. The console is written by print() through console_write, which guest.c calls when it runs
 * in a domU. Waiting is polling a port with a time limit: a daemon that does not answer fails the open test and no
 * more.
 */
#include "domu.h"

struct xenstore_domain_interface *store;
struct xencons_interface *console;
struct xs_answer xs_answer;
u32 xs_events;
const char *xs_said = "";

static void notify(u32 port)
{
    struct evtchn_send send = {port};
    evtchn(EVTCHNOP_send, &send);
}

/* Until the port is rung or some milliseconds have gone. */
static void wait_port(u32 port, u32 ms)
{
    struct sched_poll poll = {.ports = (u64)&port, .nr_ports = port ? 1 : 0, .timeout = now() + ms * 1000000ul};
    call2(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll);
    if (port)
        bit_clear(shared->evtchn_pending, port);
}

void sleep_ms(u32 ms)
{
    for (u64 end = now() + ms * 1000000ul; now() < end;)
        wait_port(0, ms);
}

void console_write(const char *text, u32 count);
void console_write(const char *text, u32 count)
{
    if (!console)
        console = va_of_mfn(si->console.domU.mfn);
    for (u32 i = 0; i < count; i++) {
        while (console->out_prod - console->out_cons >= sizeof(console->out)) {
            notify(si->console.domU.evtchn);
            if (shared)
                wait_port(si->console.domU.evtchn, 20);
        }
        console->out[MASK_XENCONS_IDX(console->out_prod, console->out)] = text[i];
        __asm__ volatile("" ::: "memory");
        console->out_prod++;
    }
    notify(si->console.domU.evtchn);
}

void domu_init(void)
{
    store = va_of_mfn(si->store_mfn);
    console = va_of_mfn(si->console.domU.mfn);
    if (!shared)
        shared_init();
}

bool is_text(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        ;
    return *a == *b;
}

static u32 length_of(const char *s)
{
    u32 n = 0;
    while (s[n])
        n++;
    return n;
}

u64 argument(u64 otherwise)
{
    const char *c = (const char *)si->cmd_line;
    u64 n = 0;
    while (*c && *c != ' ')
        c++;
    if (*c == 0 || c[1] < '0' || c[1] > '9')
        return otherwise;
    for (c++; *c >= '0' && *c <= '9'; c++)
        n = n * 10 + (u64)(*c - '0');
    return n;
}

const char *numbered(const char *prefix, u64 number, const char *suffix)
{
    static char text[256];
    char digit[20];
    u32 n = 0, used = length_of(prefix);
    memcpy(text, prefix, used);
    do {
        digit[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (n)
        text[used++] = digit[--n];
    memcpy(text + used, suffix, length_of(suffix) + 1);
    return text;
}

/* --- xenstore --- */

bool xs_bytes(const void *bytes, u32 count)
{
    const char *from = bytes;
    u64 end = now() + 5000000000;
    while (count) {
        if (store->req_prod - store->req_cons < XENSTORE_RING_SIZE) {
            store->req[MASK_XENSTORE_IDX(store->req_prod)] = *from++;
            __asm__ volatile("" ::: "memory");
            store->req_prod++;
            count--;
            continue;
        }
        notify(si->store_evtchn);
        if (now() > end)
            return false;
        wait_port(si->store_evtchn, 50);
    }
    notify(si->store_evtchn);
    return true;
}

static bool take(void *to, u32 count)
{
    char *at = to;
    u64 end = now() + 10000000000;
    while (count) {
        if (store->rsp_cons == store->rsp_prod) {
            notify(si->store_evtchn);
            if (now() > end)
                return false;
            wait_port(si->store_evtchn, 50);
            continue;
        }
        char c = store->rsp[MASK_XENSTORE_IDX(store->rsp_cons)];
        __asm__ volatile("" ::: "memory");
        store->rsp_cons++;
        if (at)
            *at++ = c;
        count--;
    }
    notify(si->store_evtchn);
    return true;
}

s64 xs_raw(u32 type, u32 tx, const void *payload, u32 length)
{
    static u32 number;
    struct xsd_sockmsg head = {type, ++number, tx, length};
    if (!xs_bytes(&head, sizeof(head)) || !xs_bytes(payload, length))
        return E_TIME;
    for (;;) {
        if (!take(&head, sizeof(head)))
            return E_TIME;
        xs_answer.type = head.type;
        xs_answer.length = head.len;
        if (head.len > XENSTORE_PAYLOAD_MAX || !take(xs_answer.data, head.len))
            return E_TIME;
        xs_answer.data[head.len] = 0;
        if (head.type != XS_WATCH_EVENT)
            return head.req_id == number ? 0 : E_TIME;
        xs_events++;
    }
}

static const char *said(s64 rc)
{
    xs_said = rc ? "no answer" : xs_answer.type == XS_ERROR ? xs_answer.data : "";
    return xs_said;
}

static const char *xs_pair(u32 type, u32 tx, const char *a, const char *b, bool with_zero)
{
    static char payload[XENSTORE_PAYLOAD_MAX];
    u32 used = length_of(a) + 1, more = b ? length_of(b) + with_zero : 0;
    memcpy(payload, a, used);
    memcpy(payload + used, b ? b : "", more);
    return said(xs_raw(type, tx, payload, used + more));
}

const char *xs(u32 type, u32 tx, const char *path, const char *value)
{
    return xs_pair(type, tx, path, value, false);
}

const char *xs_two(u32 type, u32 tx, const char *a, const char *b)
{
    return xs_pair(type, tx, a, b, true);
}

u32 domu_id(void)
{
    u32 id = 0;
    xs(XS_READ, 0, "domid", NULL);
    for (const char *c = xs_answer.data; *c >= '0' && *c <= '9'; c++)
        id = id * 10 + (u32)(*c - '0');
    return id;
}

/* --- grants --- */

s64 grant_op(u32 cmd, void *op, u32 count)
{
    return call3(__HYPERVISOR_grant_table_op, cmd, op, count);
}

struct grant_entry_v1 *grant_table(void)
{
    static struct grant_entry_v1 *table;
    u64 frame = 0;
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1, .frame_list = (u64)&frame};
    if (table)
        return table;
    if (grant_op(GNTTABOP_setup_table, &setup, 1) || setup.status)
        return NULL;
    table = page_new();
    return map(table, frame << 12 | RW_PAGE | PTE_NX) ? NULL : table;
}

/* --- a second vCPU --- */

static u8 second_stack[16384] __attribute__((aligned(4096)));
static void (*second_fn)(void);

static void second_main(void)
{
    second_fn();
    for (;;)
        call3(__HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0);
}

s64 second_start(void (*fn)(void))
{
    static struct vcpu_guest_context c;
    second_fn = fn;
    c = (struct vcpu_guest_context){.flags = VGCF_in_kernel};
    c.user_regs.rip = (u64)second_main;
    c.user_regs.rsp = (u64)second_stack + sizeof(second_stack) - 8;
    c.user_regs.cs = FLAT_KERNEL_CS;
    c.user_regs.ss = FLAT_KERNEL_SS;
    c.kernel_ss = FLAT_KERNEL_SS;
    c.kernel_sp = (u64)second_stack + sizeof(second_stack);
    c.ctrlreg[3] = maddr((void *)si->pt_base);
    for (u32 v = 0; v < 32; v++)
        c.trap_ctxt[v] = (struct trap_info){(u8)v, 0, FLAT_KERNEL_CS, (u64)trap_stubs + v * 32};
    s64 rc = vcpu_op(VCPUOP_initialise, 1, &c);
    return rc ? rc : vcpu_op(VCPUOP_up, 1, NULL);
}

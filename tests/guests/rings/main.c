/* SPDX-License-Identifier: MIT */
/*
 * Class: input validation in dom0's daemons. Impossible indexes, lengths and half requests in xenstore's ring, which
 * says what was wrong and may be taken up again; impossible indexes in the console's ring, which goes on. What belongs
 * to the daemons in the pages is overwritten too. Case "half" leaves a request of which the rest never comes.
 */
#include "domu.h"

static void ring(void)
{
    struct evtchn_send send = {si->store_evtchn};
    evtchn(EVTCHNOP_send, &send);
}

static bool waits_for(volatile u32 *word, u32 value)
{
    for (u32 i = 0; i < 500 && *word != value; i++) {
        ring();
        sleep_ms(10);
    }
    return *word == value;
}

/* The daemon says `error`; a new ring works. */
static void ends_with(u32 error)
{
    ring();
    if (!TRUE(waits_for(&store->error, error)))
        print("  error is %u\n", store->error);
    store->connection = XENSTORE_RECONNECT;
    TRUE(waits_for(&store->connection, XENSTORE_CONNECTED));
    EQ(store->error, XENSTORE_ERROR_NONE);
    XS_IS(xs(XS_READ, 0, "domid", NULL), "");
}

static void indexes(void)
{
    static const u32 ahead[] = {XENSTORE_RING_SIZE + 1, 0x7fffffff, 0x80000000, 0xffffffff};
    test("requests-index");
    for (u32 i = 0; i < COUNT(ahead); i++) {
        store->req_prod = store->req_cons + ahead[i];
        ends_with(XENSTORE_ERROR_RINGIDX);
    }
    test("answers-index");
    for (u32 i = 0; i < COUNT(ahead); i++) {
        static const struct xsd_sockmsg head = {.type = XS_READ, .len = 6};
        store->rsp_cons = store->rsp_prod + 1 + i * 0x10000000;
        xs_bytes(&head, sizeof(head));
        xs_bytes("domid", 6);
        ends_with(XENSTORE_ERROR_RINGIDX);
    }
    test("daemons-index"); /* what is the daemon's counts as the daemon has it */
    u32 cons = store->req_cons, prod = store->rsp_prod;
    store->req_cons = 0x12345678;
    store->rsp_prod = 0x87654321;
    ring();
    sleep_ms(50);
    store->req_cons = cons;
    store->rsp_prod = prod;
    XS_IS(xs(XS_READ, 0, "domid", NULL), "");
}

static void lengths(void)
{
    static const u32 length[] = {XENSTORE_PAYLOAD_MAX + 1, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0};
    test("lengths");
    for (u32 i = 0; i < COUNT(length); i++) {
        struct xsd_sockmsg head = {XS_WRITE, 1, 0, length[i]};
        TRUE(xs_bytes(&head, sizeof(head)));
        ends_with(XENSTORE_ERROR_PROTO);
    }
    test("half-a-request"); /* given up by the guest itself */
    struct xsd_sockmsg head = {XS_WRITE, 1, 0, 4000};
    TRUE(xs_bytes(&head, sizeof(head)) && xs_bytes("data/half", 10));
    store->connection = XENSTORE_RECONNECT;
    TRUE(waits_for(&store->connection, XENSTORE_CONNECTED));
    XS_IS(xs(XS_READ, 0, "domid", NULL), "");
    test("reconnects");
    for (u32 i = 0; i < 100; i++) {
        store->connection = XENSTORE_RECONNECT;
        if (!TRUE(waits_for(&store->connection, XENSTORE_CONNECTED)))
            break;
    }
    XS_IS(xs(XS_READ, 0, "domid", NULL), "");
}

static void console_rubbish(void)
{
    test("console");
    for (u32 round = 0; round < 50; round++) {
        u32 prod = console->out_prod, r = random() << 8 | round;
        console->out_prod = prod + sizeof(console->out) + 1 + r % 0x40000000;
        console->in_cons = r * 7;
        console->in_prod = r * 13;
        struct evtchn_send send = {si->console.domU.evtchn};
        evtchn(EVTCHNOP_send, &send);
        sleep_ms(5);
    }
    console->in_cons = console->in_prod;
    console->out_prod = console->out_cons;
}

int main(void)
{
    traps_init();
    domu_init();
    if (is_case("half")) {
        struct xsd_sockmsg head = {XS_WRITE, 1, 0, 4000};
        xs_bytes(&head, sizeof(head));
        xs_bytes("data/half", 10);
        for (;;) {
            store->connection = 0;
            ring();
            sleep_ms(20);
        }
    }
    indexes();
    lengths();
    console_rubbish();
    return 0;
}

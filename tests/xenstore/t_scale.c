// SPDX-License-Identifier: MIT
/*
 * What requests cost with a few domains and with a thousand, in the daemon's own processor time, and what an idle
 * domain costs in its memory. The figures are printed; each is the least of three, as a machine that is shared takes
 * time from a process that is charged to it, and the checks allow a factor of two for noise: they look for what grows
 * with the domains, of which there are a hundred times more.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEAT 2000u

static void domain_nodes(struct peer *p, unsigned domid)
{
    static const char *const names[] = {"name",
                                        "domid",
                                        "vm",
                                        "store/ring-ref",
                                        "store/port",
                                        "console/ring-ref",
                                        "console/port",
                                        "console/type",
                                        "console/limit",
                                        "console/tty",
                                        "cpu/0/availability",
                                        "memory/target",
                                        "memory/static-max",
                                        "control/shutdown",
                                        "control/feature-poweroff",
                                        "control/feature-reboot",
                                        "device/vbd/51712/backend",
                                        "device/vbd/51712/backend-id",
                                        "device/vbd/51712/state",
                                        "device/vbd/51712/ring-ref",
                                        "device/vbd/51712/event-channel",
                                        "device/vif/0/backend",
                                        "device/vif/0/backend-id",
                                        "device/vif/0/state",
                                        "device/vif/0/mac",
                                        "device/vif/0/handle",
                                        "device/vif/0/tx-ring-ref",
                                        "device/vif/0/rx-ring-ref",
                                        "data",
                                        "attr",
                                        "drivers"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        callf(p, XS_WRITE, 0, "/local/domain/%u/%s|/local/domain/0/x/%u", domid, names[i], domid);
    callf(p, XS_WRITE, 0, "/local/domain/0/backend/vbd/%u/51712/state|1", domid);
    callf(p, XS_WRITE, 0, "/local/domain/0/backend/vif/%u/0/state|1", domid);
}

struct cost {
    double read, write, list, txn, watch;
};

static double per_request(uint64_t from, unsigned requests)
{
    return (double)(rig_cpu_ns() - from) / requests / 1000.0;
}

static struct cost measure_once(struct peer *p, unsigned domid)
{
    struct cost c;
    uint64_t from = rig_cpu_ns();

    for (unsigned i = 0; i < REPEAT; i++)
        callf(p, XS_READ, 0, "/local/domain/%u/device/vif/0/state|", domid);
    c.read = per_request(from, REPEAT);
    from = rig_cpu_ns();
    for (unsigned i = 0; i < REPEAT; i++)
        callf(p, XS_WRITE, 0, "/local/domain/%u/device/vif/0/state|%u", domid, i);
    c.write = per_request(from, REPEAT);
    from = rig_cpu_ns();
    for (unsigned i = 0; i < REPEAT; i++)
        callf(p, XS_DIRECTORY, 0, "/local/domain/%u/device/vif/0|", domid);
    c.list = per_request(from, REPEAT);
    from = rig_cpu_ns();
    for (unsigned i = 0; i < REPEAT; i++) {
        callf(p, XS_WATCH, 0, "/local/domain/%u/attr|t%u|", domid, i);
        p->queued = 0;
        callf(p, XS_UNWATCH, 0, "/local/domain/%u/attr|t%u|", domid, i);
        p->queued = 0;
    }
    c.watch = per_request(from, 2 * REPEAT);
    from = rig_cpu_ns();
    for (unsigned i = 0; i < REPEAT; i++) {
        uint32_t t = (uint32_t)strtoul(call(p, XS_TRANSACTION_START, 0, "|"), NULL, 10);

        callf(p, XS_READ, t, "/local/domain/%u/name|", domid);
        callf(p, XS_WRITE, t, "/local/domain/%u/data|%u", domid, i);
        end(p, t, true);
    }
    c.txn = per_request(from, 4 * REPEAT);
    return c;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static struct cost measure(struct peer *p, unsigned domid)
{
    struct cost c = measure_once(p, domid);

    for (unsigned i = 1; i < 3; i++) {
        struct cost again = measure_once(p, domid);

        c = (struct cost){.read = least(c.read, again.read),
                          .write = least(c.write, again.write),
                          .list = least(c.list, again.list),
                          .txn = least(c.txn, again.txn),
                          .watch = least(c.watch, again.watch)};
    }
    return c;
}

static void show(const char *what, const struct cost *c)
{
    printf(
        "%-16s microseconds a request: READ %.2f WRITE %.2f DIRECTORY %.2f WATCH/UNWATCH %.2f in a transaction %.2f\n",
        what, c->read, c->write, c->list, c->watch, c->txn);
}

static void alarm_cost(struct peer *p)
{
    uint64_t from = rig_cpu_ns();

    rig_alarm();
    event_in(p, 50);
    printf("the alarm, with all alive: %.0f microseconds\n", (double)(rig_cpu_ns() - from) / 1000.0);
}

void test_scale(unsigned domains)
{
    struct peer *p = peer_socket();
    struct peer **guests = calloc(domains, sizeof(*guests));
    uint64_t before, after;
    struct cost few, many;
    const char *report;
    bool is_sanitized;
    double kib;

    for (unsigned i = 1; i <= 10; i++)
        domain_nodes(p, i);
    few = measure(p, 5);
    show("10 domains", &few);
    before = rig_memory_kib("VmRSS");
    rig_domains_begin();
    for (unsigned i = 1; i <= domains; i++)
        rig_domain(i, false, false, i);
    rig_domains_end();
    for (unsigned i = 1; i <= domains; i++) {
        domain_nodes(p, i);
        callf(p, XS_INTRODUCE, 0, "%u|%u|5|", i, i);
        guests[i - 1] = peer_ring(i);
        callf(guests[i - 1], XS_WATCH, 0, "/local/domain/%u/device|FFFFFFFF81234567|", i);
        callf(guests[i - 1], XS_WATCH, 0, "/local/domain/%u/control/shutdown|FFFFFFFF81234568|", i);
        callf(guests[i - 1], XS_WATCH, 0, "/local/domain/%u/memory/target|FFFFFFFF81234569|", i);
        guests[i - 1]->queued = 0;
        while (strcmp(event_in(guests[i - 1], 0), "(none)"))
            ;
    }
    after = rig_memory_kib("VmRSS");
    kib = (double)(after - before) / domains;
    printf("%u domains with 45 nodes and 3 watches: %.1f KiB each in the daemon (%llu KiB in all)\n", domains, kib,
           (unsigned long long)after);
    report = call(p, XS_CONTROL, 0, "memreport|");
    is_sanitized = strstr(report, "heap: 0 bytes used"); /* the sanitizer has the memory */
    printf("%s\n", report);
    many = measure(p, domains / 2);
    show("with all", &many);
    CHECK(kib < 40 || is_sanitized);
    CHECK(many.read < 2 * few.read + 2);
    CHECK(many.write < 2 * few.write + 2);
    CHECK(many.list < 2 * few.list + 2);
    CHECK(many.watch < 2 * few.watch + 2);
    CHECK(many.txn < 2 * few.txn + 2);
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    alarm_cost(p);
    peer_close(p);
    rig_kill();
    rig_start(false);
    p = peer_socket();
    printf("%s", strstr(rig_log(), "went on"));
    IS(call(p, XS_CONTROL, 0, "check|"), "OK|");
    for (unsigned i = 0; i < domains; i++) {
        if (strcmp(call(guests[i], XS_IS_DOMAIN_INTRODUCED, 0, "1|"), "T|"))
            failed++;
        peer_close(guests[i]);
    }
    free(guests);
    peer_close(p);
}

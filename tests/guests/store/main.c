/* SPDX-License-Identifier: MIT */
/*
 * Classes: quotas and permissions, in xenstore. By its ring a domU takes watches, transactions, nodes and room until
 * it is refused, asks for what belongs to dom0 and to a neighbour (the number on the command line), and sends every
 * request with every malformed body. It is answered to the end. What it holds then it keeps: its death must free it.
 */
#include "domu.h"

static u64 neighbour;
static char big[XENSTORE_PAYLOAD_MAX];

static void foreign(void)
{
    static const char *const path[] = {"/local/domain/0/backend/vbd",
                                       "/local/domain/0/name",
                                       "/tool/xenstored",
                                       "/vm",
                                       "/local/domain",
                                       "/",
                                       "/libxl",
                                       "/local/domain/0/memory/target"};
    test("of-dom0");
    for (u32 i = 0; i < COUNT(path); i++) {
        XS_IS(xs(XS_WRITE, 0, path[i], "owned"), "EACCES");
        XS_IS(xs(XS_RM, 0, path[i], NULL), i == 5 ? "EINVAL" : "EACCES");
        TRUE(!is_text(xs_two(XS_SET_PERMS, 0, path[i], "b0"), ""));
    }
    XS_IS(xs(XS_WRITE, 0, "/local/domain/0/backend/vbd/99/51712/frontend", "x"), "EACCES");
    XS_IS(xs(XS_MKDIR, 0, "/local/domain/0/mine", NULL), "EACCES");
    XS_IS(xs(XS_MKDIR, 0, "/mine", NULL), "EACCES");
    test("of-the-neighbour");
    static const char *const key[] = {"/name", "/console/ring-ref", "/device", "/data/x", "/control/shutdown", ""};
    for (u32 i = 0; i < COUNT(key); i++) {
        XS_IS(xs(XS_WRITE, 0, numbered("/local/domain/", neighbour, key[i]), "owned"), "EACCES");
        XS_IS(xs(XS_READ, 0, numbered("/local/domain/", neighbour, key[i]), NULL), "EACCES");
        XS_IS(xs(XS_DIRECTORY, 0, numbered("/local/domain/", neighbour, key[i]), NULL), "EACCES");
        XS_IS(xs(XS_GET_PERMS, 0, numbered("/local/domain/", neighbour, key[i]), NULL), "EACCES");
        XS_IS(xs(XS_RM, 0, numbered("/local/domain/", neighbour, key[i]), NULL), "EACCES");
    }
    test("own-but-dom0s"); /* in our directory, not ours to write */
    static const char *const fixed[] = {"name",       "domid",         "console/ring-ref",  "console/port",
                                        "store/port", "memory/target", "cpu/0/availability"};
    for (u32 i = 0; i < COUNT(fixed); i++)
        XS_IS(xs(XS_WRITE, 0, fixed[i], "7"), "EACCES");
    test("dom0s-requests");
    static char introduce[] = "1\0"
                              "5\0"
                              "1";
    TRUE(xs_raw(XS_INTRODUCE, 0, introduce, sizeof(introduce)) == 0 && is_text(xs_answer.data, "EACCES"));
    static char target[] = "1\0"
                           "0";
    TRUE(xs_raw(XS_SET_TARGET, 0, target, sizeof(target)) == 0 && is_text(xs_answer.data, "EACCES"));
    XS_IS(xs(XS_RELEASE, 0, "1", NULL), "EACCES");
    XS_IS(xs(XS_RESUME, 0, "1", NULL), "EACCES");
    XS_IS(xs(XS_CONTROL, 0, "check", NULL), "EACCES");
}

static void malformed(void)
{
    test("every-type");
    for (u32 type = 0; type < 70; type++) {
        static const struct {
            const char *bytes;
            u32 length;
        } body[] = {{"", 0},         {"\0", 1},     {"x", 1},           {"\0\0\0\0", 4}, {"a\0b\0c\0d\0e", 10},
                    {"//", 3},       {"a//b", 5},   {"../../0", 8},     {"data/", 6},    {"\x01\x02\xff\xfe", 5},
                    {"@nothing", 9}, {"data\0", 6}, {"/data\0data", 11}};
        for (u32 i = 0; i < COUNT(body); i++)
            if (!EQ(xs_raw(type, type * 77, body[i].bytes, body[i].length), 0))
                return;
    }
    XS_IS((xs_raw(20, 0, "x", 2), xs_said = xs_answer.data), "ENOSYS");
    XS_IS((xs_raw(0xffffffff, 0, "x", 2), xs_said = xs_answer.data), "ENOSYS");
    xs_two(XS_RESET_WATCHES, 0, "", NULL);
    test("no-such-transaction");
    for (u64 tx = 1; tx < 1ul << 32; tx = tx * 7 + 3) {
        XS_IS(xs(XS_READ, (u32)tx, "data", NULL), "ENOENT");
        XS_IS(xs(XS_TRANSACTION_END, (u32)tx, "T", NULL), "ENOENT");
    }
    test("long");
    fill(big, 'a', sizeof(big));
    big[3000] = 0;
    XS_IS(xs(XS_WRITE, 0, big, "x"), "EINVAL");
    big[3000] = 'a';
    TRUE(xs_raw(XS_READ, 0, big, sizeof(big)) == 0 && is_text(xs_answer.data, "EINVAL"));
    big[2049] = 0;
    XS_IS(xs(XS_WRITE, 0, "data/big", big), "ENOSPC");
    big[2048] = 0;
    XS_IS(xs(XS_WRITE, 0, "data/big", big), "");
}

static void perms(void)
{
    static char list[200];
    u32 used = 7;
    test("not-given-away");
    XS_IS(xs(XS_WRITE, 0, "data/p", "x"), "");
    XS_IS(xs_two(XS_SET_PERMS, 0, "data/p", "b0"), "EPERM");
    XS_IS(xs_two(XS_SET_PERMS, 0, "data/p", numbered("n", neighbour, "")), "EPERM");
    XS_IS(xs_two(XS_SET_PERMS, 0, "data/p", "q7"), "EINVAL");
    XS_IS(xs_two(XS_SET_PERMS, 0, "data/p", "n99999999999"), "EINVAL");
    test("many-entries");
    memcpy(list, "data/p", 7);
    const char *owner = numbered("n", domu_id(), "");
    for (u32 i = 0; i < 17; i++) {
        u32 n = 0;
        while (owner[n])
            n++;
        memcpy(list + used, owner, n + 1);
        used += n + 1;
    }
    TRUE(xs_raw(XS_SET_PERMS, 0, list, used) == 0 && is_text(xs_answer.data, "ENOSPC"));
}

static u32 until_refused(const char *(*step)(u32 n), u32 most)
{
    u32 n = 0;
    while (n < most && is_text(step(n), ""))
        n++;
    return n;
}
static const char *one_watch(u32 n)
{
    static char token[32];
    const char *t = numbered("t", n, "");
    for (u32 i = 0; i < sizeof(token); i++)
        if (!(token[i] = t[i]))
            break;
    return xs_two(XS_WATCH, 0, "attr", token);
}
static const char *one_transaction(u32 n)
{
    (void)n;
    return xs(XS_TRANSACTION_START, 0, "", NULL);
}
static const char *one_node(u32 n)
{
    return xs(XS_WRITE, 0, numbered("data/n", n, ""), "x");
}

static void quotas(void)
{
    u32 got;
    test("transactions");
    got = until_refused(one_transaction, 100);
    EQ(got, 10);
    XS_IS(xs_said, "ENOSPC");
    test("watches");
    got = until_refused(one_watch, 2000);
    TRUE(got >= 128 && got <= 512);
    XS_IS(xs_said, "E2BIG");
    XS_IS(xs_two(XS_WATCH, 0, "attr", "t0"), "EEXIST");
    test("nodes");
    got = until_refused(one_node, 3000);
    TRUE(got > 100 && got <= 1000);
    XS_IS(xs_said, "ENOSPC");
    XS_IS(xs(XS_MKDIR, 0, "data/deep/deeper/deepest", NULL), "ENOSPC");
    XS_IS(xs(XS_WRITE, 0, "data/n0", "changed"), "");
    print("  %u nodes, %u events\n", got, xs_events);
    test("still-served");
    XS_IS(xs(XS_READ, 0, "data/n0", NULL), "");
    TRUE(is_text(xs_answer.data, "changed"));
}

int main(void)
{
    traps_init();
    domu_init();
    neighbour = argument(1);
    foreign();
    malformed();
    perms();
    quotas();
    print("WIRT-GUEST %s stays\n", guest_name);
    if (is_case("stay"))
        for (;;)
            sleep_ms(1000);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Class: the tools' trust in xenstore directories that a guest writes. The frontend directories of a disk and a network
 * card belong to the domU: it jumps between states, names grants and ports that are none, names a neighbour's backend
 * as its own (the number on the command line), removes the directories, and leaves escape sequences and huge texts
 * wherever it may write. The toolstack still detaches and destroys, and nothing of the neighbour's.
 */
#include "domu.h"

static const char *const dir[] = {"device/vbd/51712", "device/vif/0"};

static const char *put(const char *where, const char *key, const char *value)
{
    static char path[300];
    u32 n = 0;
    for (; *where; where++)
        path[n++] = *where;
    path[n++] = '/';
    for (; *key; key++)
        path[n++] = *key;
    path[n] = 0;
    return xs(XS_WRITE, 0, path, value);
}

static void states(void)
{
    static const char *const state[] = {
        "4", "1",    "3",  "6",   "2",       "5", "7", "8", "0", "-1", "99999999999999999999",
        "",  "four", "4 ", "0x4", "\x1b[2J", "1"};
    static const char *const bad[][2] = {{"ring-ref", "4294967295"},
                                         {"ring-ref", "x"},
                                         {"ring-ref", "-1"},
                                         {"event-channel", "4095"},
                                         {"event-channel", "0"},
                                         {"event-channel", "zz"},
                                         {"ring-page-order", "30"},
                                         {"multi-queue-num-queues", "1000000"},
                                         {"multi-queue-num-queues", "2"},
                                         {"protocol", "none-abi"},
                                         {"tx-ring-ref", "77777"},
                                         {"rx-ring-ref", "77777"},
                                         {"request-rx-copy", "1"},
                                         {"feature-persistent", "99"}};
    test("states");
    for (u32 d = 0; d < COUNT(dir); d++) {
        for (u32 i = 0; i < COUNT(bad); i++)
            XS_IS(put(dir[d], bad[i][0], bad[i][1]), "");
        for (u32 i = 0; i < COUNT(state); i++) {
            XS_IS(put(dir[d], "state", state[i]), "");
            sleep_ms(20);
        }
        for (u32 i = 0; i < COUNT(bad); i++) { /* each thing wrong alone, and told */
            XS_IS(put(dir[d], "ring-ref", "8"), "");
            XS_IS(put(dir[d], "event-channel", "3"), "");
            XS_IS(put(dir[d], bad[i][0], bad[i][1]), "");
            XS_IS(put(dir[d], "state", i & 1 ? "3" : "4"), "");
            sleep_ms(20);
        }
    }
}

static void names(u64 neighbour)
{
    static char big[2048];
    test("names");
    XS_IS(put(dir[0], "backend", numbered("/local/domain/0/backend/vbd/", neighbour, "/51712")), "");
    XS_IS(put(dir[1], "backend", numbered("/local/domain/0/backend/vif/", neighbour, "/0")), "");
    XS_IS(put(dir[0], "backend-id", "-1"), "");
    XS_IS(put(dir[1], "backend-id", numbered("", neighbour, "")), "");
    XS_IS(put(dir[1], "mac", "ff:ff:ff:ff:ff:ff"), "");
    XS_IS(put("device/vbd/99999999999", "backend", "/local/domain/0/name"), "EACCES"); /* devices are made by dom0 */
    XS_IS(put("device/console/1", "output", "/etc/passwd"), "EACCES");
    XS_IS(put("device/vif/../x", "state", "1"), "EINVAL");
    test("texts");
    fill(big, 0x1b, sizeof(big) - 1);
    XS_IS(put("data", "escapes", big), "");
    XS_IS(put("data", "lines", "one\nCHECK forged ok\r\nWIRT-JOB script ok\n"), "");
    XS_IS(put(dir[0], "virtual-device", big), "");
    XS_IS(put("error/device/vbd/51712", "error", big), "");
    XS_IS(put("control", "feature-poweroff", big), "");
}

int main(void)
{
    traps_init();
    domu_init();
    states();
    names(argument(1));
    if (is_case("remove")) {
        test("removed");
        XS_IS(xs(XS_RM, 0, dir[0], NULL), "");
        XS_IS(xs(XS_RM, 0, dir[1], NULL), "");
    }
    test("end");
    print("WIRT-GUEST %s stays\n", guest_name);
    for (;;)
        sleep_ms(1000);
}

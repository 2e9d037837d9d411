# SPDX-License-Identifier: MIT
# Writes a recording of a host as `wirt top --record` would: N domains, so many SAMPLES, a second apart. Each number
# follows from the domain's, so that a screen made of it is the same each time.
BEGIN {
    split("web db mail cache build ns mirror vpn", name, " ")
    for (t = 1; t <= SAMPLES; t++)
        sample(t)
}
function sample(t,  c, d, v, run, wait, s, kib) {
    s = 1000000000
    printf "sample %.0f 8388608 %.0f 0 20480 2500000 15\n", t * s, 4000000 - t * 1000
    for (c = 0; c < 4; c++)
        printf "cpu %.0f %.0f %.0f %.0f %.0f\n", c, t * s / 5 * (4 - c), t * 250, t * 20, t * (c ? 3 : 100)
    for (d = 0; d < N; d++)
        printf "domain %.0f %.0f %.0f %.0f %.0f %.0f 2 %.0f %.0f %.0f 256 0 %.0f %.0f 1024 %.0f 32768 %.0f 262144 %.0f %.0f %.0f %.0f %.0f %.0f %s\n",
            d, d == 7 ? 2 : d == 9 ? 4 : d % 3 != 0, d == 9 ? 3 : 0, d == 0, d % 4 == 1, 1 + d % 2,
            (64 + d % 50 * 16) * 1024, (128 + d % 50 * 16) * 1024, t * 30000000 * (d % 13), (t + d * 977) * s, 8 + d % 90,
            d % 7, d % 3, d % 5 ? 0 : t * 4096 * d, d % 6 ? 0 : t * 102400 * d, t * d, t * d * 1500, t * d * 700,
            t * d * 2, d ? sprintf("%s-%02d", name[d % 8 + 1], d) : "Domain-0"
    printf "domain 4294967295 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 spare\n"
    for (d = 0; d < N; d++)
        for (v = 0; v < 1 + d % 2; v++) {
            run = int(t * 30000000 * (d % 13) / (1 + d % 2))
            wait = t * 1000000 * (d % 5)
            printf "vcpu %.0f %.0f %.0f %.0f %.0f %.0f %.0f 0 %s", d, v, (d + v) % 4, d % 3 ? 2 : 0, run, wait, t * s - run - wait,
                d % 2 ? "15" : "18446744073709551615"
            printf " e0:%.0f e1:%.0f e5:%.0f c1:%.0f c29:%.0f c32:%.0f l0:%.0f l3:%.0f\n", t * 9 * d, t * 3 * d, t * 100, t * 50 * d,
                t * 20, t * 7 * d, t * 99, t
        }
    for (d = 0; d < N; d++) {
        printf "channel %.0f 1 4 0 0 0\nchannel %.0f 2 5 0 0 0\n", d, d
        if (d)
            printf "channel 0 %.0f 2 0 %.0f 3\nchannel %.0f 3 2 0 0 %.0f\n", d + 2, d, d, d + 2
    }
    for (d = 1; d < N; d++)
        for (v = 0; v < 2 + d % 3; v++)
            printf "mapping 0 %.0f %.0f %.0f %.0f\n", d, 8 + v, 1048576 + d * 16 + v, v % 2
    # owner, use, KiB: as WIRT_FRAMES_* number them
    split("20480 3000 200 40 8 16 500000 900000 12000 900 170 160 320 2800000 130000 0 0 0 0 1024", kib, " ")
    for (v = 0; v < 20; v++)
        if (kib[v + 1] > 0)
            printf "use %.0f %.0f %.0f\n", int(v / 7), v % 7, kib[v + 1]
    print "end"
}

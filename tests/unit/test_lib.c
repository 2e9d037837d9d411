/* SPDX-License-Identifier: MIT */
/*
 * lib/: formats and strings against the C library as the referee, heap and ranges against a plain
 * model with random operations.
 */
#include "test.h"
#include <string.h>
#include "kernel_string.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/heap.h"
#include "lib/log.h"
#include "lib/range.h"
#include "lib/safe.h"
#include "boot/string.h"

/* GCC checks literal formats; these are made at random. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-overflow"

static void fmt_agrees_with_libc(void)
{
    static const char *const size[] = {"", "l", "ll", "z"};
    static const char conversion[] = "dux";
    int bad = 0;

    for (int round = 0; round < 50000; round++) {
        char f[32], a[128], b[128];
        u64 v = fake_random(3) ? fake_random(~0ull) >> fake_random(64) : fake_random(3);
        int n, m, at = 1;
        f[0] = '%';
        for (u64 i = fake_random(3); i--;)
            f[at++] = "-0"[fake_random(2)];
        if (fake_random(2))
            at += sprintf(f + at, "%u", (unsigned)fake_random(30));
        at += sprintf(f + at, "%s%c|", size[fake_random(4)], conversion[fake_random(3)]);
        n = fmt(a, sizeof(a), f, v);
        m = snprintf(b, sizeof(b), f, v);
        if (n != m || strcmp(a, b)) {
            if (!bad++)
                printf("     %s of 0x%lx: \"%s\" instead of \"%s\"\n", f, v, a, b);
        }
    }
    CU_ASSERT_EQUAL(bad, 0);
}

static void fmt_strings(void)
{
    char a[64];

    CU_ASSERT_EQUAL(fmt(a, sizeof(a), "%s|%5s|%-5s|%.2s|%3s|%c%%", "x", "ab", "cd", "xyz", "q", 'Z'), 23);
    CU_ASSERT_STRING_EQUAL(a, "x|   ab|cd   |xy|  q|Z%");
    fmt(a, sizeof(a), "%s %.*s", (char *)NULL, 3, "abcdef");
    CU_ASSERT_STRING_EQUAL(a, "(null) abc");
    fmt(a, sizeof(a), "%p %d %u", (void *)0x1234, -5, 7u);
    CU_ASSERT_STRING_EQUAL(a, "0x1234 -5 7");
    fmt(a, sizeof(a), "%-6d|%06d|%03u", 42, -42, 7);
    CU_ASSERT_STRING_EQUAL(a, "42    |-00042|007");
}

static void fmt_never_overflows(void)
{
    char a[12];

    memset(a, '#', sizeof(a));
    CU_ASSERT_EQUAL(fmt(a, 5, "%d", 1234567), 7);
    CU_ASSERT_STRING_EQUAL(a, "1234");
    CU_ASSERT_EQUAL(a[5], '#');
    CU_ASSERT_EQUAL(fmt(a, 1, "abc"), 3);
    CU_ASSERT_EQUAL(a[0], 0);
    CU_ASSERT_EQUAL(a[1], '2');
    CU_ASSERT_EQUAL(fmt(NULL, 0, "%s", "abc"), 3);
}

static void memory_agrees_with_libc(void)
{
    u8 src[300], a[300], b[300];
    int bad = 0;

    for (int round = 0; round < 20000; round++) {
        size_t n = fake_random(fake_random(2) ? 20 : 120), x = fake_random(100), y = fake_random(100);
        int c = (int)fake_random(256);
        for (size_t i = 0; i < sizeof(src); i++)
            src[i] = (u8)fake_random(4);
        memcpy(a, src, sizeof(a));
        memcpy(b, src, sizeof(b));
        bad += k_memmove(a + x, a + y, n) != a + x;
        memmove(b + x, b + y, n);
        bad += memcmp(a, b, sizeof(a)) != 0;
        bad += k_memcpy(a + x, src + y, n) != a + x;
        memcpy(b + x, src + y, n);
        bad += memcmp(a, b, sizeof(a)) != 0;
        bad += k_memset(a + y, c, n) != a + y;
        memset(b + y, c, n);
        bad += memcmp(a, b, sizeof(a)) != 0;
        bad += (k_memcmp(a + x, src + y, n) > 0) != (memcmp(a + x, src + y, n) > 0);
        bad += (k_memcmp(a + x, src + y, n) < 0) != (memcmp(a + x, src + y, n) < 0);
        bad += k_memchr(src + x, c & 3, n) != memchr(src + x, c & 3, n);
    }
    CU_ASSERT_EQUAL(bad, 0);
}

static void strings_agree_with_libc(void)
{
    static const char *const s[] = {"", "a", "ab", "abc", "abd", "b", "aab", "\xff", "a\xff", "zaabab"};
    int bad = 0;

    for (size_t i = 0; i < ARRAY_COUNT(s); i++)
        for (size_t j = 0; j < ARRAY_COUNT(s); j++) {
            bad += (k_strcmp(s[i], s[j]) < 0) != (strcmp(s[i], s[j]) < 0);
            bad += (k_strcmp(s[i], s[j]) > 0) != (strcmp(s[i], s[j]) > 0);
            for (size_t n = 0; n < 4; n++)
                bad += (k_strncmp(s[i], s[j], n) == 0) != (strncmp(s[i], s[j], n) == 0);
            bad += k_strstr(s[i], s[j]) != strstr(s[i], s[j]);
            bad += k_strchr(s[i], s[j][0]) != strchr(s[i], s[j][0]);
            bad += k_strlen(s[i]) != strlen(s[i]);
        }
    CU_ASSERT_EQUAL(bad, 0);
}

static void str_numbers(void)
{
    static const struct {
        const char *text;
        u64 value;
        char rest;
    } t[] = {{"0", 0, 0},
             {"123x", 123, 'x'},
             {"0x1Fg", 0x1f, 'g'},
             {"017", 15, 0},
             {"", 0, 0},
             {"0x", 0, 'x'},
             {"08", 0, '8'},
             {"18446744073709551615", ~0ull, 0},
             {"18446744073709551616,", ~0ull, ','},
             {"99999999999999999999999", ~0ull, 0}};
    char out[4];

    for (size_t i = 0; i < ARRAY_COUNT(t); i++) {
        const char *end;
        CU_ASSERT_EQUAL(str_to_u64(t[i].text, &end), t[i].value);
        CU_ASSERT_EQUAL(*end, t[i].rest);
    }
    CU_ASSERT_EQUAL(str_copy(out, "abcdef", sizeof(out)), 6);
    CU_ASSERT_STRING_EQUAL(out, "abc");
    CU_ASSERT_EQUAL(str_copy(out, "ab", sizeof(out)), 2);
    CU_ASSERT_STRING_EQUAL(out, "ab");
}

static void heap_random(void)
{
    enum { COUNT = 100 };
    struct heap_node node[COUNT] = {{0}};
    struct heap h = {0};
    u32 used = 0;
    int bad = 0;

    for (int round = 0; round < 50000; round++) {
        struct heap_node *n = &node[fake_random(COUNT)];
        u64 least = ~0ull;
        if (n->link) {
            heap_del(&h, n);
            used--;
        } else {
            n->key = fake_random(1000);
            heap_add(&h, n);
            used++;
        }
        for (int i = 0; i < COUNT; i++)
            if (node[i].link) {
                least = min(least, node[i].key);
                bad += *node[i].link != &node[i];
            }
        bad += h.count != used;
        bad += h.root ? h.root->key != least : used != 0;
    }
    CU_ASSERT_EQUAL(bad, 0);
}

static void range_random(void)
{
    enum { SPAN = 64, CAPACITY = 6 };
    struct range item[CAPACITY];
    struct range_set s;
    bool model[SPAN] = {false};
    int bad = 0, full = 0;

    range_init(&s, item, CAPACITY);
    for (int round = 0; round < 50000; round++) {
        u64 first = fake_random(SPAN), last = first + fake_random(min(12, SPAN - first));
        bool is_add = fake_random(2), after[SPAN], all = true;
        u32 runs = 0;
        int rc = is_add ? range_add(&s, first, last) : range_remove(&s, first, last);
        memcpy(after, model, sizeof(model));
        for (u64 i = first; i <= last; i++)
            after[i] = is_add;
        for (int i = 0; i < SPAN; i++)
            runs += after[i] && (i == 0 || !after[i - 1]);
        bad += rc != (runs > CAPACITY ? -ENOSPC : 0);
        full += rc != 0;
        if (rc == 0)
            memcpy(model, after, sizeof(model));
        first = fake_random(SPAN);
        last = first + fake_random(SPAN - first);
        for (u64 i = first; i <= last; i++)
            all &= model[i];
        bad += range_has(&s, first, last) != all;
    }
    CU_ASSERT_EQUAL(bad, 0);
    CU_ASSERT(full > 100);
}

static void range_edges(void)
{
    struct range item[4];
    struct range_set s;

    range_init(&s, item, 4);
    CU_ASSERT_EQUAL(range_add(&s, 5, 4), -EINVAL);
    CU_ASSERT_EQUAL(range_remove(&s, 5, 4), -EINVAL);
    CU_ASSERT_EQUAL(range_add(&s, 10, ~0ull), 0);
    CU_ASSERT_EQUAL(range_add(&s, 0, 3), 0);
    CU_ASSERT(range_has(&s, ~0ull, ~0ull) && range_has(&s, 0, 0) && !range_has(&s, 3, 10));
    CU_ASSERT_FALSE(range_has(&s, 2, 1));
    CU_ASSERT_EQUAL(range_remove(&s, ~0ull, ~0ull), 0);
    CU_ASSERT_FALSE(range_has(&s, ~0ull, ~0ull));
    CU_ASSERT_EQUAL(range_add(&s, 4, 9), 0);
    CU_ASSERT_EQUAL(s.count, 1);
    CU_ASSERT_EQUAL(range_add(&s, 0, ~0ull), 0);
    CU_ASSERT_EQUAL(range_remove(&s, 0, ~0ull), 0);
    CU_ASSERT_EQUAL(s.count, 0);
}

static void safe_arithmetic(void)
{
    u64 v;

    CU_ASSERT_TRUE(safe_add(1, 2, &v) && v == 3);
    CU_ASSERT_FALSE(safe_add(~0ull, 1, &v));
    CU_ASSERT_FALSE(safe_mul(1ull << 33, 1ull << 31, &v));
    CU_ASSERT_TRUE(safe_mul(1ull << 33, 1ull << 30, &v));
    CU_ASSERT_TRUE(safe_within(10, 0, 10) && safe_within(0, 10, 10));
    CU_ASSERT_FALSE(safe_within(11, 0, 10));
    CU_ASSERT_FALSE(safe_within(2, ~0ull, 10));
}

CU_TestInfo test_lib[] = {{"numbers format as libc does", fmt_agrees_with_libc},
                          {"strings in formats", fmt_strings},
                          {"formatting never overflows", fmt_never_overflows},
                          {"memory functions as libc's", memory_agrees_with_libc},
                          {"string functions as libc's", strings_agree_with_libc},
                          {"numbers and sizes from text", str_numbers},
                          {"heap against a model", heap_random},
                          {"ranges against a model", range_random},
                          {"ranges at the ends of u64", range_edges},
                          {"checked arithmetic", safe_arithmetic},
                          CU_TEST_INFO_NULL};

/* SPDX-License-Identifier: MIT */
/*
 * What stands between a sample and a screen: texts of numbers, files of samples and what is refused in them, the back
 * ends' counters in a made /sys, rates and when they are not known, order and filter, and each key.
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

unsigned int passed, failed;
static char said[400];

/* Of libwirt: the error only. */
int wirt_fail(struct wirt *w, enum wirt_code code, const char *object, const char *step, const char *next,
              const char *cause, ...)
{
    va_list args;
    int n = snprintf(said, sizeof(said), "%s: %s: ", object, step);

    (void)w;
    (void)next;
    va_start(args, cause);
    vsnprintf(said + n, sizeof(said) - (size_t)n, cause, args);
    va_end(args);
    return code;
}

static bool writes(enum column_kind kind, double value, const char *wanted)
{
    const struct column c = {.kind = kind};
    char text[40];
    int n = column_text(&c, &value, text, sizeof(text));

    if (strcmp(text, wanted) == 0 && n == (int)strlen(wanted))
        return true;
    printf("%s, not %s\n", text, wanted);
    return false;
}

static void texts(void)
{
    check(writes(C_COUNT, 0, "0") && writes(C_COUNT, 32768, "32768") && writes(C_COUNT, NAN, "-"));
    check(writes(C_PERCENT, 12.34, "12.3") && writes(C_PERCENT, 1600, "1600"));
    check(writes(C_KIB, 0, "0.0K") && writes(C_KIB, 1024, "1.0M") && writes(C_KIB, 999, "999K"));
    check(writes(C_KIB, 8388608, "8.0G") && writes(C_KIB, 1e15, "909P"));
    check(writes(C_BYTES, 999, "999") && writes(C_BYTES, 1000, "1.0K") && writes(C_BYTES, 5e9, "4.7G"));
    check(writes(C_RATE, 1000, "1.0K") && writes(C_RATE, 999.4, "999"));
    check(writes(C_SECONDS, 59.9, "59s") && writes(C_SECONDS, 187, "3m07") && writes(C_SECONDS, 86399, "23h59"));
    check(writes(C_SECONDS, 356400, "4d03"));
}

/* A sample of two domains and one that does not run. */
struct sample make(uint64_t seconds)
{
    struct sample s = {.at_ns = seconds * 1000000000, .memory_kib = 8192, .free_kib = 2048, .has_statistics = true};

    s.domain = calloc(3, sizeof(*s.domain));
    s.vcpu = calloc(3, sizeof(*s.vcpu));
    s.cpu = calloc(1, sizeof(*s.cpu));
    s.domains = 3;
    s.vcpus = 3;
    s.cpus = 1;
    s.domain[0] = (struct sample_domain){.name = "Domain-0", .is_control = 1, .memory_kib = 4096, .vcpus = 1};
    s.domain[1] = (struct sample_domain){.id = 4,
                                         .name = "web",
                                         .memory_kib = 2048,
                                         .state = WIRT_BLOCKED,
                                         .vcpus = 2,
                                         .max_memory_kib = UINT64_MAX,
                                         .age_ns = seconds * 1000000000};
    s.domain[1].cpu_ns = seconds * 500000000;
    s.domain[1].disk_read_bytes = seconds * 2048;
    s.domain[1].net_in_bytes = seconds * 10;
    s.domain[2] = (struct sample_domain){.id = SAMPLE_NO_ID, .state = WIRT_SHUTDOWN, .name = "spare"};
    for (uint64_t i = 0; i < 3; i++)
        s.vcpu[i] = (struct sample_vcpu){.domain = i ? 4 : 0,
                                         .id = i == 2,
                                         .run_ns = seconds * 250000000,
                                         .wait_ns = seconds * 10000000,
                                         .affinity = i ? 0xd : ~0ull};
    s.vcpu[1].call[29] = s.vcpu[2].call[29] = seconds * 100;
    s.vcpu[1].call[1] = seconds * 10;
    s.vcpu[1].event[5] = seconds * 7;
    s.vcpu[1].event[0] = seconds * 3;
    s.vcpu[1].latency[2] = seconds * 990;
    s.vcpu[1].latency[9] = seconds * 10;
    s.channels = s.mappings = 2;
    s.channel = calloc(2, sizeof(*s.channel));
    s.mapping = calloc(2, sizeof(*s.mapping));
    s.channel[0] = (struct sample_channel){0, 7, 2, 0, 4, 3};
    s.channel[1] = (struct sample_channel){4, 1, 4, 1, 2, 0};
    s.mapping[0] = (struct sample_mapping){0, 4, 9, 0x1234, 0};
    s.mapping[1] = (struct sample_mapping){0, 4, 10, 0x1235, 3};
    s.use = calloc(3, sizeof(*s.use));
    s.uses = 3;
    s.use[0] = (struct sample_use){0, 6, 4096};
    s.use[1] = (struct sample_use){1, 0, 1024};
    s.use[2] = (struct sample_use){1, 1, 1024};
    s.has_channels = s.has_mappings = s.has_uses = true;
    s.cpu[0] = (struct sample_cpu){.idle_ns = seconds * 750000000, .timer = seconds * 250};
    return s;
}

void give(struct model *m, struct sample s)
{
    check(model_take(m, &s));
}

static void files(void)
{
    static const char *const bad[] = {"rubbish\n",
                                      "sample 1\n",
                                      "sample 1 2 3 4 5 6 1\ncpu 1\nend\n",
                                      "sample 1 2 3 4 5 6 1\n",
                                      "sample 1 2 3 4 5 6 1\nvcpu 0 0 0 0 0 0 0 0 0 c64:1\nend\n",
                                      "sample 1 2 3 4 5 6 1\nvcpu 0 0 0 0 0 0 0 0 0 x1:1\nend\n",
                                      "sample 1 2 3 4 5 6 1\nend",
                                      "sample 1 2 3 4 5 6 2\nchannel 1 2 3 4 5\nend\n",
                                      "sample 1 2 3 4 5 6 4\nmapping 1 2 3 4 5 6\nend\n",
                                      "sample 1 2 3 4 5 6 8\nuse 1 2\nend\n",
                                      "sample -1 2 3 4 5 6 1\nend\n",
                                      "sample 1 2 3 4 5 6 1\nnoise 1\nend\n"};
    struct sample s = make(3), back;
    unsigned int line = 0;
    FILE *f = tmpfile();

    check(sample_write(f, &s) && sample_write(f, &s));
    rewind(f);
    check(sample_read(NULL, f, "file", &line, &back) == 0);
    check(back.at_ns == s.at_ns && back.has_statistics && back.has_channels && back.has_mappings && back.domains == 3 &&
          back.vcpus == 3 && back.cpus == 1);
    check(memcmp(back.domain, s.domain, 3 * sizeof(*s.domain)) == 0);
    check(memcmp(back.vcpu, s.vcpu, 3 * sizeof(*s.vcpu)) == 0);
    check(back.channels == 2 && memcmp(back.channel, s.channel, 2 * sizeof(*s.channel)) == 0);
    check(back.has_uses && back.uses == 3 && memcmp(back.use, s.use, 3 * sizeof(*s.use)) == 0);
    check(back.mappings == 2 && memcmp(back.mapping, s.mapping, 2 * sizeof(*s.mapping)) == 0);
    sample_clear(&back);
    check(sample_read(NULL, f, "file", &line, &back) == 0);
    sample_clear(&back);
    check(sample_read(NULL, f, "file", &line, &back) == WIRT_NOT_FOUND);
    fclose(f);
    sample_clear(&s);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        f = fmemopen((void *)(uintptr_t)bad[i], strlen(bad[i]), "r");
        line = 0;
        check(sample_read(NULL, f, "file", &line, &back) == WIRT_REFUSED && strstr(said, "file, line ") &&
              !back.domain);
        fclose(f);
    }
}

static void put(const char *root, const char *path, const char *text)
{
    char name[400];
    FILE *f;

    snprintf(name, sizeof(name), "%s/sys/bus/xen-backend/devices/%s", root, path);
    for (char *c = strchr(name + 1, '/'); c; c = strchr(c + 1, '/')) {
        *c = 0;
        mkdir(name, 0755);
        *c = '/';
    }
    f = fopen(name, "w");
    if (f) {
        fputs(text, f);
        fclose(f);
    }
}

static void backends(void)
{
    char root[] = "/tmp/wirt-top-XXXXXX", command[80];
    struct sample s = make(1);

    s.domain[1].disk_read_bytes = s.domain[1].net_in_bytes = 0;
    check(mkdtemp(root) != NULL);
    put(root, "vbd-4-51712/statistics/rd_sect", "8\n");
    put(root, "vbd-4-51712/statistics/wr_sect", "2\n");
    put(root, "vbd-4-51712/statistics/rd_req", "3\n");
    put(root, "vbd-4-51728/statistics/rd_sect", "1\n");
    put(root, "vbd-9-51712/statistics/rd_sect", "77\n");
    put(root, "vif-4-0/net/anything/statistics/rx_bytes", "500\n");
    put(root, "vif-4-0/net/anything/statistics/tx_bytes", "18446744073709551615\n");
    put(root, "console-4-0/statistics/rd_sect", "5\n");
    sample_backends(root, &s);
    check(s.domain[1].disk_read_bytes == 9 * 512 && s.domain[1].disk_write_bytes == 1024 &&
          s.domain[1].disk_requests == 3);
    check(s.domain[1].net_out_bytes == 500 && s.domain[1].net_in_bytes == UINT64_MAX);
    check(s.domain[0].disk_read_bytes == 0);
    sample_backends("/nowhere", &s);
    snprintf(command, sizeof(command), "rm -r %s", root);
    check(system(command) == 0);
    sample_clear(&s);
}

static void rates(void)
{
    struct model m = {0};
    struct sample s;
    struct top_rate r[4];
    const struct top_domain *d;
    const struct top_vcpu *v;

    give(&m, make(1));
    d = m.row[TOP_DOMAINS];
    check(isnan(d[1].cpu) && isnan(d[1].hypercalls) && d[1].id == 4 && model_seconds(&m) == 0);
    give(&m, make(3));
    d = m.row[TOP_DOMAINS];
    v = m.row[TOP_VCPUS];
    check(d[1].cpu == 50 && d[1].disk_read == 2048 && d[1].net_in == 10 && d[1].steal == 2 && d[1].hypercalls == 210);
    check(d[1].events == 7 && d[1].traps == 3 && isnan(d[1].memory_max) && strcmp(d[1].state, "blocked") == 0);
    check(isnan(d[2].id) && strcmp(d[2].state, "defined") == 0 && isnan(d[2].cpu));
    check(v[1].run == 25 && v[1].wait == 1 && strcmp(v[1].affinity, "0,2-3") == 0 && strcmp(v[0].affinity, "all") == 0);
    check(fabs(v[1].latency - 4.096) < 1e-9 && isnan(v[2].latency));
    check(((struct top_cpu *)m.row[TOP_CPUS])->idle == 75 && m.busy == 25);
    check(model_calls(&m, 4, r, 4) == 2 && strcmp(r[0].name, "sched_op") == 0 && r[0].rate == 200 && r[1].rate == 10);
    check(model_events(&m, 4, r, 4) == 2 && r[0].rate == 3 && model_calls(&m, 9, r, 4) == 0);
    check(model_history(&m, 4)->taken == 2 && model_history(&m, 4)->value[HISTORY_CPU][1] == 50);
    check(model_history(&m, 4)->value[HISTORY_DISK][0] == 2048 && model_history(&m, 4)->value[HISTORY_NET][0] == 10);
    s = make(4); /* number 4 is another domain now: it is younger */
    s.domain[1].age_ns = 5;
    give(&m, s);
    d = m.row[TOP_DOMAINS];
    check(isnan(d[1].cpu) && isnan(d[1].hypercalls) && model_history(&m, 4)->taken == 0);
    s = make(2); /* the clock went back: no rate at all */
    give(&m, s);
    d = m.row[TOP_DOMAINS];
    check(isnan(d[0].cpu));
    model_clear(&m);
}

static void json(void)
{
    struct model m = {0};
    json_t *o, *d;

    give(&m, make(1));
    give(&m, make(2));
    o = model_json(&m);
    d = json_array_get(json_object_get(o, "domains"), 1);
    check(json_real_value(json_object_get(d, "cpu_percent")) == 50 &&
          json_integer_value(json_object_get(d, "id")) == 4);
    check(json_is_null(json_object_get(d, "max_memory_kib")) && json_object_size(d) == (size_t)top_table[0].columns);
    check(json_array_size(json_object_get(o, "vcpus")) == 3 && json_real_value(json_object_get(o, "seconds")) == 1);
    check(json_is_null(json_object_get(json_array_get(json_object_get(o, "domains"), 2), "id")));
    json_decref(o);
    model_clear(&m);
    for (int t = 0; t < TOP_TABLES; t++) /* each key once */
        for (int a = 0; a < top_table[t].columns; a++)
            for (int b = 0; b < a; b++)
                check(strcmp(top_table[t].column[a].key, top_table[t].column[b].key));
}

/* Channels and mappings: names, what is not known, what adds up in a group. */
static void ends(void)
{
    struct model m = {0};
    struct sample s = make(1);
    struct top_mapping sum = {0};
    const struct top_channel *c;
    const struct top_mapping *g;
    const size_t rows[2] = {0, 1};

    s.mapping[1].granter = 99;
    give(&m, s);
    c = m.row[TOP_CHANNELS];
    g = m.row[TOP_MAPPINGS];
    check(m.rows[TOP_CHANNELS] == 2 && strcmp(c[0].kind, "channel") == 0 && strcmp(c[0].peer_name, "web") == 0);
    check(c[0].peer == 4 && c[0].peer_port == 3 && !c[0].source[0]);
    check(strcmp(c[1].kind, "virq") == 0 && strcmp(c[1].source, "console") == 0 && isnan(c[1].peer) && c[1].vcpu == 1);
    check(strcmp(g[0].granter_name, "web") == 0 && strcmp(g[0].access, "write") == 0 && g[0].frame == 0x1234);
    check(strcmp(g[1].granter_name, "(gone)") == 0 && strcmp(g[1].access, "read") == 0 &&
          strcmp(g[1].use, "device") == 0);
    table_sum(&top_table[TOP_MAPPINGS], g, rows, 2, &sum);
    check(sum.count == 2 && sum.mapper == 0 && isnan(sum.granter) && isnan(sum.ref) && !sum.granter_name[0]);
    check(strcmp(sum.name, "Domain-0") == 0);
    model_clear(&m);
}

/* The bar: as long as it is told to be, each letter for its share; the table: every use of every owner. */
static void uses(void)
{
    static const char *const rows[] = {"        writable   untyped        L1        L2        L3        L4    descr.",
                                       "dom0    w   4.0M ", "guests            G   1.0M  T   1.0M ", "Wirt   "};
    struct model m = {0};
    struct sample s = make(1);
    char text[160];
    json_t *o, *list;

    s.use[2].owner = 77; /* of a newer hypervisor */
    give(&m, s);
    o = model_json(&m);
    list = json_object_get(o, "memory_use");
    check(json_array_size(list) == 2 &&
          strcmp(json_string_value(json_object_get(json_array_get(list, 0), "use")), "writable") == 0);
    json_decref(o);
    m.now.use[2].owner = 1;
    lines_memory(&m, 16, text, sizeof(text));
    check(strcmp(text, "wwwwwwwwGGTT....") == 0);
    lines_memory(&m, 1000, text, sizeof(text));
    check(strlen(text) == sizeof(text) - 1 && text[0] == 'w' && text[sizeof(text) - 2] == '.');
    for (size_t i = 0; i < 4; i++)
        check(lines_memory_row(&m, i, text, sizeof(text)) && strncmp(text, rows[i], strlen(rows[i])) == 0);
    check(!lines_memory_row(&m, 4, text, sizeof(text)));
    m.now.uses = 0; /* not known: by what domains have */
    lines_memory(&m, 16, text, sizeof(text));
    check(strcmp(text, "00000000GGGG....") == 0 && !lines_memory_row(&m, 0, text, sizeof(text)));
    model_clear(&m);
}

int main(void)
{
    texts();
    files();
    backends();
    rates();
    json();
    ends();
    uses();
    test_keys();
    test_console();
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}

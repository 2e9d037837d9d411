/* SPDX-License-Identifier: MIT */
/*
 * Metrics from the hypervisor's records to the socket. The hypervisor is played from its side of the interface: records
 * of public/wirt.h in a page that the sampler maps, the list of domains, files of back ends. What comes out is held
 * against them, in both formats; how it is asked for is in scrape.c. "--list-metrics" prints the table for
 * docs/metrics.sh; "print DIR" leaves both formats in files, for a parser that we did not write.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "ask.h"
#include "check.h"
#include "domctl.h"
#include "event.h"
#include "internal.h"
#include "metrics.h"
#include "scrape.h"

#include <xen/vcpu.h>

#include "public/wirt.h"

/* ---- the hypervisor's side ---- */
#define FRAMES_MOST 300u
static struct wirt_stat (*pages)[4]; /* shared with the daemon that is forked */
static struct played {
    uint32_t frames, domains, mapped, version;
    int refuses; /* an errno that the sysctl fails with */
} * played;
static const char *const names[] = {"Domain-0", "web", "ev\"il\\\n\xff", "\xe2\x82\xac", "d"};

int wirt_host_info(struct wirt *w, struct wirt_host *out)
{
    *out = (struct wirt_host){.memory_kib = 4194304, .free_kib = 1048576, .claimed_kib = 4, .cpu_khz = 2500000};
    return 0;
}
void *hyper_data(struct wirt *w)
{
    static char data[HYPER_DATA_SIZE];

    return data;
}
int hyper_sysctl(struct wirt *w, uint32_t cmd, struct xen_sysctl *op)
{
    struct wirt_sysctl_statistics a;

    memcpy(&a, &op->u, sizeof(a));
    CHECK(cmd == WIRT_SYSCTL_statistics && a.room >= played->frames);
    if (played->refuses)
        return -played->refuses;
    for (uint32_t i = 0; i < played->frames; i++)
        ((uint64_t *)(uintptr_t)a.frames)[i] = 1000 + i;
    a.room = played->frames;
    a.version = played->version;
    a.now = 60000000000;
    memcpy(&op->u, &a, sizeof(a));
    return 0;
}
int hyper_fail(struct wirt *w, int rc, const char *object, const char *step, const char *format, ...)
{
    return wirt_fail(w, WIRT_FAILED, object, step, "", "the hypervisor says %d", rc);
}
void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t dom, int prot, size_t count, const xen_pfn_t *pfns,
                           int *error)
{
    if (dom != DOMID_XEN) /* a console */
        return &shared->page;
    CHECK(prot == PROT_READ && pfns[0] == 1000 + played->mapped);
    played->mapped += (uint32_t)count;
    return pages + (pfns[0] - 1000);
}
int __wrap_need_call(struct wirt *w);
int __wrap_need_memory(struct wirt *w);
int __wrap_need_call(struct wirt *w)
{
    return 0;
}
int __wrap_need_memory(struct wirt *w)
{
    return 0;
}
enum wirt_state domctl_state(const struct xen_domctl_getdomaininfo *i)
{
    return i->domain == 2 ? WIRT_CRASHED : WIRT_RUNNING;
}
int domctl_list(struct wirt *w, uint32_t first, struct xen_domctl_getdomaininfo **list, uint32_t *count)
{
    struct xen_domctl_getdomaininfo *info = hyper_data(w);
    uint32_t most = HYPER_DATA_SIZE / sizeof(*info);

    *list = info;
    for (*count = 0; first + *count < played->domains && *count < most; (*count)++)
        info[*count] = (struct xen_domctl_getdomaininfo){.domain = (domid_t)(first + *count),
                                                         .flags = 3u << XEN_DOMINF_shutdownshift,
                                                         .nr_online_vcpus = 1,
                                                         .max_vcpu_id = 1,
                                                         .tot_pages = 1024,
                                                         .max_pages = 2048,
                                                         .cpu_time = 1234567890123 + first + *count,
                                                         .handle = {1, 2, 3}};
    return 0;
}
bool ask_lives(struct wirt *w)
{
    return true;
}
char *wirt_store_read(struct wirt *w, const char *format, ...)
{
    return NULL;
}
int wirt_store_write(struct wirt *w, const char *path, const char *format, ...)
{
    return 0;
}
int batch_read(struct wirt *w, const char *const path[], char *value[], size_t count)
{
    return 0;
}
int sample_channels(struct wirt *w, struct sample *s)
{
    return 0;
}
int sample_mappings(struct wirt *w, struct sample *s)
{
    return 0;
}
int sample_uses(struct wirt *w, struct sample_scan *scan, struct sample *s)
{
    return 0;
}
int wirt_defined_list(struct wirt *w, char ***list, size_t *count)
{
    *list = calloc(1, sizeof(char *));
    (*list)[0] = strdup("asleep");
    *count = 1;
    return 0;
}
const char *guest_name(uint32_t domid)
{
    return names[domid < 4 ? domid : 4];
}
uint32_t ends_waiting(void)
{
    return 2;
}

/* Domains 0 to count - 1 with one vCPU each, and one CPU. */
static void play(uint32_t count)
{
    struct wirt_stat *r = pages[0];

    memset(pages, 0, FRAMES_MOST * sizeof(*pages));
    played->domains = count;
    played->version = WIRT_STAT_VERSION;
    *r++ = (struct wirt_stat){.kind = WIRT_STAT_HOST, .u.host = {.bytes_tables = 4096, .bytes_objects = 1024}};
    *r++ = (struct wirt_stat){.kind = WIRT_STAT_CPU, .u.cpu = {5000000001, 7, 8, 9}};
    for (uint32_t i = 0; i < count; i++) {
        *r++ = (struct wirt_stat){.kind = WIRT_STAT_DOMAIN,
                                  .domain = (uint16_t)i,
                                  .u.domain = {.flags = i == 3 ? WIRT_STAT_ASSISTED : 0,
                                               .created = 10000000000,
                                               .weight = 256,
                                               .cap = 150,
                                               .ports = 7,
                                               .port_limit = 1024,
                                               .grants = 3,
                                               .grant_frame_limit = 4,
                                               .tables = {3, 2, 1, 1}}};
        *r = (struct wirt_stat){.kind = WIRT_STAT_VCPU, .domain = (uint16_t)i, .cpu = 1};
        r->u.vcpu = (struct wirt_stat_vcpu){.state = RUNSTATE_blocked,
                                            .since = 59000000000,
                                            .time = {1500000000, 2, 3, 4},
                                            .event = {[0] = 11, [6] = 13, [5] = 12},
                                            .latency = {1, 2, 3, [23] = 4},
                                            .call = {[1] = 21, [17] = 22, [60] = 23}};
        r++;
    }
    played->frames = (uint32_t)(r - pages[0] + 3) / 4;
}

/* ---- what is written ---- */
char *text;

static void take(enum http_format format)
{
    struct exposition *e = metrics_get(format);

    free(text);
    text = e ? strndup(e->text, e->size) : NULL;
    metrics_put(e);
}

static bool has(const char *line)
{
    const char *at = text ? strstr(text, line) : NULL;

    if (at && (at == text || at[-1] == '\n') && strchr("\n", at[strlen(line)]))
        return true;
    printf("no line: %s\n", line);
    return false;
}

static void test_values(void)
{
    play(4);
    take(HTTP_OPENMETRICS);
    CHECK(text && !strcmp(text + strlen(text) - 6, "# EOF\n"));
    CHECK(has("# TYPE wirt_domain_cpu_seconds counter") && has("# UNIT wirt_domain_cpu_seconds seconds"));
    CHECK(has("wirt_domain_cpu_seconds_total{domid=\"1\",name=\"web\"} 1234.567890124"));
    CHECK(has("wirt_host_memory_bytes 4294967296") && has("wirt_host_memory_hypervisor_bytes 5120"));
    CHECK(has("wirt_cpu_idle_seconds_total{cpu=\"0\"} 5.000000001"));
    CHECK(has("wirt_cpu_interrupts_total{cpu=\"0\",kind=\"device\"} 9"));
    CHECK(
        has("wirt_domain_info{domid=\"1\",name=\"web\",uuid=\"01020300-0000-0000-0000-000000000000\",kind=\"pv\"} 1"));
    CHECK(
        has("wirt_domain_state{domid=\"2\",name=\"ev\\\"il\\\\?\xef\xbf\xbd\",state=\"crashed\",reason=\"crash\"} 1"));
    CHECK(has("wirt_domain_state{domid=\"3\",name=\"\xe2\x82\xac\",state=\"running\",reason=\"\"} 1"));
    CHECK(has("wirt_domain_cap_ratio{domid=\"1\",name=\"web\"} 1.50"));
    CHECK(has("wirt_domain_uptime_seconds{domid=\"1\",name=\"web\"} 50.000000000"));
    CHECK(has("wirt_domain_page_table_bytes{domid=\"1\",name=\"web\",level=\"2\"} 8192"));
    CHECK(has("wirt_domain_hypercalls_total{domid=\"1\",name=\"web\",call=\"mmu_update\"} 21"));
    CHECK(has("wirt_domain_hypercalls_total{domid=\"1\",name=\"web\",call=\"60\"} 23"));
    CHECK(has("wirt_domain_traps_total{domid=\"1\",name=\"web\",kind=\"page_fault\"} 11"));
    CHECK(has("wirt_domain_exits_total{domid=\"3\",name=\"\xe2\x82\xac\",kind=\"any\"} 13"));
    CHECK(!strstr(text, "wirt_domain_exits_total{domid=\"1\"") && !strstr(text, "wirt_domain_traps_total{domid=\"3\""));
    CHECK(has("wirt_domain_upcalls_total{domid=\"1\",name=\"web\"} 12"));
    CHECK(has("wirt_domain_scheduling_latency_seconds_bucket{domid=\"1\",name=\"web\",le=\"0.000001024\"} 1"));
    CHECK(has("wirt_domain_scheduling_latency_seconds_bucket{domid=\"1\",name=\"web\",le=\"0.000004096\"} 6"));
    CHECK(has("wirt_domain_scheduling_latency_seconds_bucket{domid=\"1\",name=\"web\",le=\"+Inf\"} 10"));
    CHECK(has("wirt_domain_scheduling_latency_seconds_count{domid=\"1\",name=\"web\"} 10"));
    CHECK(has("wirt_vcpu_seconds_total{domid=\"1\",name=\"web\",vcpu=\"0\",state=\"running\"} 1.500000000"));
    CHECK(has("wirt_vcpu_seconds_total{domid=\"1\",name=\"web\",vcpu=\"0\",state=\"blocked\"} 1.000000003"));
    CHECK(has("wirt_vcpu_hypercalls_total{domid=\"1\",name=\"web\",vcpu=\"0\"} 66"));
    CHECK(has("wirt_vcpu_traps_total{domid=\"1\",name=\"web\",vcpu=\"0\"} 24"));
    CHECK(has("wirt_vcpu_upcalls_total{domid=\"1\",name=\"web\",vcpu=\"0\"} 12"));
    CHECK(has("wirt_disk_read_bytes_total{domid=\"1\",name=\"web\",device=\"51712\"} 5120"));
    CHECK(has("wirt_network_sent_bytes_total{domid=\"1\",name=\"web\",device=\"0\"} 77"));
    CHECK(has("wirt_host_domains{state=\"running\"} 3") && has("wirt_host_domains{state=\"crashed\"} 1"));
    CHECK(has("wirt_wirtd_restarts_waiting 2") && !strstr(text, "asleep"));
    sleep(1);
    take(HTTP_TEXT);
    CHECK(text && has("# TYPE wirt_domain_cpu_seconds_total counter") && has("# TYPE wirt_domain_info gauge"));
    CHECK(!strstr(text, "# EOF") && !strstr(text, "# UNIT"));
}

/* What the hypervisor may say instead. */
static void test_refusals(void)
{
    struct exposition *one, *two;

    sleep(1);
    played->refuses = EPERM;
    take(HTTP_TEXT);
    CHECK(!text);
    played->refuses = 0;
    played->version = 99;
    take(HTTP_TEXT);
    CHECK(!text && strstr(wirt_error(daemon_state.w)->cause, "version 99"));
    played->version = WIRT_STAT_VERSION;
    pages[0][3].version = 7; /* a record that is always being written is left out */
    take(HTTP_TEXT);
    CHECK(text && !strstr(text, "wirt_vcpu_cpu{domid=\"0\"") &&
          has("wirt_vcpu_cpu{domid=\"1\",name=\"web\",vcpu=\"0\"} 1"));
    pages[0][3].version = 8;
    one = metrics_get(HTTP_TEXT);
    two = metrics_get(HTTP_TEXT); /* who asks within a second shares it */
    CHECK(one == two && one->users == 3);
    metrics_put(two);
    sleep(1);
    two = metrics_get(HTTP_TEXT);
    CHECK(one != two && one->users == 1 && strstr(two->text, "wirt_vcpu_cpu{domid=\"0\""));
    metrics_put(one);
    metrics_put(two);
    play(40); /* more frames: only those are mapped anew */
    sleep(1);
    take(HTTP_TEXT);
    CHECK(text && played->mapped == played->frames && strstr(text, "wirt_domain_vcpus{domid=\"39\""));
}

static void test_cost(void)
{
    struct timespec from, to;

    play(200);
    sleep(1);
    take(HTTP_OPENMETRICS); /* maps */
    sleep(1);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    take(HTTP_OPENMETRICS);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    printf("200 domains: %zu KiB, %ld us of CPU under the sanitizers, without hypercalls and xenstore\n",
           text ? strlen(text) >> 10 : 0, (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
    CHECK(text && strlen(text) < 4 << 20);
    play(4);
}

/* Another hypervisor: no statistics, and nothing made up instead. Its own sampler, as that is found out once. */
static void test_other(void)
{
    struct sampler *sampler = sampler_open(daemon_state.w, dir);
    struct sample s;
    size_t size;
    FILE *out;

    played->refuses = ENOSYS;
    CHECK(sampler_take(sampler, &s) == 0 && !s.has_statistics && s.domains == 5);
    free(text);
    out = open_memstream(&text, &size);
    metrics_write(out, &s, HTTP_TEXT);
    fclose(out);
    sample_clear(&s);
    sampler_close(sampler);
    CHECK(has("wirt_domain_memory_bytes{domid=\"1\",name=\"(unnamed)\"} 4194304"));
    CHECK(!strstr(text, "wirt_domain_weight") && !strstr(text, "wirt_vcpu") && !strstr(text, "latency"));
    played->refuses = 0;
}

/* Back ends' counters below the run directory. */
static void make_files(void)
{
    char command[1000];

    snprintf(command, sizeof(command),
             "cd %s && mkdir -p sys/bus/xen-backend/devices/vbd-1-51712/statistics "
             "sys/bus/xen-backend/devices/vif-1-0/net/v/statistics && cd sys/bus/xen-backend/devices && "
             "echo 10 >vbd-1-51712/statistics/rd_sect && echo 77 >vif-1-0/net/v/statistics/rx_bytes",
             dir);
    CHECK(system(command) == 0);
}

static void print_both(const char *to)
{
    static const char *const files[] = {"text", "open"};
    struct console c = {.name = "web", .ring = {.page = (void *)pages}, .keep.head = {.domid = 1, .total = 4711}};
    char path[300];

    consoles = &c;

    for (int format = 0; format < 2; format++) {
        FILE *out;

        take((enum http_format)format);
        snprintf(path, sizeof(path), "%s/%s", to, files[format]);
        out = fopen(path, "w");
        CHECK(out && text && fputs(text, out) >= 0 && fclose(out) == 0);
    }
    consoles = NULL;
}

struct sampler *__real_sampler_open(struct wirt *w, const char *root);
struct sampler *__wrap_sampler_open(struct wirt *w, const char *root);
struct sampler *__wrap_sampler_open(struct wirt *w, const char *root)
{
    return __real_sampler_open(w, *root ? root : dir);
}

int main(int argc, char **argv)
{
    pid_t child;

    if (argc == 2 && !strcmp(argv[1], "--list-metrics")) {
        metrics_list(stdout);
        return 0;
    }
    srand(5);
    play_start();
    pages = mmap(NULL, FRAMES_MOST * sizeof(*pages), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    played = mmap(NULL, sizeof(*played), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    make_files();
    play(4);
    child = fork();
    if (child == 0) {
        start_daemon();
        daemon_state.options.metrics = "127.0.0.1:9177";
        if (!http_listen())
            _exit(1);
        for (;;)
            loop_turn();
    }
    daemon_state.w = wirt_open();
    if (argc == 3) {
        played->mapped = 0;
        print_both(argv[2]);
    } else {
        test_addresses();
        test_parse();
        test_noise();
        test_server();
        CHECK(kill(child, 0) == 0 && waitpid(child, NULL, WNOHANG) == 0);
        played->mapped = 0; /* the daemon's own */
        test_values();
        test_refusals();
        test_cost();
        test_other();
    }
    daemon_kill(child);
    free(text);
    play_end();
    return check_end("metrics");
}

/* SPDX-License-Identifier: MIT */
/*
 * Metrics from the hypervisor's records to the socket. The hypervisor is played from its side of the interface: records
 * of public/wirt.h in a page that the sampler maps, the list of domains, files of back ends. What comes out is held
 * against them, in both formats, and a scraper's bad manners against the server. "--list-metrics" prints the table for
 * docs/metrics.sh; "print DIR" leaves both formats in files, for a parser that we did not write.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "check.h"
#include "domctl.h"
#include "event.h"
#include "internal.h"
#include "metrics.h"
#include "play.h"

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
static char *text; /* the last exposition */

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

/* ---- requests ---- */

static const struct {
    const char *head;
    int status;
    enum http_format format;
} cases[] = {
    {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\n\n", 200, HTTP_TEXT},
    {"GET /metrics?x=y HTTP/1.1\r\nhost:x\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nb\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nB\x01: c\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nB : c\r\n\r\n", 400, HTTP_TEXT},
    {"GET  /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1 \r\nHost: a\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics\r\n\r\n", 400, HTTP_TEXT},
    {"\r\n\r\n", 400, HTTP_TEXT},
    {"G\x80T /metrics HTTP/1.0\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/2.0\r\n\r\n", 505, HTTP_TEXT},
    {"POST /metrics HTTP/1.0\r\n\r\n", 405, HTTP_TEXT},
    {"GET / HTTP/1.0\r\n\r\n", 404, HTTP_TEXT},
    {"GET /metrics/ HTTP/1.0\r\n\r\n", 404, HTTP_TEXT},
    {"GET /../metrics HTTP/1.0\r\n\r\n", 404, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text\r\n\r\n", 200, HTTP_OPENMETRICS},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
     "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\r\n",
     200, HTTP_OPENMETRICS},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text;version=0.0.1, text/plain;q=0.5\r\n\r\n", 200,
     HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text;q=0.4,text/*;q=0.5\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text;q=0\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text;q=2\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\nAccept: APPLICATION/OpenMetrics-Text ; Version=1.0.0 ; Q=0.001\r\n\r\n", 200,
     HTTP_OPENMETRICS},
    {"GET /metrics HTTP/1.0\r\nAccept: ,;=,;q=,\r\n\r\n", 200, HTTP_TEXT},
};

static void test_parse(void)
{
    struct http_request request;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t size = strlen(cases[i].head);
        char *exact = memcpy(malloc(size), cases[i].head, size); /* nothing behind it may be looked at */
        int status = http_head(exact, size) == size ? http_parse(exact, size, &request) : -1;

        if (status != cases[i].status || (status == 200 && request.format != cases[i].format))
            printf("%s -> %d\n", cases[i].head, status);
        CHECK(status == cases[i].status && (status != 200 || request.format == cases[i].format));
        for (size_t part = 0; part < size; part++)
            CHECK(http_head(exact, part) == 0 || cases[i].status == 400);
        free(exact);
    }
}

/* Anything: nobody reads beyond it. */
static void test_noise(void)
{
    struct http_request request;

    for (int i = 0; i < 100000; i++) {
        static const char letters[] = "GET /metricsHTTP/1.1\r\n\r\n:;,=q0.5Accept Host\t\x80";
        char bytes[64], *exact;
        size_t size = (size_t)rand() % sizeof(bytes), n;

        for (size_t k = 0; k < size; k++)
            bytes[k] = rand() % 8 ? letters[(size_t)rand() % sizeof(letters)] : (char)rand();
        exact = memcpy(malloc(size + 1), bytes, size);
        n = http_head(exact, size);
        CHECK(n <= size);
        if (n)
            http_parse(exact, n, &request);
        free(exact);
    }
}

static int connect_to(const char *tcp)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(9177), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);

    snprintf(path.sun_path, sizeof(path.sun_path), "%s/metrics.sock", dir);
    for (int i = 0; i < 500; i++) {
        if (connect(fd, tcp ? (struct sockaddr *)&in : (struct sockaddr *)&path, tcp ? sizeof(in) : sizeof(path)) == 0)
            return fd;
        usleep(10000);
    }
    return -1;
}

/* All of an answer; its status. */
static int ask_on(int fd, const char *request, size_t *bytes)
{
    static char got[4 << 20];
    int status = 0;

    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        CHECK(errno == EPIPE || errno == ECONNRESET);
    *bytes = read_some(fd, got, sizeof(got) - 1, 10000);
    got[*bytes] = 0;
    close(fd);
    sscanf(got, "HTTP/1.1 %d ", &status);
    free(text);
    text = strdup(got);
    return status;
}
static int ask(const char *request)
{
    size_t bytes;

    return ask_on(connect_to(NULL), request, &bytes);
}

#define GET "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

static void test_server(void)
{
    char big[6000], path[64];
    int fd[20], refused = 0, status = 0;
    size_t bytes;
    struct stat mode;
    int64_t start;

    snprintf(path, sizeof(path), "%s/metrics.sock", dir);
    CHECK(ask(GET) == 200 && strstr(text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    CHECK(stat(path, &mode) == 0 && (mode.st_mode & 0777) == 0600);
    CHECK(strstr(text, "\r\n\r\n# TYPE wirt_build_info gauge\n"));
    CHECK(ask("HEAD /metrics HTTP/1.0\r\n\r\n") == 200 && !strcmp(text + strlen(text) - 4, "\r\n\r\n"));
    CHECK(ask("HEAD /x HTTP/1.0\r\n\r\n") == 404 && !strcmp(text + strlen(text) - 4, "\r\n\r\n"));
    CHECK(ask("GET / HTTP/1.0\r\n\r\n") == 404 && strstr(text, "404 Not Found: there is only /metrics\n"));
    CHECK(ask("PUT /metrics HTTP/1.0\r\n\r\n") == 405 && strstr(text, "\r\nAllow: GET, HEAD\r\n"));
    CHECK(ask("rubbish\r\n\r\n") == 400);
    CHECK(ask("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\nbehind it") == 200);
    CHECK(!strcmp(text + strlen(text) - 6, "# EOF\n"));
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    CHECK(ask(big) == 431);
    CHECK(ask_on(connect_to("127.0.0.1:9177"), GET, &bytes) == 200);
    /* Its sending side closed first, as nc does it. */
    fd[0] = connect_to(NULL);
    CHECK(send(fd[0], GET, strlen(GET), 0) > 0 && shutdown(fd[0], SHUT_WR) == 0);
    CHECK(ask_on(fd[0], "", &bytes) == 200 && bytes > 10000);
    /* Those that say nothing take up the places, are sent away in time, and meanwhile others are told so. */
    start = now_ms();
    for (int i = 0; i < 20; i++)
        fd[i] = connect_to(NULL);
    for (int i = 16; i < 20; i++)
        refused += read_some(fd[i], big, 12, 3000) == 12 && !memcmp(big, "HTTP/1.1 503", 12);
    CHECK(refused == 4);
    for (int i = 0; i < 16; i++)
        status += read_some(fd[i], big, 12, 12000) == 12 && !memcmp(big, "HTTP/1.1 408", 12);
    CHECK(status == 16 && now_ms() - start >= 4500);
    for (int i = 0; i < 20; i++)
        close(fd[i]);
    /* One that asks and never reads holds nobody up. */
    fd[0] = connect_to(NULL);
    CHECK(send(fd[0], GET, strlen(GET), 0) > 0);
    start = now_ms();
    CHECK(ask(GET) == 200 && now_ms() - start < 4000);
    close(fd[0]);
    for (int i = 0; i < 200; i++) { /* cut anywhere, and gone at once */
        fd[0] = connect_to(i % 2 ? "" : NULL);
        CHECK(send(fd[0], GET, (size_t)rand() % strlen(GET), MSG_NOSIGNAL) >= 0);
        close(fd[0]);
    }
    CHECK(ask(GET) == 200);
}

static void test_addresses(void)
{
    static const char *const good[] = {"127.0.0.1:9177", "127.255.0.3:1", "[::1]:65535"};
    static const char *const bad[] = {"0.0.0.0:80",
                                      "10.0.0.1:80",
                                      "[::]:80",
                                      "[::ffff:127.0.0.1]:80",
                                      "localhost:80",
                                      "9177",
                                      "127.0.0.1",
                                      "127.0.0.1:0",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:x",
                                      "127.0.0.1:80x",
                                      ":80",
                                      "::1:80",
                                      "[::1]",
                                      "",
                                      "[]:80",
                                      "[127.0.0.1]:80"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(http_check(good[i]) == NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(http_check(bad[i]) != NULL);
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

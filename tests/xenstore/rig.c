// SPDX-License-Identifier: MIT
/*
 * The rig. The daemon runs as a process of its own with the machine of files below it; peers talk to it as programs
 * and guests do. Ring peers wait on their bell but look at the page now and then as well, as a guest whose event was
 * lost with a killed daemon does after the next one.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

unsigned passed, failed;
bool is_sanitized;
int patience_ms = 5000;
char run_dir[200];
pid_t daemon_pid;
static const char *program;
static struct life {
    bool is, dying, shutdown;
    unsigned handle;
} life[32768];
static bool is_list_held;

void check(bool is, const char *file, int line, const char *what, const char *got)
{
    if (is) {
        passed++;
        return;
    }
    failed++;
    printf("%s:%d: failed: %s%s%s\n", file, line, what, *got ? ": got " : "", got);
}

void check_is(const char *got, const char *wanted, const char *file, int line, const char *what)
{
    char text[400];

    snprintf(text, sizeof(text), "\"%.150s\", wanted \"%.150s\"", got, wanted);
    check(!strcmp(got, wanted), file, line, what, text);
}

static const char *in_dir(const char *name)
{
    static char path[4][300];
    static unsigned turn;
    char *p = path[turn++ % 4];

    snprintf(p, 300, "%s/%s", run_dir, name);
    return p;
}

void rig_open(const char *name)
{
    const char *tmp = getenv("TMPDIR");

    program = name;
    snprintf(run_dir, sizeof(run_dir), "%s/xenstore-test.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(run_dir))
        abort();
    memset(life, 0, sizeof(life));
    if (mkfifo(in_dir("events"), 0600) || setenv("XENSTORED_SIM", run_dir, 1))
        abort();
    rig_domain(0, false, false, 0);
}

void rig_start(bool is_fresh)
{
    char log[300];
    int ends[2];

    if (pipe(ends))
        abort();
    snprintf(log, sizeof(log), "%s/log", run_dir);
    daemon_pid = fork();
    if (!daemon_pid) {
        int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        dup2(out, 1);
        dup2(out, 2);
        close(ends[0]);
        close(ends[1]);
        execl(program, program, "--foreground", "--run-dir", run_dir, "--pid-file", "", is_fresh ? "--fresh" : NULL,
              NULL);
        _exit(127);
    }
    close(ends[1]);
    for (int i = 0; i < 2000; i++) { /* its socket answers */
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0), up;

        snprintf(at.sun_path, sizeof(at.sun_path), "%.100s/socket", run_dir);
        up = !connect(fd, (struct sockaddr *)&at, sizeof(at));
        close(fd);
        siginfo_t dead = {.si_pid = 0};
        if (up || waitid(P_PID, (id_t)daemon_pid, &dead, WEXITED | WNOHANG | WNOWAIT) || dead.si_pid)
            break;
        usleep(2000);
    }
    close(ends[0]);
}

void rig_kill(void)
{
    kill(daemon_pid, SIGKILL);
    waitpid(daemon_pid, NULL, 0);
}

int rig_stop(void)
{
    int status = -1;

    kill(daemon_pid, SIGTERM);
    waitpid(daemon_pid, &status, 0);
    return status;
}

void rig_close(void)
{
    char command[300];

    snprintf(command, sizeof(command), "rm -rf '%s'", run_dir);
    if (system(command))
        failed++;
}

const char *rig_log(void)
{
    static char text[1 << 20];
    int fd = open(in_dir("log"), O_RDONLY);
    ssize_t n = read(fd, text, sizeof(text) - 1);

    close(fd);
    text[n > 0 ? n : 0] = 0;
    return text;
}

static void write_domains(void)
{
    FILE *f;

    if (is_list_held)
        return;
    f = fopen(in_dir("domains.new"), "w");
    for (unsigned i = 0; f && i < 32768; i++)
        if (life[i].is)
            fprintf(f, "%u %u %u %u\n", i, life[i].dying, life[i].shutdown, life[i].handle);
    if (!f || fclose(f) || rename(in_dir("domains.new"), in_dir("domains")))
        abort();
}

void rig_domains_begin(void)
{
    is_list_held = true;
}

void rig_domains_end(void)
{
    is_list_held = false;
    write_domains();
}

void rig_domain(unsigned domid, bool dying, bool shutdown, unsigned handle)
{
    bool is_new = !life[domid].is;
    char page[40], bell[40];
    int fd;

    life[domid] = (struct life){true, dying, shutdown, handle};
    write_domains();
    if (!is_new)
        return;
    snprintf(page, sizeof(page), "%u.page", domid);
    snprintf(bell, sizeof(bell), "%u.bell", domid);
    unlink(in_dir(page));
    unlink(in_dir(bell));
    fd = open(in_dir(page), O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, 4096) || mkfifo(in_dir(bell), 0600))
        abort();
    close(fd);
}

void rig_domain_gone(unsigned domid)
{
    life[domid].is = false;
    write_domains();
}

void rig_alarm(void)
{
    int fd = open(in_dir("events"), O_RDWR);
    int32_t port = 1;

    if (write(fd, &port, sizeof(port)) < 0)
        abort();
    close(fd);
}

uint64_t rig_memory_kib(const char *field)
{
    char path[60], line[200];
    unsigned long long value = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon_pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, field, strlen(field)) && line[strlen(field)] == ':')
            value = strtoull(line + strlen(field) + 1, NULL, 10);
    if (f)
        fclose(f);
    return value;
}

uint64_t rig_cpu_ns(void)
{
    struct timespec t;
    clockid_t clock;

    clock_getcpuclockid(daemon_pid, &clock);
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- clients ---- */
struct peer *peer_socket(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct peer *p = calloc(1, sizeof(*p));

    p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof(at.sun_path), "%.100s/socket", run_dir);
    for (int i = 0; connect(p->fd, (struct sockaddr *)&at, sizeof(at)); i++) {
        if (i > patience_ms / 5)
            return p;
        usleep(5000);
    }
    return p;
}

struct peer *peer_ring(unsigned domid)
{
    struct peer *p = calloc(1, sizeof(*p));
    char name[40];
    int fd;

    p->fd = -1;
    p->domid = domid;
    snprintf(name, sizeof(name), "%u.page", domid);
    fd = open(in_dir(name), O_RDWR);
    p->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    snprintf(name, sizeof(name), "%u.bell", domid);
    p->bell = open(in_dir(name), O_RDWR | O_NONBLOCK);
    p->events = open(in_dir("events"), O_RDWR | O_NONBLOCK);
    if (p->page == MAP_FAILED)
        abort();
    return p;
}

struct peer *peer_domain(unsigned domid)
{
    struct peer *s = peer_socket();

    rig_domain(domid, false, false, domid + 1000);
    callf(s, XS_MKDIR, 0, "/local/domain/%u|", domid);
    callf(s, XS_SET_PERMS, 0, "/local/domain/%u|n%u|", domid, domid);
    IS(callf(s, XS_INTRODUCE, 0, "%u|%u|5|", domid, 1000 + domid), "OK|");
    peer_close(s);
    return peer_ring(domid);
}

void peer_close(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    else {
        munmap((void *)p->page, 4096);
        close(p->bell);
        close(p->events);
    }
    free(p->queue);
    free(p);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static void kick(struct peer *p)
{
    int32_t port = (int32_t)p->domid + 16;

    if (write(p->events, &port, sizeof(port)) < 0)
        errno = 0;
}

static void sleep_on_bell(struct peer *p)
{
    struct pollfd f = {.fd = p->bell, .events = POLLIN};
    char byte[64];

    if (poll(&f, 1, 5) > 0 && read(p->bell, byte, sizeof(byte)) < 0)
        errno = 0;
}

bool peer_put(struct peer *p, const void *data, size_t length, int timeout_ms)
{
    uint64_t until = now_ms() + (uint64_t)timeout_ms;
    const char *from = data;

    if (p->fd >= 0)
        return send(p->fd, data, length, MSG_NOSIGNAL) == (ssize_t)length;
    while (length) {
        uint32_t prod = p->page->req_prod;
        uint32_t room = XENSTORE_RING_SIZE - (prod - __atomic_load_n(&p->page->req_cons, __ATOMIC_ACQUIRE));

        if (room > XENSTORE_RING_SIZE || now_ms() > until)
            return false;
        if (room > length)
            room = (uint32_t)length;
        for (uint32_t i = 0; i < room; i++)
            p->page->req[MASK_XENSTORE_IDX(prod + i)] = from[i];
        __atomic_store_n(&p->page->req_prod, prod + room, __ATOMIC_RELEASE);
        from += room;
        length -= room;
        /* As Linux does: only who may have found nothing more to do is woken. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (prod == p->page->req_cons)
            kick(p);
        if (length)
            sleep_on_bell(p);
    }
    return true;
}

bool peer_send(struct peer *p, uint32_t type, uint32_t tx, const void *data, size_t length)
{
    char message[16 + 8192];
    struct xsd_sockmsg h = {type, ++p->next_id, tx, (uint32_t)length};

    memcpy(message, &h, sizeof(h));
    memcpy(message + sizeof(h), data, length);
    if (p->fd < 0) /* a guest's kernel puts one piece after the other */
        return peer_put(p, message, sizeof(h), 2 * patience_ms) &&
               peer_put(p, message + sizeof(h), length / 2, 2 * patience_ms) &&
               peer_put(p, message + sizeof(h) + length / 2, length - length / 2, 2 * patience_ms);
    return peer_put(p, message, sizeof(h) + length, 2 * patience_ms);
}

static bool more(struct peer *p, size_t want, uint64_t until)
{
    while (p->in_len < want) {
        uint64_t now = now_ms();
        int left = now < until ? (int)(until - now) : 0;

        if (p->fd >= 0) {
            struct pollfd f = {.fd = p->fd, .events = POLLIN};
            ssize_t n;

            if (poll(&f, 1, left) <= 0)
                return false;
            n = recv(p->fd, p->in + p->in_len, want - p->in_len, MSG_DONTWAIT);
            if (n <= 0)
                return false;
            p->in_len += (size_t)n;
        } else {
            uint32_t cons = p->page->rsp_cons;
            uint32_t ready = __atomic_load_n(&p->page->rsp_prod, __ATOMIC_ACQUIRE) - cons;

            if (!ready) {
                if (!left)
                    return false;
                sleep_on_bell(p);
                continue;
            }
            if (ready > want - p->in_len)
                ready = (uint32_t)(want - p->in_len);
            for (uint32_t i = 0; i < ready; i++)
                p->in[p->in_len + i] = p->page->rsp[MASK_XENSTORE_IDX(cons + i)];
            p->in_len += ready;
            __atomic_store_n(&p->page->rsp_cons, cons + ready, __ATOMIC_RELEASE);
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            if (p->page->rsp_prod - cons >= XENSTORE_RING_SIZE)
                kick(p);
        }
    }
    return true;
}

bool peer_next(struct peer *p, struct message *m, int timeout_ms)
{
    uint64_t until = now_ms() + (uint64_t)timeout_ms;

    if (!more(p, sizeof(m->h), until))
        return false;
    memcpy(&m->h, p->in, sizeof(m->h));
    if (m->h.len > XENSTORE_PAYLOAD_MAX || !more(p, sizeof(m->h) + m->h.len, until))
        return false;
    memcpy(m->data, p->in + sizeof(m->h), m->h.len);
    m->data[m->h.len] = 0;
    p->in_len = 0;
    return true;
}

bool peer_answer(struct peer *p, struct message *m, int timeout_ms)
{
    while (peer_next(p, m, timeout_ms)) {
        if (m->h.type != XS_WATCH_EVENT)
            return true;
        if (p->queued == p->queue_size) {
            p->queue_size = p->queue_size * 2 + 8;
            p->queue = realloc(p->queue, p->queue_size * sizeof(*m));
        }
        p->queue[p->queued++] = *m;
    }
    return false;
}

static char *text_slot(void)
{
    static char slots[16][XENSTORE_PAYLOAD_MAX + 8];
    static unsigned turn;

    return slots[turn++ % 16];
}

static const char *as_text(const struct message *m)
{
    char *t = text_slot(), *at = t;

    if (m->h.type == XS_ERROR)
        *at++ = '!';
    for (uint32_t i = 0; i < m->h.len; i++)
        *at++ = m->data[i] ? m->data[i] : '|';
    if (m->h.type == XS_ERROR && at > t && at[-1] == '|')
        at--;
    *at = 0;
    return t;
}

const char *call(struct peer *p, uint32_t type, uint32_t tx, const char *payload)
{
    char data[8192];
    size_t length = strlen(payload);
    struct message m;

    for (size_t i = 0; i < length; i++)
        data[i] = payload[i] == '|' ? 0 : payload[i];
    if (!peer_send(p, type, tx, data, length) || !peer_answer(p, &m, patience_ms))
        return "(none)";
    if (m.h.req_id != p->next_id || m.h.tx_id != tx || (m.h.type != type && m.h.type != XS_ERROR))
        return "(an answer to something else)";
    return as_text(&m);
}

const char *callf(struct peer *p, uint32_t type, uint32_t tx, const char *format, ...)
{
    char payload[8192];
    va_list args;

    va_start(args, format);
    vsnprintf(payload, sizeof(payload), format, args);
    va_end(args);
    return call(p, type, tx, payload);
}

uint32_t txn(struct peer *p)
{
    const char *text = call(p, XS_TRANSACTION_START, 0, "|");

    check(text[0] != '!' && text[0] != '(', __FILE__, __LINE__, "a transaction starts", text);
    return (uint32_t)strtoul(text, NULL, 10);
}

const char *end(struct peer *p, uint32_t tx, bool is_commit)
{
    return call(p, XS_TRANSACTION_END, tx, is_commit ? "T|" : "F|");
}

const char *event_in(struct peer *p, int timeout_ms)
{
    struct message m;

    if (p->queued) {
        m = p->queue[0];
        memmove(p->queue, p->queue + 1, --p->queued * sizeof(m));
        return as_text(&m);
    }
    return peer_next(p, &m, timeout_ms) && m.h.type == XS_WATCH_EVENT ? as_text(&m) : "(none)";
}

const char *event(struct peer *p)
{
    return event_in(p, 1000);
}

const char *no_event(struct peer *p)
{
    if (!p->queued)
        call(p, XS_GET_DOMAIN_PATH, 0, "1|");
    return p->queued ? event_in(p, 0) : "(none)";
}

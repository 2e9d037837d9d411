/* SPDX-License-Identifier: MIT */
/*
 * What takes long is done by this same program as a child, one per name at a time, which does one thing and ends: so
 * the consoles go on meanwhile, and a daemon that is killed leaves a child that finishes what it began. A lock per name
 * keeps such a child and the next daemon's apart. What the child says on standard error goes into the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "device.h"
#include "record.h"

struct job {
    struct source source; /* first; the pipe of its standard error */
    struct job *next;
    pid_t child;
    uint32_t domid, length;
    job_done_fn *done;
    char name[WIRT_NAME_MAX + 1], line[512];
};
static struct job *jobs;

bool job_is_running(const char *name)
{
    for (const struct job *j = jobs; j; j = j->next)
        if (!strcmp(j->name, name))
            return true;
    return false;
}

static void say_lines(struct job *j)
{
    char *end;

    while ((end = memchr(j->line, '\n', j->length)) || j->length == sizeof(j->line)) {
        uint32_t size = end ? (uint32_t)(end - j->line) : j->length;

        log_say("%.*s", (int)size, j->line);
        j->length -= end ? size + 1 : size;
        memmove(j->line, end ? end + 1 : j->line, j->length);
    }
}

static void finish(struct job *j)
{
    struct job **at = &jobs;
    int status = 0;

    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    source_remove(&j->source);
    close(j->source.fd);
    while (waitpid(j->child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status))
        log_warn("the helper for %s was ended by signal %d (%s)", j->name[0] ? j->name : "all domains",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    j->done(j->name, j->domid, WIFEXITED(status) ? WEXITSTATUS(status) : WIRT_FAILED);
    free(j);
}

static void job_ready(struct source *source, uint32_t events)
{
    struct job *j = (struct job *)source;
    ssize_t n = read(source->fd, j->line + j->length, sizeof(j->line) - j->length);

    (void)events;
    if (n > 0) {
        j->length += (uint32_t)n;
        say_lines(j);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        finish(j);
    }
}

static void run(const char *what, const char *name, uint32_t domid, int pipe_end)
{
    char number[16];
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    snprintf(number, sizeof(number), "%u", domid);
    if (dup2(pipe_end, 2) == 2) {
        execl("/proc/self/exe", "wirtd", "--run-dir", daemon_state.options.run_dir, "--job", what, name, number, NULL);
        dprintf(2, "helper: /proc/self/exe: %s\n", strerror(errno));
    }
    _exit(WIRT_FAILED);
}

bool job_start(const char *what, const char *name, uint32_t domid, job_done_fn *done)
{
    struct job *j = calloc(1, sizeof(*j));
    int ends[2];

    if (!j || pipe2(ends, O_CLOEXEC)) {
        log_warn("no helper for %s: %s", name, strerror(errno));
        free(j);
        return false;
    }
    snprintf(j->name, sizeof(j->name), "%s", name);
    j->domid = domid;
    j->done = done;
    j->source = (struct source){.ready = job_ready, .fd = ends[0]};
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    j->child = fork();
    if (j->child == 0)
        run(what, name, domid, ends[1]);
    close(ends[1]);
    if (j->child < 0 || !source_add(&j->source, EPOLLIN)) {
        log_warn("no helper for %s: %s", name, strerror(errno));
        close(ends[0]);
        free(j);
        return false;
    }
    j->next = jobs;
    jobs = j;
    return true;
}

/* ---- in the child ---- */

static int say_error(struct wirt *w)
{
    char text[900];

    fprintf(stderr, "%s\n", wirt_error_text(w, text, sizeof(text)));
    return w->error.code;
}

static bool is_domain(struct wirt *w, uint32_t domid, struct wirt_domain *found)
{
    char number[16];

    snprintf(number, sizeof(number), "%u", domid);
    return wirt_find(w, number, found) == 0;
}

/* Only one that has ended: the order may be old, and the number another's by now. */
static int job_destroy(struct wirt *w, const char *name, uint32_t domid)
{
    struct wirt_domain d;

    if (!is_domain(w, domid, &d) || (strcmp(d.name, name) && d.state != WIRT_DYING))
        return 0;
    if (d.state != WIRT_SHUTDOWN && d.state != WIRT_CRASHED && d.state != WIRT_DYING)
        return 0;
    return wirt_destroy(w, domid, NULL) ? say_error(w) : 0;
}

/* The file goes once the domain is there; whoever finds both knows that this was done. */
static int job_create(struct wirt *w, const char *name, uint32_t domid)
{
    struct wirt_config *config = NULL;
    char path[256];
    int code;

    (void)domid;
    snprintf(path, sizeof(path), "%s/restart/%s", daemon_state.options.run_dir, name);
    if (access(path, F_OK))
        return 0;
    code = wirt_config_read_file(w, path, &config);
    if (!code)
        code = wirt_create(w, config, false, NULL, &domid);
    if (code)
        say_error(w);
    else
        fprintf(stderr, "domain %s is there again, as %u\n", name, domid);
    if (!code)
        unlink(path);
    wirt_config_free(config);
    return code;
}

/* Keeps the dead domain for whoever wants to look at it, under a name of its own and without its devices. */
static int job_set_aside(struct wirt *w, const char *name, uint32_t domid)
{
    char other[WIRT_NAME_MAX + 1];
    struct wirt_domain d;

    for (unsigned int i = 1; i < 1000; i++) {
        snprintf(other, sizeof(other), "%.56s-%u", name, i);
        if (wirt_find(w, other, &d))
            break;
    }
    if (wirt_devices_remove(w, domid) || wirt_rename(w, domid, other))
        return say_error(w);
    fprintf(stderr, "domain %s (%u) is kept as %s: wirt destroy %s ends it\n", name, domid, other, other);
    return 0;
}

static int job_collect(struct wirt *w, const char *name, uint32_t domid)
{
    size_t count = 0;

    (void)name;
    (void)domid;
    if (wirt_collect(w, &count))
        return say_error(w);
    if (count)
        fprintf(stderr, "%zu domains that nobody cared for were destroyed\n", count);
    return 0;
}

/* Devices and keys of a domain that is no more, or is on its way out and held up by them. */
static int job_clean(struct wirt *w, const char *name, uint32_t domid)
{
    char object[96];
    struct wirt_domain d;

    if (is_domain(w, domid, &d)) {
        if (d.state == WIRT_DYING && wirt_destroy(w, domid, NULL))
            return say_error(w);
        return 0;
    }
    if (w->error.code != WIRT_NOT_FOUND)
        return 0;
    snprintf(object, sizeof(object), "domain %s (%u)", name, domid);
    if (wirt_devices_remove(w, domid) || record_forget_dead(w, domid, object))
        return say_error(w);
    fprintf(stderr, "domain %s (%u) had left devices or keys behind: they are removed\n", name, domid);
    return 0;
}

static int job_autostart(struct wirt *w, const char *name, uint32_t domid)
{
    char **names = NULL;
    size_t count = 0;
    int code = wirt_defined_list(w, &names, &count);

    (void)name;
    if (code)
        return say_error(w);
    for (size_t i = 0; i < count; i++) {
        struct wirt_config *config = NULL;
        struct wirt_domain d;

        if (wirt_is_autostart(names[i]) && wirt_find(w, names[i], &d)) {
            code = wirt_defined(w, names[i], &config);
            if (!code)
                code = wirt_create(w, config, false, NULL, &domid);
            if (code)
                say_error(w);
            else
                fprintf(stderr, "domain %s is started, as %u\n", names[i], domid);
            wirt_config_free(config);
        }
        free(names[i]);
    }
    free(names);
    return code;
}

static int take_lock(const char *name)
{
    char path[256];
    int fd;

    /* No domain's name begins with a dash. */
    snprintf(path, sizeof(path), "%s/restart/.%s", daemon_state.options.run_dir, name[0] ? name : "-all");
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (fd >= 0 && flock(fd, LOCK_EX) && errno == EINTR)
        continue;
    return fd;
}

int job_main(int argc, char **argv)
{
    static const struct {
        const char *what;
        int (*act)(struct wirt *w, const char *name, uint32_t domid);
    } acts[] = {
        {"destroy", job_destroy}, {"create", job_create}, {"set-aside", job_set_aside},
        {"collect", job_collect}, {"clean", job_clean},   {"autostart", job_autostart},
    };
    struct wirt *w = wirt_open();

    signal(SIGPIPE, SIG_IGN);
    if (argc != 3 || !w)
        return WIRT_USAGE;
    if (argv[1][0] && take_lock(argv[1]) < 0) /* autostart is of no domain */
        fprintf(stderr, "domain %s: no lock in %s/restart: %s\n", argv[1], daemon_state.options.run_dir,
                strerror(errno));
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
        if (!strcmp(acts[i].what, argv[0])) {
            int code = acts[i].act(w, argv[1], (uint32_t)strtoul(argv[2], NULL, 10));

            wirt_close(w);
            return code;
        }
    return WIRT_USAGE;
}

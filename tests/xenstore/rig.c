// SPDX-License-Identifier: MIT
/*
 * The rig: the daemon runs as a process of its own with the machine of files below it, and can be killed, started
 * again and measured. Who talks to it is in peer.c.
 */
#include "rig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

unsigned passed, failed;
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

const char *rig_path(const char *name)
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
    if (mkfifo(rig_path("events"), 0600) || setenv("XENSTORED_SIM", run_dir, 1))
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

bool rig_is_dead(int timeout_ms)
{
    for (; timeout_ms >= 0; timeout_ms -= 5) {
        if (waitpid(daemon_pid, NULL, WNOHANG) == daemon_pid)
            return true;
        usleep(5000);
    }
    return false;
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
    int fd = open(rig_path("log"), O_RDONLY);
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
    f = fopen(rig_path("domains.new"), "w");
    for (unsigned i = 0; f && i < 32768; i++)
        if (life[i].is)
            fprintf(f, "%u %u %u %u\n", i, life[i].dying, life[i].shutdown, life[i].handle);
    if (!f || fclose(f) || rename(rig_path("domains.new"), rig_path("domains")))
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
    unlink(rig_path(page));
    unlink(rig_path(bell));
    fd = open(rig_path(page), O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, 4096) || mkfifo(rig_path(bell), 0600))
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
    int fd = open(rig_path("events"), O_RDWR);
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

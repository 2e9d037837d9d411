/* SPDX-License-Identifier: MIT */
/*
 * Log files of consoles: NAME.log, and older ones NAME.log.1 and so on. A file is opened for each write: hundreds of
 * quiet guests hold nothing open, and a file that was moved away by hand is no trouble. At most (count + 1) files of
 * the given size are there for a name, however much a guest prints.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"

#define PATH_SIZE (WIRT_NAME_MAX + 24)

static void rotate(int dir, const char *name)
{
    char from[PATH_SIZE], to[PATH_SIZE];

    for (uint32_t i = daemon_state.options.log_count; i > 0; i--) {
        snprintf(to, sizeof(to), "%s.log.%u", name, i);
        snprintf(from, sizeof(from), i > 1 ? "%s.log.%u" : "%s.log", name, i - 1);
        renameat(dir, from, dir, to);
    }
    if (!daemon_state.options.log_count) {
        snprintf(to, sizeof(to), "%s.log", name);
        unlinkat(dir, to, 0);
    }
}

static int open_log(int dir, const char *name, struct stat *status)
{
    char path[PATH_SIZE];
    int fd;

    snprintf(path, sizeof(path), "%s.log", name);
    fd = openat(dir, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (fd < 0)
        return -1;
    if (fstat(fd, status) == 0 && S_ISREG(status->st_mode))
        return fd;
    close(fd);
    errno = EINVAL;
    return -1;
}

bool logfile_write(const char *name, const char *bytes, size_t count)
{
    int dir = daemon_state.log_dir, fd;
    struct stat status;
    ssize_t n;

    if (dir < 0)
        return true;
    fd = open_log(dir, name, &status);
    if (fd >= 0 && status.st_size >= (off_t)daemon_state.options.log_bytes) {
        close(fd);
        rotate(dir, name);
        fd = open_log(dir, name, &status);
    }
    if (fd < 0)
        return false;
    n = write(fd, bytes, count);
    close(fd);
    if (n >= 0 && n < (ssize_t)count)
        errno = ENOSPC;
    return n == (ssize_t)count;
}

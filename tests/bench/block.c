/* SPDX-License-Identifier: MIT */
/*
 * The only program of the guest that block.sh starts: reads and writes its disk, past the cache and one request at a
 * time, each operation between two calls of mark(), so that the plugin where.c can count what is executed for it and
 * by whom. Says the names in their order and how often each was done, leaves the kernel's list of functions on the
 * disk from SYMBOLS_AT on and switches the guest off. Static, and linked where no other program is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DISK         "/dev/xvda"
#define MODULE       "/xen-blkfront.ko"
#define BIGGEST      65536
#define UNCOUNTED    20
#define SYMBOLS_AT   (16l << 20)
#define SYMBOLS_ROOM (8l << 20)

static const struct {
    const char *name;
    size_t size;
    unsigned times;
    int is_write;
} op[] = {{"read-4k", 4096, 200, 0}, {"read-64k", BIGGEST, 200, 0}, {"write-4k", 4096, 200, 1}};

static _Alignas(4096) char data[BIGGEST], symbols[SYMBOLS_ROOM];

__attribute__((noinline)) void mark(void);
void mark(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Tells what failed, and why, and ends the guest. */
static void fail(const char *step, const char *object)
{
    printf("BLOCK FAILED: %s %s: %s\n", step, object, strerror(errno));
    fflush(stdout);
    reboot(RB_POWER_OFF);
    exit(1);
}

/* A kernel without modules has none in its initramfs. */
static void load_front_end(void)
{
    int fd = open(MODULE, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return;
    if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
        fail("loading", MODULE);
    close(fd);
}

static int open_disk(void)
{
    for (unsigned tries = 0; tries < 600; tries++) {
        int fd = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        usleep(50000);
    }
    fail("opening", DISK);
    return -1;
}

static void run(int fd, unsigned i, unsigned times)
{
    for (unsigned n = 0; n < times; n++) {
        off_t at = (off_t)(n * op[i].size);
        ssize_t done = op[i].is_write ? pwrite(fd, data, op[i].size, at) : pread(fd, data, op[i].size, at);
        if (done != (ssize_t)op[i].size)
            fail(op[i].name, DISK);
    }
}

static size_t used; /* of symbols */

static void add_symbol(const char *line)
{
    size_t size = strlen(line);
    if (used + size > SYMBOLS_ROOM)
        fail("keeping symbols of", "/proc/kallsyms"); /* SYMBOLS_ROOM is too little */
    memcpy(symbols + used, line, size);
    used += size;
}

/* The kernel's functions and those of its modules, and where the modules end; the rest of the last block is zeros. */
static void leave_symbols(int fd)
{
    char line[512], type;
    unsigned long size, base;
    FILE *f = fopen("/proc/kallsyms", "r"), *modules = fopen("/proc/modules", "r");
    if (!f)
        fail("opening", "/proc/kallsyms");
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%*s %c", &type) == 1 && strchr("tTwW", type))
            add_symbol(line);
    fclose(f);
    while (modules && fgets(line, sizeof(line), modules))
        if (sscanf(line, "%*s %lu %*s %*s %*s 0x%lx", &size, &base) == 2) {
            snprintf(line, sizeof(line), "%016lx t end_of_module\n", base + size);
            add_symbol(line);
        }
    for (size_t at = 0; at < used; at += 4096)
        if (pwrite(fd, symbols + at, 4096, SYMBOLS_AT + (off_t)at) != 4096)
            fail("writing symbols to", DISK);
    fsync(fd);
    printf("BLOCK SYMBOLS %zu %ld\n", (used + 4095) / 4096, SYMBOLS_AT / 4096);
}

int main(void)
{
    mkdir("/proc", 0755);
    mkdir("/dev", 0755);
    if (mount("proc", "/proc", "proc", 0, NULL))
        fail("mounting", "/proc");
    if (mount("dev", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY)
        fail("mounting", "/dev");
    load_front_end();
    int fd = open_disk();
    memset(data, 1, sizeof(data)); /* no page of it is touched first while it is counted */
    for (unsigned i = 0; i < sizeof(op) / sizeof(op[0]); i++) {
        run(fd, i, UNCOUNTED); /* what is done once is not counted */
        mark();
        run(fd, i, op[i].times);
        mark();
        printf("BLOCK %u %s %u\n", i, op[i].name, op[i].times);
        fflush(stdout);
    }
    leave_symbols(fd);
    close(fd);
    printf("BLOCK DONE\n");
    fflush(stdout);
    return reboot(RB_POWER_OFF);
}

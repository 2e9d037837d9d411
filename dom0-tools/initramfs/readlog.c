/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's log as dom0 reads it, by sysctl readconsole through /dev/xen/privcmd: all that it holds, on standard
 * output. With KEYS, the hypervisor's console keys are pressed then (sysctl debug_keys), and what that added follows,
 * each line behind "new: ". The numbers are the public ABI's. Buffers are locked: a hypercall takes no page fault.
 * usage: readlog [KEYS]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define SYSCTL_CALL    35
#define SYSCTL_VERSION 0x15
#define READ_CONSOLE   1
#define DEBUG_KEYS     7
#define LOG_SIZE       (1u << 20)

struct hypercall {
    uint64_t number, arg[5];
};
#define IOCTL_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct hypercall))

static struct sysctl {
    uint32_t cmd, version;
    union {
        struct {
            uint8_t clear, incremental, pad[2];
            uint32_t index;
            uint64_t buffer;
            uint32_t count;
        } read;
        struct {
            uint64_t keys;
            uint32_t count;
        } press;
        uint8_t size[128];
    };
} op;

static char text[LOG_SIZE + 1];
static int privcmd;

static int call(uint32_t cmd)
{
    struct hypercall h = {.number = SYSCTL_CALL, .arg = {(uint64_t)(uintptr_t)&op}};

    op.cmd = cmd;
    op.version = SYSCTL_VERSION;
    return ioctl(privcmd, IOCTL_HYPERCALL, &h);
}

/* Leaves the log from *index on in text, and in *index where to go on. */
static int read_log(uint32_t *index, int is_incremental)
{
    memset(&op, 0, sizeof(op));
    op.read.incremental = (uint8_t)is_incremental;
    op.read.index = *index;
    op.read.buffer = (uint64_t)(uintptr_t)text;
    op.read.count = LOG_SIZE;
    if (call(READ_CONSOLE) < 0)
        return -1;
    *index = op.read.index;
    text[op.read.count < LOG_SIZE ? op.read.count : LOG_SIZE] = 0;
    return 0;
}

static int press(char *keys)
{
    memset(&op, 0, sizeof(op));
    op.press.keys = (uint64_t)(uintptr_t)keys;
    op.press.count = (uint32_t)strlen(keys);
    return call(DEBUG_KEYS);
}

static int fail(const char *what)
{
    fprintf(stderr, "readlog: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    uint32_t index = 0;

    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (privcmd < 0)
        return fail("/dev/xen/privcmd");
    if (mlockall(MCL_CURRENT))
        return fail("mlockall");
    if (read_log(&index, 0))
        return fail("readconsole");
    fputs(text, stdout);
    if (argc < 2)
        return 0;
    if (press(argv[1]))
        return fail("debug_keys");
    if (read_log(&index, 1))
        return fail("readconsole, incremental");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        printf("new: %s\n", line);
    return 0;
}

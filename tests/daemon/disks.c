/* SPDX-License-Identifier: MIT */
/*
 * Sources of disks, with real files, links and loop devices: what is refused before anything changes, who has a file
 * already, however it is called, and that a loop device goes with its last user. xenstore is a table here, as there is
 * no hypervisor; loop devices need root, and without them that part is left out with a word.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "check.h"
#include "device.h"
#include "disk.h"
#include "internal.h"
#include "nic.h"
#include "source.h"

unsigned int check_passed, check_failed;

/* ---- xenstore: "path" = "value" ---- */
static struct {
    char path[128], value[128];
} keys[64];
static unsigned int key_count;

static void set(const char *path, const char *format, ...)
{
    va_list args;

    snprintf(keys[key_count].path, sizeof(keys[0].path), "%s", path);
    va_start(args, format);
    vsnprintf(keys[key_count++].value, sizeof(keys[0].value), format, args);
    va_end(args);
}

char *wirt_store_read(struct wirt *w, const char *format, ...)
{
    char path[256];
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    for (unsigned int i = 0; i < key_count; i++)
        if (!strcmp(keys[i].path, path))
            return strdup(keys[i].value);
    wirt_fail(w, WIRT_NOT_FOUND, path, "read a key", "", "there is no such key in xenstore");
    return NULL;
}
int wirt_store_write(struct wirt *w, const char *path, const char *format, ...)
{
    abort(); /* nothing here may change anything */
}
int wirt_store_remove(struct wirt *w, const char *path)
{
    abort();
}
/* Names of the entries below a path, once each, in one block. */
char **__wrap_ask_list(struct wirt *w, uint32_t t, const char *path, unsigned int *count);
char **__wrap_ask_list(struct wirt *w, uint32_t t, const char *path, unsigned int *count)
{
    char **list = calloc(1, 64 * sizeof(*list) + 64 * 32), *text = (char *)(list + 64);
    size_t length = strlen(path);

    *count = 0;
    for (unsigned int i = 0; i < key_count; i++) {
        char name[32];
        unsigned int k = 0;

        if (strncmp(keys[i].path, path, length) || keys[i].path[length] != '/')
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(keys[i].path + length + 1, "/"), keys[i].path + length + 1);
        while (k < *count && strcmp(list[k], name))
            k++;
        if (k == *count)
            list[(*count)++] = strcpy(text + k * 32, name);
    }
    if (*count)
        return list;
    free(list);
    errno = ENOENT;
    return NULL;
}
/* The kernel's driver is not here. */
int __wrap_device_backend_check(struct wirt *w, const char *kind, const char *object);
int __wrap_device_backend_check(struct wirt *w, const char *kind, const char *object)
{
    return 0;
}
/* Bound as the kernel's backend would have it. */
static void has_disk(unsigned int domid, const char *name, unsigned int number, const char *target, dev_t device,
                     const char *mode)
{
    char path[128];

    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    set(path, "%s", name);
    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/%u/physical-device", domid, number);
    set(path, "%x:%x", major(device), minor(device));
    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/%u/mode", domid, number);
    set(path, "%s", mode);
    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/%u/dev", domid, number);
    set(path, "%s", target);
}

static struct wirt *w;

/* What disk_check says of one disk; the words must be in the message. */
static bool says(const struct wirt_disk *disk, enum wirt_code code, const char *words)
{
    struct wirt_disk copy = *disk;
    struct wirt_config c = {.name = "web", .disk_count = 1, .disk = &copy};
    char text[1000];
    int got = disk_check(w, &c);

    if (got == (int)code && (!code || strstr(wirt_error_text(w, text, sizeof(text)), words)))
        return true;
    printf("%s: %d, %s\n", disk->source, got, got ? wirt_error_text(w, text, sizeof(text)) : "accepted");
    return false;
}

static struct wirt_disk file_disk(const char *source)
{
    return (struct wirt_disk){.source = (char *)source, .kind = WIRT_DISK_FILE, .target = (char *)"xvda"};
}

static void make_file(const char *path, off_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0 && ftruncate(fd, size) == 0);
    close(fd);
}

static void test_refused(void)
{
    struct wirt_disk d = file_disk("a.img");

    CHECK(says(&d, WIRT_REFUSED, "no absolute path"));
    d = file_disk("/tmp/is/not/there");
    CHECK(says(&d, WIRT_NOT_FOUND, "is not there"));
    d = file_disk("/tmp");
    CHECK(says(&d, WIRT_REFUSED, "a directory"));
    d = file_disk("/dev/null");
    CHECK(says(&d, WIRT_REFUSED, "a character device"));
    d = file_disk("small.img");
    d.source = realpath("small.img", NULL);
    CHECK(says(&d, WIRT_REFUSED, "less than one sector"));
    free(d.source);
    d.source = realpath("a.img", NULL);
    CHECK(says(&d, WIRT_OK, ""));
    d.kind = WIRT_DISK_BLOCK;
    CHECK(says(&d, WIRT_REFUSED, "not a block device"));
    d.kind = WIRT_DISK_FILE;
    d.target = (char *)"vda";
    CHECK(says(&d, WIRT_REFUSED, "no disk's name"));
    d.target = NULL;
    CHECK(says(&d, WIRT_REFUSED, "no disk's name"));
    free(d.source);
}

static void test_pairs(void)
{
    char *a = realpath("a.img", NULL), *link = malloc(4096);
    struct wirt_disk disks[2] = {file_disk(a), file_disk(a)};
    struct wirt_config c = {.name = "web", .disk_count = 2, .disk = disks};

    CHECK(disk_check(w, &c) == WIRT_EXISTS && strstr(w->error.cause, "xvda twice"));
    disks[1].target = (char *)"xvdb";
    CHECK(disk_check(w, &c) == WIRT_EXISTS && strstr(w->error.cause, "twice, as xvda and as xvdb"));
    CHECK(getcwd(link, 4000) && strcat(link, "/link.img"));
    disks[1].source = link;
    CHECK(disk_check(w, &c) == WIRT_EXISTS);
    disks[0].is_readonly = disks[1].is_readonly = true;
    CHECK(disk_check(w, &c) == 0);
    disks[0].is_readonly = false;
    CHECK(disk_check(w, &c) == WIRT_EXISTS);
    disks[0].is_shareable = disks[1].is_shareable = true;
    disks[1].is_readonly = false;
    CHECK(disk_check(w, &c) == 0);
    free(a);
    free(link);
}

static bool is_bound(dev_t device)
{
    char path[32];
    struct loop_info64 info;
    int fd, result;

    snprintf(path, sizeof(path), "/dev/loop%u", minor(device));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    result = fd >= 0 ? ioctl(fd, LOOP_GET_STATUS64, &info) : -1;
    if (fd >= 0)
        close(fd);
    return result == 0;
}

/* A file that a domain has: refused to others by every name it has, and free once it is gone. */
static void test_loop(void)
{
    char *a = realpath("a.img", NULL), device_path[32];
    struct wirt_disk disk = file_disk(a), link = file_disk(a), block;
    struct source source;
    dev_t device;
    int fd;

    CHECK(source_open(w, "disk", &disk, &source) == 0 && source.is_file);
    if (source_loop(w, "disk xvda of db", &source, false, &fd, &device)) {
        printf("disks: no loop devices here, their part is left out: %s\n", w->error.cause);
        close(source.fd);
        free(a);
        return;
    }
    close(source.fd);
    CHECK(is_bound(device));
    has_disk(2, "db", 51712, "xvda", device, "w");
    CHECK(says(&disk, WIRT_EXISTS, "domain db (2) has it read-write as xvda"));
    link.source = malloc(4096);
    CHECK(getcwd(link.source, 4000) && strcat(link.source, "/link.img"));
    CHECK(says(&link, WIRT_EXISTS, "domain db (2)"));
    strcpy(strrchr(link.source, '/'), "/hard.img");
    CHECK(says(&link, WIRT_EXISTS, "domain db (2)"));
    link.is_readonly = true;
    CHECK(says(&link, WIRT_EXISTS, "domain db (2)"));
    /* The loop device itself as a block device. */
    snprintf(device_path, sizeof(device_path), "/dev/loop%u", minor(device));
    block = (struct wirt_disk){.source = device_path, .kind = WIRT_DISK_BLOCK, .target = (char *)"xvdb"};
    CHECK(says(&block, WIRT_EXISTS, "domain db (2)"));
    key_count = 0;
    has_disk(2, "db", 51712, "xvda", device, "r");
    CHECK(says(&link, WIRT_OK, ""));
    CHECK(says(&disk, WIRT_EXISTS, "read-only"));
    key_count = 0;
    /* Ours without a domain: on its way out, in nobody's way. */
    CHECK(says(&disk, WIRT_OK, ""));
    close(fd);
    for (int i = 0; i < 200 && is_bound(device); i++)
        usleep(10000);
    CHECK(!is_bound(device));
    free(link.source);
    free(a);
}

/* A file that dom0 itself has on a loop device. */
static void test_own_loop(void)
{
    char *a = realpath("a.img", NULL), path[32];
    struct wirt_disk disk = file_disk(a);
    int control = open("/dev/loop-control", O_RDWR), file = open(a, O_RDWR), loop = -1, n;

    n = control >= 0 ? ioctl(control, LOOP_CTL_GET_FREE) : -1;
    snprintf(path, sizeof(path), "/dev/loop%d", n);
    loop = n >= 0 ? open(path, O_RDWR) : -1;
    if (loop >= 0 && ioctl(loop, LOOP_SET_FD, file) == 0) {
        CHECK(says(&disk, WIRT_EXISTS, path));
        disk.is_readonly = true;
        CHECK(says(&disk, WIRT_OK, ""));
        disk = (struct wirt_disk){.source = path, .kind = WIRT_DISK_BLOCK, .target = (char *)"xvda"};
        CHECK(says(&disk, WIRT_OK, ""));
        CHECK(ioctl(loop, LOOP_CLR_FD, 0) == 0);
        close(loop);
        loop = -1;
        disk.kind = WIRT_DISK_BLOCK;
        CHECK(says(&disk, WIRT_REFUSED, "is empty, or has no medium"));
    }
    close(file);
    if (loop >= 0)
        close(loop);
    if (control >= 0)
        close(control);
    free(a);
}

/* No loop device is left by any of a thousand attempts that fail after it was made. */
static void test_leaks(void)
{
    char *a = realpath("a.img", NULL);
    struct wirt_disk disk = file_disk(a);
    dev_t device = 0;

    for (int i = 0; i < 200; i++) {
        struct source source;
        int fd;

        CHECK(source_open(w, "disk", &disk, &source) == 0);
        if (source_loop(w, "disk xvda of db", &source, i % 2, &fd, &device)) {
            close(source.fd);
            break;
        }
        close(source.fd);
        close(fd);
    }
    for (int i = 0; i < 200 && device && is_bound(device); i++)
        usleep(10000);
    CHECK(!device || !is_bound(device));
    free(a);
}

static void test_nics(void)
{
    struct wirt_nic nics[2] = {{.has_mac = true, .mac = {0, 0x16, 0x3e, 0, 0, 1}},
                               {.has_mac = true, .mac = {0, 0x16, 0x3e, 0, 0, 2}}};
    struct wirt_config c = {.name = "web", .nic_count = 2, .nic = nics};

    key_count = 0;
    CHECK(nic_check(w, &c) == 0);
    nics[1].mac[5] = 1;
    CHECK(nic_check(w, &c) == WIRT_EXISTS && strstr(w->error.cause, "00:16:3e:00:00:01 twice"));
    nics[1].mac[5] = 2;
    set("/local/domain/5/name", "db");
    set("/local/domain/0/backend/vif/5/0/mac", "00:16:3E:00:00:02");
    CHECK(nic_check(w, &c) == WIRT_EXISTS && strstr(w->error.cause, "domain db (5) has it on its network card 0"));
    nics[1].mac[0] = 1;
    CHECK(nic_check(w, &c) == WIRT_REFUSED && strstr(w->error.cause, "multicast"));
    nics[1].has_mac = false;
    CHECK(nic_check(w, &c) == 0);
    nics[1].bridge = (char *)"nowhere0";
    CHECK(nic_check(w, &c) == WIRT_NOT_FOUND && strstr(w->error.cause, "no bridge nowhere0"));
    nics[1].bridge = (char *)"lo";
    CHECK(nic_check(w, &c) == WIRT_REFUSED && strstr(w->error.cause, "lo is no bridge"));
    nics[1].bridge = (char *)"../../../etc";
    CHECK(nic_check(w, &c) == WIRT_REFUSED);
    nics[1].bridge = NULL;
    nics[1].ifname = (char *)"lo";
    CHECK(nic_check(w, &c) == WIRT_EXISTS);
    nics[1].ifname = (char *)"a-name-that-is-too-long";
    CHECK(nic_check(w, &c) == WIRT_REFUSED);
}

int main(void)
{
    char path[] = "/tmp/wirt-disks.XXXXXX", command[64];

    w = wirt_open();
    CHECK(mkdtemp(path) && chdir(path) == 0);
    make_file("a.img", 1 << 20);
    make_file("small.img", 100);
    CHECK(symlink("a.img", "link.img") == 0 && link("a.img", "hard.img") == 0);
    test_refused();
    test_pairs();
    test_loop();
    test_own_loop();
    test_leaks();
    test_nics();
    wirt_close(w);
    snprintf(command, sizeof(command), "rm -rf %s", path);
    CHECK(system(command) == 0);
    return check_end("disks");
}

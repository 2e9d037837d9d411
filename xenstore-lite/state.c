// SPDX-License-Identifier: MIT
/*
 * The state on disk: base.N, everything as it was at one moment, and log.N, what came since, as records that are
 * whole or not there (length and checksum). A record holds all that one pass of the loop did; it is written before
 * anything of it is told to anybody, so whoever got an answer finds its effect after any death of the daemon.
 * When the log has outgrown the base a new base is written, a slice at a time: its tree is a snapshot that costs one
 * reference, and records go to log.N+1 from its first moment on. Until base.N+1 is whole, base.N and both logs count.
 */
#include "state.h"
#include "crc.h"
#include "log.h"
#include "mem.h"
#include "replay.h"
#include "store.h"
#include "wire.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION     1u
#define SLICE_NODES 500
#define LOG_SLACK   (4u << 20)   /* a log may always be this long */
#define CLOCK_JUMP  (1ull << 32) /* more than a log holds changes: generations of another life never come again */

struct record_header {
    uint32_t length, crc;
};
struct entry_header {
    uint8_t type;
    uint32_t a;
    uint64_t b;
    uint32_t xlen, ylen;
} __attribute__((packed));
struct buffer {
    char *data;
    size_t used, size;
};

static int dir_fd = -1, log_fd = -1;
static uint64_t number; /* of the log written to */
static off_t log_end;
static size_t base_size;
static struct buffer record;
static bool is_logging, is_replaying, is_stalled;
static uint64_t records_written, bases_written;

/* The base in the making. */
static struct {
    int fd;
    struct node *root;
    struct buffer buffer;
    off_t end;
    char path[WIRE_PATH_SIZE];
} base = {.fd = -1};

static void append(struct buffer *b, const void *data, size_t length)
{
    if (b->used + length > b->size) {
        b->size = (b->used + length) * 2;
        b->data = mem_grow(b->data, b->size);
    }
    if (length)
        memcpy(b->data + b->used, data, length);
    b->used += length;
}

static void append_entry(struct buffer *b, const struct state_entry *e)
{
    struct entry_header h = {(uint8_t)e->type, e->a, e->b, (uint32_t)e->xlen, (uint32_t)e->ylen};

    if (!b->used)
        append(b, &(struct record_header){0}, sizeof(struct record_header));
    append(b, &h, sizeof(h));
    append(b, e->x, e->xlen);
    append(b, e->y, e->ylen);
}

void state_put(const struct state_entry *e)
{
    if (is_logging)
        append_entry(&record, e);
}

bool state_is_replaying(void)
{
    return is_replaying;
}

/* Writes the buffer as one record at *end. Nothing has happened if it fails: the next try writes over it. */
static bool write_record(int fd, struct buffer *b, off_t *end)
{
    struct record_header h = {(uint32_t)(b->used - sizeof(h)), 0};
    size_t done = 0;

    h.crc = crc_of(b->data + sizeof(h), h.length);
    memcpy(b->data, &h, sizeof(h));
    while (done < b->used) {
        ssize_t n = pwrite(fd, b->data + done, b->used - done, *end + (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    *end += (off_t)b->used;
    b->used = 0;
    if (b->size > 1u << 20) {
        mem_free(b->data);
        *b = (struct buffer){0};
    }
    return true;
}

bool state_commit(void)
{
    if (!record.used)
        return true;
    if (write_record(log_fd, &record, &log_end)) {
        records_written++;
        if (is_stalled)
            log_line("the log can be written again: going on");
        is_stalled = false;
        return true;
    }
    if (!is_stalled)
        log_line("log.%llu in the state directory cannot be written: %s; all answers wait until it can (is /run full?)",
                 (unsigned long long)number, strerror(errno));
    is_stalled = true;
    return false;
}

static void boot_id(char out[64])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, 63) : 0;

    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = 0;
    out[strcspn(out, "\n")] = 0;
}

static int open_file(const char *kind, uint64_t n, int flags)
{
    char name[64];

    snprintf(name, sizeof(name), "%s%llu", kind, (unsigned long long)n);
    return openat(dir_fd, name, flags | O_CLOEXEC, 0600);
}

static void remove_file(const char *kind, uint64_t n)
{
    char name[64];

    snprintf(name, sizeof(name), "%s%llu", kind, (unsigned long long)n);
    unlinkat(dir_fd, name, 0);
}

static bool base_flush(size_t above)
{
    if (base.buffer.used <= above)
        return true;
    return write_record(base.fd, &base.buffer, &base.end);
}

static void base_put(const struct state_entry *e)
{
    append_entry(&base.buffer, e);
}

static void base_put_node(const struct node *n, const char *path)
{
    static char text[16384 + XENSTORE_PAYLOAD_MAX];
    size_t perms = perm_encode(n->perms, text, 16384), value = n->value ? n->value->len : 0;

    if (value)
        memcpy(text + perms, n->value->data, value);
    base_put(&(struct state_entry){STATE_NODE, 0, perms, path, text, strlen(path), perms + value});
}

static void base_abandon(void)
{
    log_line("a new base of the state cannot be written: %s; going on with the old one", strerror(errno));
    close(base.fd);
    base.fd = -1;
    base.buffer.used = 0;
    tree_put(base.root);
    remove_file("new.", number);
    base_size = (size_t)log_end + LOG_SLACK; /* not again at once */
}

/* From here on records go to the next log. Nothing may wait in the record. */
static bool base_begin(void)
{
    int new_log = open_file("log.", number + 1, O_RDWR | O_CREAT | O_TRUNC);
    int fd = open_file("new.", number + 1, O_RDWR | O_CREAT | O_TRUNC);
    char id[64];

    if (new_log < 0 || fd < 0) {
        if (new_log >= 0)
            close(new_log);
        if (fd >= 0)
            close(fd);
        base_size = (size_t)log_end + LOG_SLACK;
        return false;
    }
    if (log_fd >= 0)
        close(log_fd);
    log_fd = new_log;
    log_end = 0;
    number++;
    base.fd = fd;
    base.end = 0;
    base.root = tree_get(store_root);
    strcpy(base.path, "/");
    boot_id(id);
    base_put(&(struct state_entry){STATE_HEAD, VERSION, tree_clock, id, NULL, strlen(id), 0});
    replay_dump(base_put);
    base_put_node(base.root, "/");
    return true;
}

static void remove_older(void)
{
    DIR *d = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *e;

    while (d && (e = readdir(d))) {
        uint64_t n;

        if ((!strncmp(e->d_name, "log.", 4) && wire_number(e->d_name + 4, UINT64_MAX, &n) && n < number) ||
            (!strncmp(e->d_name, "base.", 5) && wire_number(e->d_name + 5, UINT64_MAX, &n) && n < number) ||
            (!strncmp(e->d_name, "new.", 4) && wire_number(e->d_name + 4, UINT64_MAX, &n) && n < number))
            unlinkat(dir_fd, e->d_name, 0);
    }
    if (d)
        closedir(d);
}

static bool base_finish(void)
{
    char from[64], to[64];

    base_put(&(struct state_entry){STATE_END});
    snprintf(from, sizeof(from), "new.%llu", (unsigned long long)number);
    snprintf(to, sizeof(to), "base.%llu", (unsigned long long)number);
    if (!base_flush(0) || renameat(dir_fd, from, dir_fd, to))
        return false;
    close(base.fd);
    base.fd = -1;
    base_size = (size_t)base.end;
    tree_put(base.root);
    bases_written++;
    remove_older();
    return true;
}

bool state_work(void)
{
    if (is_stalled || record.used)
        return false;
    if (base.fd < 0) {
        if ((size_t)log_end < base_size + LOG_SLACK || !base_begin())
            return false;
    }
    for (int i = 0; i < SLICE_NODES; i++) {
        struct node *n = tree_next(base.root, base.path);

        if (!n) {
            if (!base_finish())
                base_abandon();
            return false;
        }
        base_put_node(n, base.path);
        if (!base_flush(65536)) {
            base_abandon();
            return false;
        }
    }
    return true;
}

bool state_start(void)
{
    is_replaying = false;
    if (!base_begin())
        return false;
    is_logging = true;
    while (state_work())
        ;
    if (!bases_written)
        log_line("the state directory cannot be written: %s", strerror(errno));
    return bases_written;
}

/* One record's entries. False: an entry that cannot be; *why says which. */
static bool replay_record(const char *p, size_t length, bool *is_end, char *why)
{
    while (length) {
        struct entry_header h;
        struct state_entry e;
        char *x, *y;
        bool is_good;

        if (length < sizeof(h))
            return false;
        memcpy(&h, p, sizeof(h));
        if ((uint64_t)h.xlen + h.ylen > length - sizeof(h))
            return false;
        x = mem_alloc(h.xlen + 1u);
        y = mem_alloc(h.ylen + 1u);
        memcpy(x, p + sizeof(h), h.xlen);
        memcpy(y, p + sizeof(h) + h.xlen, h.ylen);
        e = (struct state_entry){(enum state_type)h.type, h.a, h.b, x, y, h.xlen, h.ylen};
        if (e.type == STATE_HEAD)
            is_good = true; /* looked at when the base was chosen */
        else if (e.type == STATE_END)
            is_good = *is_end = true;
        else
            is_good = replay_apply(&e);
        if (!is_good)
            snprintf(why, 200, "entry of type %u about %u, \"%.100s\"", h.type, h.a, x);
        mem_free(x);
        mem_free(y);
        if (!is_good)
            return false;
        p += sizeof(h) + h.xlen + h.ylen;
        length -= sizeof(h) + h.xlen + h.ylen;
    }
    return true;
}

/* All records of a file. A last one that is torn is left out if may_tear: nobody was told of it. */
static bool replay_file(const char *kind, uint64_t n, bool may_tear)
{
    int fd = open_file(kind, n, O_RDONLY);
    struct stat st;
    char *data, why[200] = "";
    size_t at = 0, size;
    bool is_end = false, is_good = true;

    if (fd < 0 || fstat(fd, &st)) {
        log_line("%s%llu cannot be opened: %s", kind, (unsigned long long)n, strerror(errno));
        return false;
    }
    size = (size_t)st.st_size;
    data = mem_alloc(size + 1);
    if (read(fd, data, size) != (ssize_t)size)
        size = 0;
    close(fd);
    while (is_good && at < size) {
        struct record_header h;

        is_good = size - at >= sizeof(h);
        if (is_good)
            memcpy(&h, data + at, sizeof(h));
        if (!is_good || h.length > size - at - sizeof(h) || crc_of(data + at + sizeof(h), h.length) != h.crc) {
            is_good = may_tear;
            if (is_good)
                log_line("%s%llu ends in a torn record of %zu bytes, which nobody was told of: left out", kind,
                         (unsigned long long)n, size - at);
            break;
        }
        is_good = replay_record(data + at + sizeof(h), h.length, &is_end, why);
        at += sizeof(h) + h.length;
    }
    mem_free(data);
    if (!strcmp(kind, "base."))
        is_good = is_good && is_end;
    if (!is_good)
        log_line("%s%llu is damaged at byte %zu %s: start with --fresh to give up the state", kind,
                 (unsigned long long)n, at, why);
    return is_good;
}

/* What the first record of a base says. -1: unreadable, 0: another boot's, 1: ours. */
static int head_check(uint64_t n)
{
    int fd = open_file("base.", n, O_RDONLY);
    char data[256], id[64];
    struct entry_header h;
    ssize_t length = fd >= 0 ? read(fd, data, sizeof(data) - 1) : -1;
    const char *x = data + sizeof(struct record_header) + sizeof(h);

    if (fd >= 0)
        close(fd);
    if (length < (ssize_t)(sizeof(struct record_header) + sizeof(h)))
        return -1;
    memcpy(&h, data + sizeof(struct record_header), sizeof(h));
    if (h.type != STATE_HEAD || h.xlen > 64 || h.xlen > (size_t)(data + length - x))
        return -1;
    boot_id(id);
    if (strlen(id) != h.xlen || memcmp(id, x, h.xlen))
        return 0;
    if (h.a > VERSION) {
        log_line("the state was written by a newer xenstored (format %u, this one knows %u): start that one, or this "
                 "with --fresh",
                 h.a, VERSION);
        return -1;
    }
    tree_clock = h.b + CLOCK_JUMP;
    return 1;
}

/* The highest number of each kind of file. A folder that cannot be read now is not one without a state. */
static bool find_newest(uint64_t best[3])
{
    static const char *const kinds[] = {"base.", "log.", "new."};
    DIR *d = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *e;
    bool is_whole;
    uint64_t n;

    while (d && (errno = 0, e = readdir(d)))
        for (int k = 0; k < 3; k++) {
            if (strstr(e->d_name, kinds[k]) == e->d_name && wire_number(e->d_name + strlen(kinds[k]), UINT64_MAX, &n) &&
                n > best[k])
                best[k] = n;
            number = best[k] > number ? best[k] : number;
        }
    is_whole = d && !errno;
    if (d)
        closedir(d);
    return is_whole;
}

/* A start that died before it had its base leaves an empty log behind the torn one. */
static bool is_empty_after(uint64_t i, uint64_t last)
{
    struct stat st;
    char name[64];

    while (++i <= last) {
        snprintf(name, sizeof(name), "log.%llu", (unsigned long long)i);
        if (fstatat(dir_fd, name, &st, 0) || st.st_size)
            return false;
    }
    return true;
}

bool state_open(const char *dir, bool is_fresh, bool *was_replayed)
{
    uint64_t best[3] = {0}, n, last;
    int head;

    *was_replayed = false;
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0 || !find_newest(best)) {
        log_line("the state directory %s cannot be read: %s", dir, strerror(errno));
        return false;
    }
    n = best[0], last = best[1];
    is_replaying = true;
    head = n && !is_fresh ? head_check(n) : 0;
    if (head < 0) {
        log_line("base.%llu in %s cannot be used: start with --fresh to give up the state", (unsigned long long)n, dir);
        return false;
    }
    if (!head) {
        if (n)
            log_line("the state in %s is given up: %s", dir, is_fresh ? "--fresh" : "it is of an earlier boot");
        return true;
    }
    if (!replay_file("base.", n, false))
        return false;
    for (uint64_t i = n; i <= last; i++)
        if (!replay_file("log.", i, is_empty_after(i, last)))
            return false;
    replay_finish();
    *was_replayed = true;
    return true;
}

void state_report(char *out, size_t size)
{
    snprintf(out, size, "log: number %llu, %llu bytes, %llu records; base: %zu bytes, %llu written\n",
             (unsigned long long)number, (unsigned long long)log_end, (unsigned long long)records_written, base_size,
             (unsigned long long)bases_written);
}

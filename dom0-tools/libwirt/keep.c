/* SPDX-License-Identifier: MIT */
/*
 * The ring file of keep.h. What stands in a file that was found is checked before it is believed: a file that is no
 * ring of ours is replaced by an empty one when it is opened for writing, and refused when it is opened for reading.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keep.h"

#define HEAD     sizeof(struct keep_head)
#define SLACK    4096u /* bytes in front of the oldest that may be half overwritten when the writer is killed */
#define SMALLEST (2 * SLACK)
#define LARGEST  (16u << 20)

bool keep_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    return length >= 1 && length <= 63 && name[0] != '.' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-") == length;
}

static bool is_sound(const struct keep_head *head)
{
    return !memcmp(head->magic, KEEP_MAGIC, sizeof(head->magic)) && head->capacity >= SMALLEST &&
           head->capacity <= LARGEST && head->logged <= head->total;
}

int keep_open(struct keep *keep, int dir_fd, const char *name, uint32_t capacity)
{
    int error, flags = capacity ? O_RDWR | O_CREAT : O_RDONLY;

    keep->fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (keep->fd < 0)
        return errno;
    if (pread(keep->fd, &keep->head, HEAD, 0) == HEAD && is_sound(&keep->head))
        return 0;
    if (!capacity) {
        close(keep->fd);
        keep->fd = -1;
        return EBADF;
    }
    memset(&keep->head, 0, HEAD);
    memcpy(keep->head.magic, KEEP_MAGIC, sizeof(keep->head.magic));
    keep->head.capacity = capacity;
    keep->head.domid = KEEP_NO_DOMAIN;
    error = ftruncate(keep->fd, 0) ? errno : keep_save(keep);
    if (error)
        keep_close(keep);
    return error;
}

void keep_close(struct keep *keep)
{
    if (keep->fd >= 0)
        close(keep->fd);
    keep->fd = -1;
}

uint64_t keep_first(const struct keep *keep)
{
    uint64_t room = keep->head.capacity - SLACK;

    return keep->head.total > room ? keep->head.total - room : 0;
}

int keep_save(struct keep *keep)
{
    ssize_t n = pwrite(keep->fd, &keep->head, HEAD, 0);

    return n == HEAD ? 0 : n < 0 ? errno : ENOSPC;
}

int keep_append(struct keep *keep, const void *bytes, size_t count, uint32_t cons)
{
    struct keep_head before = keep->head;
    const char *from = bytes;
    int error;

    if (count > SLACK)
        return E2BIG;
    for (size_t done = 0; done < count;) {
        uint64_t at = (keep->head.total + done) % keep->head.capacity;
        size_t part = count - done;
        ssize_t n;

        if (part > keep->head.capacity - at)
            part = (size_t)(keep->head.capacity - at);
        n = pwrite(keep->fd, from + done, part, (off_t)(HEAD + at));
        if (n <= 0)
            return n < 0 ? errno : ENOSPC;
        done += (size_t)n;
    }
    keep->head.total += count;
    keep->head.cons = cons;
    error = keep_save(keep);
    if (error)
        keep->head = before;
    return error;
}

size_t keep_read(const struct keep *keep, uint64_t from, void *bytes, size_t count)
{
    size_t done = 0;

    if (from < keep_first(keep) || from >= keep->head.total)
        return 0;
    if (count > keep->head.total - from)
        count = (size_t)(keep->head.total - from);
    while (done < count) {
        uint64_t at = (from + done) % keep->head.capacity;
        size_t part = count - done;
        ssize_t n;

        if (part > keep->head.capacity - at)
            part = (size_t)(keep->head.capacity - at);
        n = pread(keep->fd, (char *)bytes + done, part, (off_t)(HEAD + at));
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

/* SPDX-License-Identifier: MIT */
/*
 * The kept output of one domain: a file in a file system in memory (/run/wirt/console/NAME), a header and then a ring
 * of the last bytes. The file is the only copy, so it outlives whoever writes it; it takes up memory as it fills. Bytes
 * are counted from the first that the name ever printed; byte n stands at n % capacity. The data is written before the
 * header that counts it: whoever is killed in between has written nothing.
 */
#ifndef WIRT_KEEP_H
#define WIRT_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEEP_MAGIC     "wirtkee1"
#define KEEP_NO_DOMAIN 0xffffffffu

struct keep_head {
    char magic[8];
    uint32_t capacity;
    uint32_t domid; /* who prints; KEEP_NO_DOMAIN: the last one has ended */
    uint32_t cons;  /* the guest's ring is taken up to here; together with total, so that no byte counts twice */
    uint32_t pad;
    uint64_t total;  /* bytes that came in */
    uint64_t logged; /* of them, bytes that are in the log file too */
    int64_t ended;   /* when the domain ended, seconds since 1970 */
    uint64_t spare;
};
_Static_assert(sizeof(struct keep_head) == 56, "the header of a kept console");

struct keep {
    int fd;
    struct keep_head head;
};

/* A name that can be a file here: 1 to 63 of [A-Za-z0-9._+-], not beginning with a dot. */
bool keep_name_is_valid(const char *name);
/* Opens the file; capacity > 0: for writing, made anew if it is not there or is no such file. 0 or an errno. */
int keep_open(struct keep *keep, int dir_fd, const char *name, uint32_t capacity);
void keep_close(struct keep *keep);
/* The first byte that is still there. */
uint64_t keep_first(const struct keep *keep);
/* Appends up to 4096 bytes, and notes with it how far the guest's ring is taken. 0 or an errno: nothing was appended.
 */
int keep_append(struct keep *keep, const void *bytes, size_t count, uint32_t cons);
/* Writes the header as it stands in memory. 0 or an errno. */
int keep_save(struct keep *keep);
/* Up to count bytes from `from` (not before keep_first) on; how many were read. */
size_t keep_read(const struct keep *keep, uint64_t from, void *bytes, size_t count);

#endif

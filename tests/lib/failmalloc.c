/* SPDX-License-Identifier: MIT */
/*
 * For LD_PRELOAD: of a program's allocations the one with the number FAIL_AT gives nothing, those of its libraries
 * count as well. When it has happened, the file FAIL_MARK is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static unsigned long count;

static int is_the_one(void)
{
    static unsigned long wanted = ~0ul;
    const char *mark;
    int fd;

    if (wanted == ~0ul) {
        const char *text = getenv("FAIL_AT");

        wanted = text ? strtoul(text, NULL, 10) : 0;
    }
    if (!wanted || __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) != wanted)
        return 0;
    mark = getenv("FAIL_MARK");
    fd = mark ? open(mark, O_WRONLY | O_CREAT, 0600) : -1;
    if (fd >= 0)
        close(fd);
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return is_the_one() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return is_the_one() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return is_the_one() ? NULL : __libc_realloc(p, size);
}

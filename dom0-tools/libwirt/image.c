/* SPDX-License-Identifier: MIT */
/*
 * How a kernel comes into a guest's memory. A plain ELF is read from its file into the guest's pages, segment by
 * segment. A packed one is unpacked in one piece into an address range that is as long as the unpacked file; where a
 * page of that range is a page of a segment, it is the guest's own page, and the rest are pages of the guest below the
 * kernel, which are free: so nothing is copied and no second copy of the kernel exists. Pages are mapped piece by piece
 * as the decoder gets to them, which those that stay zero never are, in a process of its own, whose end unmaps all of
 * them at once: what munmap clears one by one is a trap to the hypervisor for each. When segments do not lie that way,
 * the range is ordinary memory, and they are copied. A guest's fresh pages are zero; that is the hypervisor's
 * promise, and what lies between filesz and memsz is left as it is. The ELF parser is the one that starts dom0.
 */
#include "image.h"

#include "boot/elf.h"
#include "elf32.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAD_BYTES      PAGE_SIZE /* program headers lie at byte 64 */
#define FILE_SIZE_MAX   UNPACK_SIZE_MAX
#define NARROW          "it is a 32-bit kernel, which runs as a PVH guest only (machine='xenpvh')"
#define PIECE           64u /* pages mapped at a time */
#define pages_of(bytes) (((bytes) + PAGE_SIZE - 1) >> PAGE_SHIFT)

static int refuse(struct wirt *w, const struct image *image, const char *step, const char *why)
{
    if (strstr(why, "guest's memory"))
        return wirt_fail(w, WIRT_REFUSED, image->object, step, "give the guest more memory", "%s", why);
    if (image->is_pvh)
        return wirt_fail(w, WIRT_REFUSED, image->object, step, "give a 64-bit kernel with CONFIG_PVH", "%s", why);
    return wirt_fail(w, WIRT_REFUSED, image->object, step, "give a kernel for a Xen PV guest", "%s", why);
}

static void take_facts(struct image *image)
{
    const struct elf_image *e = image->elf;

    image->low = e->low;
    image->high = e->high;
    image->virt_base = e->virt_base;
    image->entry = image->is_pvh ? e->phys32_entry : e->entry;
    image->init_p2m = e->init_p2m;
    image->hypercall_page = e->hypercall_page;
    image->is_initrd_mapped = !e->mod_start_pfn;
}

static const char *check(const struct image *image)
{
    if (!image->is_pvh)
        return elf_check_pv(image->elf);
    return image->elf->phys32_entry == ELF_UNSET ? "it has no PVH entry (ELF note PHYS32_ENTRY)" : NULL;
}

/* Room for `size` bytes of a file, with a page before it for the headers that those of 32 bits get. */
static void *room_make(size_t size)
{
    uint8_t *at =
        mmap(NULL, PAGE_SIZE + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return at == MAP_FAILED ? NULL : at + PAGE_SIZE;
}

static void room_drop(const uint8_t *file, size_t size)
{
    if (file)
        munmap((void *)(file - PAGE_SIZE), PAGE_SIZE + size);
}

/* What the headers of a file in such room say; offsets are those of the file, whatever its width. */
static const char *parse(struct image *image, uint8_t *file, size_t size, uint64_t memory_bytes)
{
    const char *wrong;

    if (!elf32_is(file, size))
        return elf_parse(image->elf, file, size, memory_bytes);
    if (!image->is_pvh)
        return NARROW;
    wrong = elf32_widen(file - PAGE_SIZE, file, size);
    if (!wrong)
        wrong = elf_parse(image->elf, file - PAGE_SIZE, PAGE_SIZE + size, memory_bytes);
    for (uint32_t i = 0; !wrong && i < image->elf->segment_count; i++)
        image->elf->segment[i].offset -= PAGE_SIZE;
    return wrong;
}

static int map_file(struct wirt *w, struct image *image)
{
    struct stat s;
    void *at = MAP_FAILED;

    image->fd = open(image->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (image->fd < 0)
        return fail_errno(w, errno == ENOENT ? WIRT_NOT_FOUND : WIRT_FAILED, image->object, "open the kernel", "",
                          "it cannot be opened");
    if (fstat(image->fd, &s) || !S_ISREG(s.st_mode))
        return refuse(w, image, "open the kernel", "it is no file");
    if (s.st_size < 64 || (size_t)s.st_size > FILE_SIZE_MAX)
        return wirt_fail(w, WIRT_REFUSED, image->object, "open the kernel", "", "a file of %ld bytes is no kernel",
                         (long)s.st_size);
    image->file_size = (size_t)s.st_size;
    image->file = room_make(image->file_size);
    if (image->file)
        at = mmap(image->file, image->file_size, PROT_READ, MAP_SHARED | MAP_FIXED, image->fd, 0);
    return at == MAP_FAILED ? fail_errno(w, WIRT_FAILED, image->object, "open the kernel", "", "it cannot be mapped")
                            : 0;
}

/* The headers of a packed kernel, at the start of the range that all of it will be unpacked to. */
static int open_packed(struct wirt *w, struct image *image, uint64_t memory_bytes)
{
    const char *wrong = unpack_find(&image->packed, image->file, image->file_size);

    if (wrong)
        return refuse(w, image, "look at the kernel", wrong);
    image->flat = room_make(image->packed.image_size);
    if (!image->flat)
        return fail_errno(w, WIRT_NO_ROOM, image->object, "unpack the kernel", "", "no address space");
    wrong = unpack_image(&image->packed, image->flat, HEAD_BYTES);
    if (!wrong)
        wrong = parse(image, image->flat, image->packed.image_size, memory_bytes);
    return wrong ? refuse(w, image, "unpack the kernel's headers", wrong) : 0;
}

static int open_plain(struct wirt *w, struct image *image, uint64_t memory_bytes)
{
    const char *wrong = parse(image, image->file, image->file_size, memory_bytes);

    if (!wrong)
        wrong = check(image);
    return wrong ? refuse(w, image, "look at the kernel", wrong) : 0;
}

int image_open(struct wirt *w, const char *path, uint64_t memory_bytes, struct image *image)
{
    int code;

    *image = (struct image){.is_pvh = image->is_pvh};
    image->path = path;
    image->fd = -1;
    snprintf(image->object, sizeof(image->object), "kernel %s", path);
    image->elf = calloc(1, sizeof(*image->elf));
    if (!image->elf)
        return wirt_fail(w, WIRT_NO_ROOM, image->object, "open the kernel", "", "dom0 is out of memory");
    code = map_file(w, image);
    if (!code)
        code = memcmp(image->file, "\177ELF", 4) == 0 ? open_plain(w, image, memory_bytes)
                                                      : open_packed(w, image, memory_bytes);
    if (code)
        image_close(image);
    else
        take_facts(image);
    return code;
}

void image_close(struct image *image)
{
    room_drop(image->flat, image->packed.image_size);
    room_drop(image->file, image->file_size);
    if (image->fd >= 0)
        close(image->fd);
    free(image->elf);
    memset(image, 0, sizeof(*image));
    image->fd = -1;
}

static int no_map(struct wirt *w, const struct image *image, const int *errors, uint64_t count)
{
    for (uint64_t i = 0; errors && i < count; i++)
        if (errors[i])
            errno = -errors[i];
    return fail_errno(w, WIRT_FAILED, image->object, "map the guest's memory for the kernel", "see wirt dmesg",
                      "%lu pages cannot be mapped", (unsigned long)count);
}

/* Which machine frame stands behind each page of the unpacked file. false: segments do not lie so that it works. */
static bool plan_window(const struct image *image, const struct image_memory *to, uint64_t *frame, uint64_t count)
{
    uint64_t spare = 0, spare_end = image->elf->low >> PAGE_SHIFT;

    for (uint32_t i = 0; i < image->elf->segment_count; i++) {
        const struct elf_segment *s = &image->elf->segment[i];
        uint64_t page = s->offset >> PAGE_SHIFT, end = pages_of(s->offset + s->filesz);

        if (s->filesz && (s->offset % PAGE_SIZE || s->paddr % PAGE_SIZE))
            return false;
        for (uint64_t n = s->paddr >> PAGE_SHIFT; page < end; page++, n++) {
            if (frame[page])
                return false;
            frame[page] = to->frame[n];
        }
    }
    for (uint64_t i = 0; i < count; i++) {
        if (frame[i])
            continue;
        if (spare == spare_end)
            return false;
        frame[i] = to->frame[spare++];
    }
    return true;
}

/* The range that a packed kernel is unpacked to, and what stands behind its pages once they are written to. */
struct window {
    struct wirt *w;
    struct image *image;
    uint32_t domid;
    uint64_t count, *frame;
    bool is_direct;
    int code;
};

/* Puts the guest's pages behind a piece of the range: what is asked for, and some of what is likely to follow. */
static uint8_t *open_pages(void *arg, uint8_t *at, uint8_t *end)
{
    struct window *v = arg;
    uint64_t first = (uint64_t)(at - v->image->flat) >> PAGE_SHIFT, last = pages_of((uint64_t)(end - v->image->flat));
    uint64_t count = last - first > PIECE ? last - first : min((uint64_t)PIECE, v->count - first);
    int *errors = calloc(count, sizeof(*errors));
    uint8_t *wanted = v->image->flat + first * PAGE_SIZE, *got = NULL;

    if (errors)
        got = xenforeignmemory_map2(v->w->memory, v->domid, wanted, PROT_READ | PROT_WRITE, MAP_FIXED, count,
                                    v->frame + first, errors);
    for (uint64_t i = 0; i < count && got == wanted; i++)
        got = errors[i] ? NULL : wanted;
    if (got != wanted)
        v->code = no_map(v->w, v->image, errors, errors ? count : 0);
    free(errors);
    return got == wanted ? wanted + count * PAGE_SIZE : NULL;
}

/* Bytes of the file to the guest-physical address paddr: from memory, or read from the file itself. */
static int put_segment(struct wirt *w, const struct image *image, const struct image_memory *to,
                       const struct elf_segment *s)
{
    uint64_t first = s->paddr >> PAGE_SHIFT, count = pages_of(s->paddr + s->filesz) - first, done = 0;
    int *errors = calloc(count, sizeof(*errors));
    uint8_t *at, *start;
    int code = 0;

    at = errors ? xenforeignmemory_map(w->memory, to->domid, PROT_READ | PROT_WRITE, count, to->frame + first, errors)
                : NULL;
    for (uint64_t i = 0; at && i < count; i++)
        code |= errors[i];
    if (!at || code)
        code = no_map(w, image, errors, errors ? count : 0);
    start = at + (s->paddr & (PAGE_SIZE - 1));
    if (!code && image->flat)
        memcpy(start, image->flat + s->offset, s->filesz);
    while (!code && !image->flat && done < s->filesz) {
        ssize_t n = pread(image->fd, start + done, s->filesz - done, (off_t)(s->offset + done));

        if (n > 0)
            done += (uint64_t)n;
        else if (n == 0 || errno != EINTR)
            code = fail_errno(w, WIRT_FAILED, image->object, "read the kernel", "", "%lu bytes at %lu cannot be read",
                              (unsigned long)s->filesz, (unsigned long)s->offset);
    }
    if (at)
        xenforeignmemory_unmap(w->memory, at, count);
    free(errors);
    return code;
}

/* The last page of a segment holds more of the file behind it where zeroes belong. */
static void clear_tails(const struct image *image)
{
    for (uint32_t i = 0; i < image->elf->segment_count; i++) {
        const struct elf_segment *s = &image->elf->segment[i];
        uint64_t end = s->offset + s->filesz, room = pages_of(end) * PAGE_SIZE - end;

        memset(image->flat + end, 0, min(room, s->memsz - s->filesz));
    }
}

static int unpack_all(struct wirt *w, struct image *image, const struct image_memory *to, const struct window *v)
{
    struct elf_image *headers = malloc(sizeof(*headers));
    const char *wrong;
    int code = 0;

    if (!headers)
        return wirt_fail(w, WIRT_NO_ROOM, image->object, "unpack the kernel", "", "dom0 is out of memory");
    *headers = *image->elf;
    wrong = unpack_image(&image->packed, image->flat, image->packed.image_size);
    if (!wrong)
        wrong = parse(image, image->flat, image->packed.image_size, to->pages << PAGE_SHIFT);
    if (!wrong)
        wrong = check(image);
    if (!wrong && v->is_direct && memcmp(headers->segment, image->elf->segment, sizeof(headers->segment)) != 0)
        wrong = "it is linked for physical addresses of its own (ELF_PADDR_OFFSET); unpack it first";
    if (wrong)
        code = v->code ? v->code : refuse(w, image, "unpack the kernel", wrong);
    free(headers);
    return code;
}

/* What the process that unpacks leaves behind, in memory that both have. */
struct report {
    bool is_done;
    int code;
    struct wirt_error error;
    struct elf_image elf;
};

static __attribute__((noreturn)) void unpack_and_end(struct wirt *w, struct image *image, const struct image_memory *to,
                                                     const struct window *v, pid_t parent, struct report *r)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent) /* nobody is to hold a domain's pages on his own */
        _exit(1);
    r->code = unpack_all(w, image, to, v);
    if (!r->code)
        clear_tails(image);
    r->error = error_keep(w);
    r->elf = *image->elf;
    r->is_done = true;
    _exit(0);
}

static int unpack_apart(struct wirt *w, struct image *image, const struct image_memory *to, const struct window *v)
{
    struct report *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t self = getpid(), child = r == MAP_FAILED ? -1 : fork();
    int code;

    if (child == 0)
        unpack_and_end(w, image, to, v, self, r);
    code = child < 0 ? fail_errno(w, WIRT_NO_ROOM, image->object, "unpack the kernel", "", "no process to do it") : 0;
    while (!code && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    if (!code && !r->is_done)
        code = wirt_fail(w, WIRT_FAILED, image->object, "unpack the kernel", "see dmesg", "its process was killed");
    if (!code && (code = r->code) != 0)
        error_restore(w, &r->error);
    if (!code)
        *image->elf = r->elf;
    if (r != MAP_FAILED)
        munmap(r, sizeof(*r));
    return code;
}

/* Into the guest's pages where segments lie so that it works (*is_direct), otherwise into ordinary memory. */
static int load_packed(struct wirt *w, struct image *image, const struct image_memory *to, bool *is_direct)
{
    struct window v = {w, image, to->domid, pages_of(image->packed.image_size), NULL, false, 0};
    int code;

    v.frame = calloc(v.count, sizeof(*v.frame));
    if (!v.frame)
        return wirt_fail(w, WIRT_NO_ROOM, image->object, "unpack the kernel", "", "dom0 is out of memory");
    v.is_direct = *is_direct = plan_window(image, to, v.frame, v.count);
    if (v.is_direct)
        image->packed.memory = (struct lz4_memory){.open = open_pages, .arg = &v};
    code = v.is_direct ? unpack_apart(w, image, to, &v) : unpack_all(w, image, to, &v);
    image->packed.memory = (struct lz4_memory){0};
    free(v.frame);
    return code;
}

int image_load(struct wirt *w, struct image *image, const struct image_memory *to)
{
    bool is_direct = false;
    int code = need_memory(w);

    if (!code && image->packed.decode)
        code = load_packed(w, image, to, &is_direct);
    if (!code && image->packed.decode)
        take_facts(image);
    for (uint32_t i = 0; i < image->elf->segment_count && !code && !is_direct; i++)
        if (image->elf->segment[i].filesz)
            code = put_segment(w, image, to, &image->elf->segment[i]);
    room_drop(image->flat, image->packed.image_size); /* no page of the guest stays mapped */
    image->flat = NULL;
    return code;
}

/* SPDX-License-Identifier: MIT */
/*
 * Domains that are defined: a folder of configurations, a file each, named after the domain, and beside them the folder
 * autostart with links to those that start with the machine. A file is written under a name that nobody reads, made
 * durable, and renamed: whoever looks sees the old one or the new one, whole. A name has no slash and no dot in front,
 * so it cannot lead out of the folder.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "internal.h"

static const char *folder(void)
{
    const char *other = getenv("WIRT_DEFINE_DIR");

    return other && other[0] ? other : WIRT_DEFINE_DIR;
}

static void path_of(char path[PATH_MAX], const char *before, const char *name, const char *after)
{
    snprintf(path, PATH_MAX, "%s/%s%s%s", folder(), before, name, after);
}

static int check_name(struct wirt *w, const char *name, const char *step)
{
    char object[160], path[PATH_MAX];

    snprintf(object, sizeof(object), "domain %.64s", name);
    if (!config_name_is_valid(name))
        return wirt_fail(w, WIRT_USAGE, object, step, "", "this is no name: %s", config_value_fault("@name", name));
    path_of(path, "", name, ".xml");
    if (access(path, F_OK) && errno == ENOENT)
        return wirt_fail(w, WIRT_NOT_FOUND, object, step, "wirt list --all shows those that are", "it is not defined");
    return 0;
}

/* The folder and all above it. */
static int make_folder(struct wirt *w, const char *path)
{
    char part[PATH_MAX];

    snprintf(part, sizeof(part), "%s/", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(part, 0755) && errno != EEXIST)
            return fail_errno(w, WIRT_FAILED, part, "make the folder of definitions", "", "it cannot be made");
        *slash = '/';
    }
    return 0;
}

static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), code;

    if (fd < 0)
        return -1;
    code = fsync(fd);
    close(fd);
    return code;
}

/* Name and UUID belong together: neither may be another definition's. */
static int check_is_free(struct wirt *w, const struct wirt_config *c)
{
    char **names = NULL, object[160];
    size_t count = 0;
    int code = wirt_defined_list(w, &names, &count);

    snprintf(object, sizeof(object), "domain %s", c->name);
    for (size_t i = 0; i < count && !code; i++) {
        struct wirt_config *other = NULL;
        bool is_same_name = !strcmp(names[i], c->name);

        if (wirt_defined(w, names[i], &other) == WIRT_NO_ROOM)
            code = WIRT_NO_ROOM;
        if (!other)
            continue; /* a file that somebody spoilt may be replaced */
        if (is_same_name != !memcmp(other->uuid, c->uuid, sizeof(c->uuid)))
            code = wirt_fail(w, WIRT_EXISTS, object, "define", is_same_name ? "wirt undefine it first" : "",
                             is_same_name ? "a domain of this name with another UUID is defined"
                                          : "its UUID is that of %s, which is defined",
                             other->name);
        wirt_config_free(other);
    }
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return code;
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644), code = 0;
    size_t length = strlen(text), done = 0;

    if (fd < 0)
        return -1;
    while (done < length && !code) {
        ssize_t now = write(fd, text + done, length - done);

        if (now < 0)
            code = -1;
        else
            done += (size_t)now;
    }
    code = code || fsync(fd) ? -1 : 0;
    return close(fd) || code ? -1 : 0;
}

int wirt_define(struct wirt *w, const struct wirt_config *c)
{
    char path[PATH_MAX], fresh[PATH_MAX], *xml = NULL;
    int code = config_name_is_valid(c->name) ? 0
                                             : wirt_fail(w, WIRT_USAGE, "domain", "define", "", "this is no name: %s",
                                                         config_value_fault("@name", c->name));

    code = code ? code : make_folder(w, folder());
    code = code ? code : check_is_free(w, c);
    code = code ? code : wirt_config_write(w, c, -1, &xml);
    if (code)
        return code;
    path_of(path, "", c->name, ".xml");
    path_of(fresh, ".", c->name, ".new");
    if (write_file(fresh, xml) || rename(fresh, path) || sync_folder(folder())) {
        code = fail_errno(w, WIRT_FAILED, path, "define", "", "it cannot be written");
        unlink(fresh);
    }
    free(xml);
    return code;
}

int wirt_undefine(struct wirt *w, const char *name)
{
    char path[PATH_MAX], link[PATH_MAX];
    int code = check_name(w, name, "undefine");

    if (code)
        return code;
    path_of(path, "", name, ".xml");
    path_of(link, "autostart/", name, ".xml");
    if ((unlink(link) && errno != ENOENT) || unlink(path))
        return fail_errno(w, WIRT_FAILED, path, "undefine", "", "it cannot be removed");
    sync_folder(folder());
    return 0;
}

int wirt_defined(struct wirt *w, const char *name, struct wirt_config **out)
{
    char path[PATH_MAX], object[160];
    int code = check_name(w, name, "find the definition");

    *out = NULL;
    if (code)
        return code;
    path_of(path, "", name, ".xml");
    code = wirt_config_read_file(w, path, out);
    if (code || !strcmp((*out)->name, name))
        return code;
    snprintf(object, sizeof(object), "domain %s", name);
    code = wirt_fail(w, WIRT_REFUSED, object, "find the definition", "define it anew",
                     "%s.xml is named after it, but holds the domain %s", name, (*out)->name);
    wirt_config_free(*out);
    *out = NULL;
    return code;
}

/* NAME.xml, with a name that a domain can have; cuts the ending off. */
static bool is_definition(char *name)
{
    size_t length = strlen(name);

    if (length < 5 || strcmp(name + length - 4, ".xml"))
        return false;
    name[length - 4] = 0;
    return config_name_is_valid(name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int wirt_defined_list(struct wirt *w, char ***names, size_t *count)
{
    DIR *dir = opendir(folder());
    char **all = NULL;
    bool is_short = false;
    size_t used = 0;

    *names = NULL;
    *count = 0;
    if (!dir && errno == ENOENT)
        return 0;
    if (!dir)
        return fail_errno(w, WIRT_FAILED, folder(), "list the definitions", "", "it cannot be opened");
    for (struct dirent *entry = readdir(dir); entry && !is_short; entry = readdir(dir)) {
        char **more;

        if (!is_definition(entry->d_name))
            continue;
        more = reallocarray(all, used + 1, sizeof(*all));
        all = more ? more : all;
        is_short = !more || !(all[used] = strdup(entry->d_name));
        used += !is_short;
    }
    closedir(dir);
    if (used)
        qsort(all, used, sizeof(*all), by_name);
    if (is_short) {
        while (used)
            free(all[--used]);
        free(all);
        return wirt_fail(w, WIRT_NO_ROOM, folder(), "list the definitions", "", "memory ran out");
    }
    *names = all;
    *count = used;
    return 0;
}

bool wirt_is_autostart(const char *name)
{
    char link[PATH_MAX];

    path_of(link, "autostart/", name, ".xml");
    return config_name_is_valid(name) && !access(link, F_OK);
}

int wirt_autostart(struct wirt *w, const char *name, bool is_on)
{
    char dir[PATH_MAX], link[PATH_MAX], fresh[PATH_MAX], target[PATH_MAX];
    int code = check_name(w, name, "set autostart");

    if (code)
        return code;
    path_of(dir, "autostart", "", "");
    path_of(link, "autostart/", name, ".xml");
    if (!is_on) {
        if (unlink(link) && errno != ENOENT)
            return fail_errno(w, WIRT_FAILED, link, "set autostart", "", "it cannot be removed");
        return 0;
    }
    code = make_folder(w, dir);
    if (code)
        return code;
    path_of(fresh, "autostart/.", name, ".new");
    snprintf(target, sizeof(target), "../%s.xml", name);
    unlink(fresh);
    if (symlink(target, fresh) || rename(fresh, link) || sync_folder(dir))
        return fail_errno(w, WIRT_FAILED, link, "set autostart", "", "it cannot be made");
    return 0;
}

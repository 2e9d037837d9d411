/* SPDX-License-Identifier: MIT */
/* How failures are put into words. */
#include "test.h"

#include <errno.h>
#include <string.h>

void test_error(void)
{
    struct wirt *w = fake_handle();
    char text[900], tiny[16], path[400];
    struct wirt_error kept;
    int code;

    code = wirt_fail(w, WIRT_NO_ROOM, "domain web (3)", "claim memory", "see wirt list", "%d MiB missing", 40);
    check(code == WIRT_NO_ROOM && wirt_error(w)->code == WIRT_NO_ROOM, "code %d", code);
    wirt_error_text(w, text, sizeof(text));
    check(!strcmp(text, "domain web (3): claim memory: 40 MiB missing (see wirt list)"), "%s", text);
    wirt_error_text(w, tiny, sizeof(tiny));
    check(!strcmp(tiny, "domain web (3):"), "%s", tiny);
    kept = error_keep(w);
    errno = ENOENT;
    code = fail_errno(w, WIRT_FAILED, "a", "b", "", "c %d", 1);
    check(code == WIRT_FAILED && errno == ENOENT, "errno %d", errno);
    check(!strcmp(wirt_error_text(w, text, sizeof(text)), "a: b: c 1: No such file or directory"), "%s", text);
    check(error_restore(w, &kept) == WIRT_NO_ROOM && !strcmp(w->error.object, "domain web (3)"), "%s", w->error.object);
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = 0;
    wirt_fail(w, WIRT_FAILED, path, "open", NULL, "%s", path);
    check(strlen(w->error.object) == sizeof(w->error.object) - 1, "%zu", strlen(w->error.object));
    check(!strcmp(w->error.object + sizeof(w->error.object) - 5, "x..."), "%s", w->error.object);
    wirt_fail(w, WIRT_FAILED, "a\033[2Jb\n", "s", "", "%s", "\a");
    check(!strcmp(w->error.object, "a?[2Jb?") && !strcmp(w->error.cause, "?"), "%s %s", w->error.object,
          w->error.cause);
    code = hyper_fail(w, -ESRCH, "domain 7", "pause it", "");
    check(code == WIRT_NOT_FOUND && strstr(w->error.cause, "no such domain"), "%d %s", code, w->error.cause);
    code = hyper_fail(w, -EACCES, "domain 7", "pause it", "at %d", 3);
    check(code == WIRT_NO_HOST && strstr(w->error.cause, "at 3: the hypervisor speaks another version"), "%d %s", code,
          w->error.cause);
    code = hyper_fail(w, -EXDEV, "domain 7", "pause it", "");
    check(code == WIRT_FAILED && !strstr(w->error.cause, "18"), "%d %s", code, w->error.cause);
}

/* SPDX-License-Identifier: MIT */
/* The child's output goes into a pipe that is looked at between keys; its last line is the outcome. */
#include "action.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "/proc/self/exe"

static void run(const char *const *command)
{
    const char *words[10] = {"wirt"};

    for (size_t i = 0; i < 8 && command[i]; i++)
        words[i + 1] = command[i];
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    execv(PROGRAM, (char *const *)(uintptr_t)words);
    fprintf(stderr, "wirt %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

bool action_start(struct action *a, const char *const *command, const char *name)
{
    int ends[2];

    if (a->child || pipe2(ends, O_CLOEXEC))
        return false;
    *a = (struct action){.output = ends[0]};
    snprintf(a->verb, sizeof(a->verb), "%s", command[0]);
    snprintf(a->name, sizeof(a->name), "%s", name);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    a->child = fork();
    if (a->child == 0) {
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        setsid(); /* keys of this terminal are not for it */
        run(command);
    }
    close(ends[1]);
    if (a->child < 0) {
        close(ends[0]);
        a->child = 0;
        return false;
    }
    return true;
}

static void take_output(struct action *a)
{
    char piece[256];
    ssize_t n;

    while ((n = read(a->output, piece, sizeof(piece))) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (piece[i] == '\n' || a->length == sizeof(a->said) - 1) {
                a->length = 0;
                continue;
            }
            a->said[a->length++] = piece[i];
            a->said[a->length] = 0;
        }
}

bool action_poll(struct action *a, bool *is_bad, char *outcome, size_t size)
{
    int status;

    if (!a->child)
        return false;
    take_output(a);
    if (waitpid(a->child, &status, WNOHANG) != a->child)
        return false;
    take_output(a);
    close(a->output);
    a->child = 0;
    *is_bad = !WIFEXITED(status) || WEXITSTATUS(status);
    for (char *c = a->said; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = ' ';
    if (a->said[0])
        snprintf(outcome, size, "%s", a->said);
    else
        snprintf(outcome, size, "%s %s: %s", a->verb, a->name, *is_bad ? "it failed, and said nothing" : "done");
    return true;
}

int action_wait(const char *const *command)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        run(command);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child < 0 || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

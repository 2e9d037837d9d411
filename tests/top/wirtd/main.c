/* SPDX-License-Identifier: MIT */
/*
 * A wirtd that has one guest, which says what it was asked for and then what is typed: it speaks the protocol of
 * docs/guide/consoles.md over the socket that it is given, one connection after the other.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void serve(int fd)
{
    char request[200] = "", text[300], c;
    size_t length = 0;

    while (read(fd, &c, 1) == 1 && c != '\n')
        if (length + 1 < sizeof(request))
            request[length++] = c;
    snprintf(text, sizeof(text), "{\"ok\":true}\n\033[2J\033[1mguest\033[0m\r\nyou asked: %s\r\n", request);
    if (write(fd, text, strlen(text)) < 0)
        return;
    while (read(fd, &c, 1) == 1) {
        snprintf(text, sizeof(text), c == '\r' ? "\r\n" : c < ' ' ? "^%c" : "%c", c < ' ' && c != '\r' ? c + '@' : c);
        if (write(fd, text, strlen(text)) < 0)
            return;
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listens = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

    if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
        return 2;
    signal(SIGPIPE, SIG_IGN); /* one may have gone that was asked for meanwhile */
    strcpy(address.sun_path, argv[1]);
    unlink(argv[1]);
    if (bind(listens, (struct sockaddr *)&address, sizeof(address)) || listen(listens, 4)) {
        perror(argv[1]);
        return 1;
    }
    while ((fd = accept(listens, NULL, NULL)) >= 0) {
        serve(fd);
        close(fd);
    }
    return 1;
}

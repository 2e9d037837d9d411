/* SPDX-License-Identifier: MIT */
/*
 * A scraper's manners against the server of metrics: the head of a request in all its forms and as noise, the formats
 * that it accepts, the addresses that may be listened on; then over sockets the statuses, those who say nothing, those
 * who do not read, and those who go in the middle. None of it holds up another.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "internal.h"
#include "metrics.h"
#include "scrape.h"

static const struct {
    const char *head;
    int status;
    enum http_format format;
} cases[] = {
    {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\n\n", 200, HTTP_TEXT},
    {"GET /metrics?x=y HTTP/1.1\r\nhost:x\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nb\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nB\x01: c\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\nB : c\r\n\r\n", 400, HTTP_TEXT},
    {"GET  /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/1.1 \r\nHost: a\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics\r\n\r\n", 400, HTTP_TEXT},
    {"\r\n\r\n", 400, HTTP_TEXT},
    {"G\x80T /metrics HTTP/1.0\r\n\r\n", 400, HTTP_TEXT},
    {"GET /metrics HTTP/2.0\r\n\r\n", 505, HTTP_TEXT},
    {"POST /metrics HTTP/1.0\r\n\r\n", 405, HTTP_TEXT},
    {"GET / HTTP/1.0\r\n\r\n", 404, HTTP_TEXT},
    {"GET /metrics/ HTTP/1.0\r\n\r\n", 404, HTTP_TEXT},
    {"GET /../metrics HTTP/1.0\r\n\r\n", 404, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text\r\n\r\n", 200, HTTP_OPENMETRICS},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
     "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\r\n",
     200, HTTP_OPENMETRICS},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text;version=0.0.1, text/plain;q=0.5\r\n\r\n", 200,
     HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text;q=0.4,text/*;q=0.5\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text;q=0\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text;q=2\r\n\r\n", 200, HTTP_TEXT},
    {"GET /metrics HTTP/1.0\r\nAccept: APPLICATION/OpenMetrics-Text ; Version=1.0.0 ; Q=0.001\r\n\r\n", 200,
     HTTP_OPENMETRICS},
    {"GET /metrics HTTP/1.0\r\nAccept: ,;=,;q=,\r\n\r\n", 200, HTTP_TEXT},
};

void test_parse(void)
{
    struct http_request request;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t size = strlen(cases[i].head);
        char *exact = memcpy(malloc(size), cases[i].head, size); /* nothing behind it may be looked at */
        int status = http_head(exact, size) == size ? http_parse(exact, size, &request) : -1;

        if (status != cases[i].status || (status == 200 && request.format != cases[i].format))
            printf("%s -> %d\n", cases[i].head, status);
        CHECK(status == cases[i].status && (status != 200 || request.format == cases[i].format));
        for (size_t part = 0; part < size; part++)
            CHECK(http_head(exact, part) == 0 || cases[i].status == 400);
        free(exact);
    }
}

/* Anything: nobody reads beyond it. */
void test_noise(void)
{
    struct http_request request;

    for (int i = 0; i < 100000; i++) {
        static const char letters[] = "GET /metricsHTTP/1.1\r\n\r\n:;,=q0.5Accept Host\t\x80";
        char bytes[64], *exact;
        size_t size = (size_t)rand() % sizeof(bytes), n;

        for (size_t k = 0; k < size; k++)
            bytes[k] = rand() % 8 ? letters[(size_t)rand() % sizeof(letters)] : (char)rand();
        exact = memcpy(malloc(size + 1), bytes, size);
        n = http_head(exact, size);
        CHECK(n <= size);
        if (n)
            http_parse(exact, n, &request);
        free(exact);
    }
}

static int connect_to(const char *tcp)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(9177), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);

    snprintf(path.sun_path, sizeof(path.sun_path), "%s/metrics.sock", dir);
    for (int i = 0; i < 500; i++) {
        if (connect(fd, tcp ? (struct sockaddr *)&in : (struct sockaddr *)&path, tcp ? sizeof(in) : sizeof(path)) == 0)
            return fd;
        usleep(10000);
    }
    return -1;
}

/* All of an answer; its status. */
static int ask_on(int fd, const char *request, size_t *bytes)
{
    static char got[4 << 20];
    int status = 0;

    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        CHECK(errno == EPIPE || errno == ECONNRESET);
    *bytes = read_some(fd, got, sizeof(got) - 1, 10000);
    got[*bytes] = 0;
    close(fd);
    sscanf(got, "HTTP/1.1 %d ", &status);
    free(text);
    text = strdup(got);
    return status;
}
static int ask(const char *request)
{
    size_t bytes;

    return ask_on(connect_to(NULL), request, &bytes);
}

#define GET "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

void test_server(void)
{
    char big[6000], path[64];
    int fd[20], refused = 0, status = 0;
    size_t bytes;
    struct stat mode;
    int64_t start;

    snprintf(path, sizeof(path), "%s/metrics.sock", dir);
    CHECK(ask(GET) == 200 && strstr(text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    CHECK(stat(path, &mode) == 0 && (mode.st_mode & 0777) == 0600);
    CHECK(strstr(text, "\r\n\r\n# TYPE wirt_build_info gauge\n"));
    CHECK(ask("HEAD /metrics HTTP/1.0\r\n\r\n") == 200 && !strcmp(text + strlen(text) - 4, "\r\n\r\n"));
    CHECK(ask("HEAD /x HTTP/1.0\r\n\r\n") == 404 && !strcmp(text + strlen(text) - 4, "\r\n\r\n"));
    CHECK(ask("GET / HTTP/1.0\r\n\r\n") == 404 && strstr(text, "404 Not Found: there is only /metrics\n"));
    CHECK(ask("PUT /metrics HTTP/1.0\r\n\r\n") == 405 && strstr(text, "\r\nAllow: GET, HEAD\r\n"));
    CHECK(ask("rubbish\r\n\r\n") == 400);
    CHECK(ask("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\nbehind it") == 200);
    CHECK(!strcmp(text + strlen(text) - 6, "# EOF\n"));
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = 0;
    CHECK(ask(big) == 431);
    CHECK(ask_on(connect_to("127.0.0.1:9177"), GET, &bytes) == 200);
    /* Its sending side closed first, as nc does it. */
    fd[0] = connect_to(NULL);
    CHECK(send(fd[0], GET, strlen(GET), 0) > 0 && shutdown(fd[0], SHUT_WR) == 0);
    CHECK(ask_on(fd[0], "", &bytes) == 200 && bytes > 10000);
    /* Those that say nothing take up the places, are sent away in time, and meanwhile others are told so. */
    start = now_ms();
    for (int i = 0; i < 20; i++)
        fd[i] = connect_to(NULL);
    for (int i = 16; i < 20; i++)
        refused += read_some(fd[i], big, 12, 3000) == 12 && !memcmp(big, "HTTP/1.1 503", 12);
    CHECK(refused == 4);
    for (int i = 0; i < 16; i++)
        status += read_some(fd[i], big, 12, 12000) == 12 && !memcmp(big, "HTTP/1.1 408", 12);
    CHECK(status == 16 && now_ms() - start >= 4500);
    for (int i = 0; i < 20; i++)
        close(fd[i]);
    /* One that asks and never reads holds nobody up. */
    fd[0] = connect_to(NULL);
    CHECK(send(fd[0], GET, strlen(GET), 0) > 0);
    start = now_ms();
    CHECK(ask(GET) == 200 && now_ms() - start < 4000);
    close(fd[0]);
    for (int i = 0; i < 200; i++) { /* cut anywhere, and gone at once */
        fd[0] = connect_to(i % 2 ? "" : NULL);
        CHECK(send(fd[0], GET, (size_t)rand() % strlen(GET), MSG_NOSIGNAL) >= 0);
        close(fd[0]);
    }
    CHECK(ask(GET) == 200);
}

void test_addresses(void)
{
    static const char *const good[] = {"127.0.0.1:9177", "127.255.0.3:1", "[::1]:65535"};
    static const char *const bad[] = {"0.0.0.0:80",
                                      "10.0.0.1:80",
                                      "[::]:80",
                                      "[::ffff:127.0.0.1]:80",
                                      "localhost:80",
                                      "9177",
                                      "127.0.0.1",
                                      "127.0.0.1:0",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:x",
                                      "127.0.0.1:80x",
                                      ":80",
                                      "::1:80",
                                      "[::1]",
                                      "",
                                      "[]:80",
                                      "[127.0.0.1]:80"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(http_check(good[i]) == NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(http_check(bad[i]) != NULL);
}

/* A server on the loopback for tests: gives written answers, one for each
 * connection, from a thread of its own. */
#ifndef SP_TESTS_SUPPORT_HTTP_SCRIPT_H
#define SP_TESTS_SUPPORT_HTTP_SCRIPT_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#define HTTP_SCRIPT_REQUEST 65536

/* What one connection gets once its request has come. */
struct http_answer {
    const char *text;
    size_t repeat;    /* `text` this many times more */
    bool hold;        /* then nothing, until the client closes */
    const char *head; /* before all that, or NULL */
    bool reset;       /* ends by a reset */
};

struct http_script {
    const struct http_answer *answers; /* the last serves the rest */
    size_t count;
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_uint connections;
    atomic_size_t sent;                /* bytes of answers that were taken */
    char request[HTTP_SCRIPT_REQUEST]; /* the last; read after the end */
    size_t request_len;
};

struct http_script *
http_script_start(const struct http_answer *answers, size_t count);

/* Waits for the thread: the client must have closed its connections. What the
 * last request was can be read until http_script_free(). */
void
http_script_stop(struct http_script *s);

void
http_script_free(struct http_script **s);

#endif

/* GET /metrics for a Prometheus on the same machine: a small HTTP server in the
 * process's own loop. It answers nothing else. */
#ifndef SP_SERVICES_MONITOR_METRICS_SERVER_H
#define SP_SERVICES_MONITOR_METRICS_SERVER_H

#include <stdint.h>

#include "common/process/loop.h"
#include "common/text/buf.h"

struct metrics_server;

/* Writes the page. */
struct metrics_page {
    int (*write)(void *arg, struct sp_buf *out);
    void *arg;
};

/* A listening socket for an IPv4 or IPv6 address, made before the jail closes;
 * or -1 with errno, EINVAL where `host` is no address. */
int
metrics_server_bind(const char *host, uint16_t port);

/* Serves on a socket of metrics_server_bind(), which it takes over. NULL where
 * the HTTP library refuses. */
struct metrics_server *
metrics_server_new(struct sp_loop *loop, int fd, struct metrics_page page);

void
metrics_server_free(struct metrics_server **s);

#endif

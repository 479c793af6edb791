/* The status file. */
#include "services/monitor/status_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/text/ascii.h"

static void
write_one(const struct source *s, int64_t now_ms, int64_t wall_ms,
          struct sp_buf *out)
{
    (void)sp_buf_addf(out, "{\"service\":\"%s\",\"replica\":\"",
                      sp_service_name(s->service));
    (void)sp_ascii_json(out, sp_view_of(s->replica));
    (void)sp_buf_addf(out,
                      "\",\"pid\":%" PRIu64 ",\"ready\":%s,"
                      "\"queue_depth\":%" PRIu64 ",\"last_error\":\"",
                      s->pid, source_is_ready(s, now_ms) ? "true" : "false",
                      s->queue_depth);
    (void)sp_ascii_json(out, sp_view_of(s->last_error));
    (void)sp_buf_add_str(out, "\",\"config\":\"");
    (void)sp_ascii_json(out, sp_view_of(s->config));
    (void)sp_buf_add_str(out, "\",\"config_error\":\"");
    (void)sp_ascii_json(out, sp_view_of(s->config_error));
    (void)sp_buf_addf(out, "\",\"seen_ms\":%" PRId64 "}",
                      wall_ms - (now_ms - s->status_ms));
}

int
status_write(const struct sources *sources, int64_t now_ms, int64_t wall_ms,
             struct sp_buf *out)
{
    const struct source *source = NULL;

    (void)sp_buf_add_str(out, "[");
    for (size_t i = 0; (source = sources_at(sources, i, now_ms)) != NULL; i++) {
        (void)sp_buf_add_str(out, i == 0 ? "\n" : ",\n");
        write_one(source, now_ms, wall_ms, out);
    }
    (void)sp_buf_add_str(out, "\n]\n");
    return out->error;
}

int
status_replace(const char *path, struct sp_view text)
{
    char next[PATH_MAX];
    int fd = -1;
    ssize_t written = -1;

    (void)snprintf(next, sizeof(next), "%s.next", path);
    fd =
        open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return SP_ESTORE;
    }
    written = write(fd, text.ptr, text.len);
    if (close(fd) != 0 || written < 0 || (size_t)written != text.len) {
        return SP_ESTORE;
    }
    return rename(next, path) == 0 ? 0 : SP_ESTORE;
}

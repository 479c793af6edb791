/* Log lines on stderr. The name and the level are the process-wide state that
 * every line needs; they are set once before any thread exists. */
#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* One line must reach the pipe in one write to stay whole (PIPE_BUF). */
#define LINE_MAX_BYTES 2048

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static struct {
    const char *service;
    enum sp_log_level lowest;
} log_state = { "-", SP_LOG_INFO };

void
sp_log_open(const char *service, enum sp_log_level lowest)
{
    log_state.service = service;
    log_state.lowest = lowest;
}

bool
sp_log_wants(enum sp_log_level level)
{
    return level >= log_state.lowest;
}

static void
write_line(const char *line, size_t len)
{
    ssize_t written = write(STDERR_FILENO, line, len);

    /* There is nowhere left to report a failing log to. */
    (void)written;
}

static void SP_PRINTF(3, 0) log_line(enum sp_log_level level, const char *event,
                                     const char *format, va_list args)
{
    char line[LINE_MAX_BYTES];
    struct timespec now = { 0 };
    struct tm utc = { 0 };
    size_t len = 0;
    int n = 0;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    len = strftime(line, sizeof(line), "ts=%Y-%m-%dT%H:%M:%S", &utc);
    n = snprintf(line + len, sizeof(line) - len,
                 ".%03ldZ level=%s svc=%s event=%s ", now.tv_nsec / 1000000,
                 level_names[level], log_state.service, event);
    len += (size_t)n;
    n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
    if (n > 0) {
        size_t room = sizeof(line) - len - 2;

        len += (size_t)n < room ? (size_t)n : room;
    }
    line[len++] = '\n';
    write_line(line, len);
}

void
sp_log(enum sp_log_level level, const char *event, const char *format, ...)
{
    va_list args;

    if (!sp_log_wants(level)) {
        return;
    }
    va_start(args, format);
    log_line(level, event, format, args);
    va_end(args);
}

void
sp_fatal(const char *event, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_line(SP_LOG_ERROR, event, format, args);
    va_end(args);
    abort();
}

void
sp_refuse(const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;
    int n = 0;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    char line[LINE_MAX_BYTES + 64];
    n = snprintf(line, sizeof(line), "%s: %s\n", log_state.service, text);
    if (n > 0) {
        write_line(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line));
    }
    exit(EX_CONFIG);
}

const char *
sp_log_safe(struct sp_log_text *buffer, struct sp_view v)
{
    static const char hex[] = "0123456789abcdef";
    size_t limit = (sizeof(buffer->text) - 4) / 4;
    size_t out = 0;

    for (size_t i = 0; i < v.len && i < limit; i++) {
        unsigned char c = (unsigned char)v.ptr[i];

        if (c > ' ' && c < 0x7f && c != '\\' && c != '"' && c != '=') {
            buffer->text[out++] = (char)c;
        } else {
            buffer->text[out++] = '\\';
            buffer->text[out++] = 'x';
            buffer->text[out++] = hex[c >> 4];
            buffer->text[out++] = hex[c & 15];
        }
    }
    if (v.len > limit) {
        memcpy(buffer->text + out, "...", 3);
        out += 3;
    }
    buffer->text[out] = '\0';
    return buffer->text;
}

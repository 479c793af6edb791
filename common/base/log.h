/* Log lines on stderr: one event per line, key=value, fixed keys first
 * (ts level svc event). Event names are constant; variables are values. */
#ifndef SP_COMMON_BASE_LOG_H
#define SP_COMMON_BASE_LOG_H

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/view.h"

enum sp_log_level {
    SP_LOG_DEBUG,
    SP_LOG_INFO,
    SP_LOG_WARN,
    SP_LOG_ERROR,
};

/* Names the process in every line and sets the lowest level printed. `service`
 * is kept, not copied. Called once, first thing in main(). */
void
sp_log_open(const char *service, enum sp_log_level lowest);

/* True where a line of this level would be printed. */
bool
sp_log_wants(enum sp_log_level level);

/* One line. `event` is a constant snake_case word; `format` gives key=value
 * pairs. Bytes from outside go through sp_log_safe() first. */
void
sp_log(enum sp_log_level level, const char *event, const char *format, ...)
    SP_PRINTF(3, 4);

/* A broken invariant or an exhausted resource: logs and aborts. Never for bad
 * input. */
SP_NORETURN void
sp_fatal(const char *event, const char *format, ...) SP_PRINTF(2, 3);

/* A start-up error that only the operator can fix: prints the sentence and
 * exits with status 78 (EX_CONFIG), which the supervisor does not retry. */
SP_NORETURN void
sp_refuse(const char *format, ...) SP_PRINTF(1, 2);

/* Room for sp_log_safe(): 96 bytes escaped as \xHH, and a mark where cut. */
struct sp_log_text {
    char text[96 * 4 + 4];
};

/* `v` printable: controls, quotes, spaces, backslashes and non-ASCII bytes as
 * \xHH, clipped at 96 bytes. Returns buffer->text. */
const char *
sp_log_safe(struct sp_log_text *buffer, struct sp_view v);

#endif

/* Rows of `sallyport status`. */
#include "clients/sallyport/status_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/text/json.h"

#define UPTIME_MAX 48

static void
copy_text(const struct sp_json *json, const struct sp_json_token *object,
          const char *name, char *text, size_t size)
{
    struct sp_buf scratch = sp_buf_new(4096);
    struct sp_view value = { .ptr = NULL };

    if (sp_json_string(json, sp_json_get(json, object, name), &scratch,
                       &value) == 0) {
        size_t len = value.len < size ? value.len : size - 1;

        memcpy(text, value.ptr, len);
        text[len] = '\0';
    }
    sp_buf_free(&scratch);
}

static int64_t
number(const struct sp_json *json, const struct sp_json_token *object,
       const char *name)
{
    int64_t value = 0;

    return sp_json_int(json, sp_json_get(json, object, name), &value) == 0 &&
                   value > 0
               ? value
               : 0;
}

static void
read_row(const struct sp_json *json, const struct sp_json_token *object,
         struct status_row *row)
{
    *row = (struct status_row){ .up_s = -1 };
    copy_text(json, object, "service", row->service, sizeof(row->service));
    copy_text(json, object, "replica", row->replica, sizeof(row->replica));
    copy_text(json, object, "last_error", row->last_error,
              sizeof(row->last_error));
    copy_text(json, object, "config", row->config, sizeof(row->config));
    copy_text(json, object, "config_error", row->config_error,
              sizeof(row->config_error));
    row->pid = (uint64_t)number(json, object, "pid");
    row->queue_depth = (uint64_t)number(json, object, "queue_depth");
    row->seen_ms = number(json, object, "seen_ms");
    row->ready = sp_json_is(sp_json_get(json, object, "ready"), SP_JSON_TRUE);
}

int
status_table_read(struct sp_view text, struct status_table *ret_table)
{
    struct sp_json json = { .count = 0 };
    const struct sp_json_token *root = NULL;
    const struct sp_json_token *t = NULL;
    int error = sp_json_parse(&json, text) == 0 ? 0 : SP_EFORMAT;

    ret_table->count = 0;
    root = error == 0 ? sp_json_root(&json) : NULL;
    if (error == 0 && !sp_json_is(root, SP_JSON_ARRAY)) {
        error = SP_EFORMAT;
    }
    t = error == 0 ? sp_json_first(&json, root) : NULL;
    while (t != NULL && ret_table->count < STATUS_TABLE_MAX) {
        read_row(&json, t, &ret_table->rows[ret_table->count++]);
        t = sp_json_next(&json, root, t);
    }
    sp_json_free(&json);
    return error;
}

const struct status_row *
status_table_find(const struct status_table *table, const char *service,
                  const char *replica, uint64_t pid)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct status_row *row = &table->rows[i];

        if (row->pid == pid && strcmp(row->service, service) == 0 &&
            strcmp(row->replica, replica) == 0) {
            return row;
        }
    }
    return NULL;
}

static void
print_json(const struct status_row *row, struct sp_buf *out)
{
    (void)sp_buf_add_str(out, "{\"service\": \"");
    (void)sp_buf_add_json(out, sp_view_of(row->service));
    (void)sp_buf_add_str(out, "\", \"replica\": \"");
    (void)sp_buf_add_json(out, sp_view_of(row->replica));
    (void)sp_buf_addf(out,
                      "\", \"pid\": %" PRIu64 ", \"ready\": %s, "
                      "\"queue_depth\": %" PRIu64 ", ",
                      row->pid, row->ready ? "true" : "false",
                      row->queue_depth);
    if (row->up_s >= 0) {
        (void)sp_buf_addf(
            out, "\"uptime_s\": %" PRId64 ", \"restarts\": %" PRIu64 ", ",
            row->up_s, row->restarts);
    }
    (void)sp_buf_add_str(out, "\"last_error\": \"");
    (void)sp_buf_add_json(out, sp_view_of(row->last_error));
    (void)sp_buf_add_str(out, "\", \"config\": \"");
    (void)sp_buf_add_json(out, sp_view_of(row->config));
    (void)sp_buf_add_str(out, "\", \"config_error\": \"");
    (void)sp_buf_add_json(out, sp_view_of(row->config_error));
    (void)sp_buf_add_str(out, "\"}");
}

/* "12s", "3m05s", "2h04m", "7d03h": the two largest units. */
static void
write_uptime(int64_t s, char text[UPTIME_MAX])
{
    static const struct {
        int64_t large;
        int64_t small;
        char names[2];
    } forms[] = {
        { 86400, 3600, { 'd', 'h' } },
        { 3600, 60, { 'h', 'm' } },
        { 60, 1, { 'm', 's' } },
    };

    if (s < 0) {
        (void)snprintf(text, UPTIME_MAX, "-");
        return;
    }
    (void)snprintf(text, UPTIME_MAX, "%" PRId64 "s", s);
    for (size_t i = 0; i < SP_COUNT(forms); i++) {
        if (s >= forms[i].large) {
            (void)snprintf(text, UPTIME_MAX, "%" PRId64 "%c%02" PRId64 "%c",
                           s / forms[i].large, forms[i].names[0],
                           s % forms[i].large / forms[i].small,
                           forms[i].names[1]);
            return;
        }
    }
}

static void
print_text(const struct status_row *row, struct sp_buf *out)
{
    char pid[24] = "-";
    char uptime[UPTIME_MAX];

    if (row->pid != 0) {
        (void)snprintf(pid, sizeof(pid), "%" PRIu64, row->pid);
    }
    write_uptime(row->up_s, uptime);
    (void)sp_buf_addf(out,
                      "%-10s  %-12s  %8s  %-5s  %6s  %8" PRIu64 "  %5" PRIu64
                      "  %-8.8s  %s\n",
                      row->service, row->replica, pid,
                      row->ready ? "yes" : "no", uptime, row->restarts,
                      row->queue_depth,
                      row->config[0] == '\0' ? "-" : row->config,
                      row->last_error[0] == '\0' ? "-" : row->last_error);
    if (row->config_error[0] != '\0') {
        (void)sp_buf_addf(out,
                          "%-10s  goes on with its old configuration: "
                          "%s\n",
                          "", row->config_error);
    }
}

void
status_table_print(const struct status_table *table, bool json,
                   struct sp_buf *out)
{
    if (json) {
        (void)sp_buf_add_str(out, "[");
    } else {
        (void)sp_buf_addf(out,
                          "%-10s  %-12s  %8s  %-5s  %6s  %8s  %5s  %-8s  %s\n",
                          "SERVICE", "REPLICA", "PID", "READY", "UP",
                          "RESTARTS", "QUEUE", "CONFIG", "LAST ERROR");
    }
    for (size_t i = 0; i < table->count; i++) {
        if (json) {
            (void)sp_buf_add_str(out, i == 0 ? "\n" : ",\n");
            print_json(&table->rows[i], out);
        } else {
            print_text(&table->rows[i], out);
        }
    }
    if (json) {
        (void)sp_buf_add_str(out, "\n]\n");
    }
}

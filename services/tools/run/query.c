/* run: sql - a declared SELECT with bound parameters; its first row is the
 * result. The text never changes, whatever a caller sends. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/sqlite.h"
#include "services/tools/run/runner.h"

static int
refuse(struct sp_buf *why, const char *rest)
{
    (void)sp_buf_add_str(why, rest);
    return SP_ECONFIG;
}

/* Every parameter must be the name of a declared argument: a slip of the pen
 * would otherwise bind NULL for ever. */
static int
check_parameters(sqlite3_stmt *statement, const struct sp_tool *tool,
                 struct sp_buf *why)
{
    struct sp_json schema = { 0 };
    const struct sp_json_token *properties = NULL;
    int error = sp_json_parse(&schema, sp_view_of(tool->input_schema));
    int count = sqlite3_bind_parameter_count(statement);

    if (error == 0) {
        properties = sp_json_get(&schema, sp_json_root(&schema), "properties");
    }
    for (int i = 1; error == 0 && i <= count; i++) {
        const char *name = sqlite3_bind_parameter_name(statement, i);

        if (name == NULL || name[0] != ':' ||
            sp_json_get(&schema, properties, name + 1) == NULL) {
            (void)sp_buf_addf(why,
                              "parameter %s is no property of "
                              "input_schema; write :name of one",
                              name == NULL ? "?" : name);
            error = SP_ECONFIG;
        }
    }
    sp_json_free(&schema);
    return error == 0 ? 0 : SP_ECONFIG;
}

static int
check_query(sqlite3_stmt *statement, const char *tail,
            const struct sp_tool *tool, struct sp_buf *why)
{
    if (statement == NULL || tail[strspn(tail, " \t\r\n;")] != '\0') {
        return refuse(why, "write exactly one statement");
    }
    if (sqlite3_stmt_readonly(statement) == 0 ||
        sqlite3_column_count(statement) == 0) {
        return refuse(why, "write a SELECT, it may not change anything");
    }
    return check_parameters(statement, tool, why);
}

static int
query_bind(const struct runner_means *means, const struct sp_tool *tool,
           void **ret_state, struct sp_buf *why)
{
    sqlite3 *db = customers_db(means->customers);
    sqlite3_stmt *statement = NULL;
    const char *tail = "";
    int error = 0;

    if (sqlite3_prepare_v3(db, tool->query, -1, SQLITE_PREPARE_PERSISTENT,
                           &statement, &tail) != SQLITE_OK) {
        (void)sp_buf_addf(why, "%s", sqlite3_errmsg(db));
        return SP_ECONFIG;
    }
    error = check_query(statement, tail, tool, why);
    if (error != 0) {
        (void)sqlite3_finalize(statement);
        return error;
    }
    *ret_state = statement;
    return 0;
}

static void
query_unbind(void *state)
{
    (void)sqlite3_finalize(state);
}

static int
bind_number(sqlite3_stmt *statement, int index, const struct arguments *a,
            const struct sp_json_token *value)
{
    int64_t whole = 0;
    double real = 0;
    int error = sp_json_int(a->json, value, &whole);

    if (error == 0) {
        sp_sqlite_bind_int(statement, index, whole);
        return 0;
    }
    error = sp_json_double(a->json, value, &real);
    if (error == 0) {
        (void)sqlite3_bind_double(statement, index, real);
    }
    return error;
}

/* SQLite copies the text: a later argument may move the scratch buffer. */
static int
bind_string(sqlite3_stmt *statement, int index, const struct arguments *a,
            const struct sp_json_token *value, struct sp_buf *scratch)
{
    struct sp_view text = { 0 };
    int error = sp_json_string(a->json, value, scratch, &text);

    if (error == 0 &&
        sqlite3_bind_text(statement, index, text.ptr == NULL ? "" : text.ptr,
                          (int)text.len, SQLITE_TRANSIENT) != SQLITE_OK) {
        error = SP_ELIMIT;
    }
    return error;
}

/* An absent argument stays NULL, as sp_sqlite_reset() left it. */
static int
bind_value(sqlite3_stmt *statement, int index, const struct arguments *a,
           struct sp_buf *scratch)
{
    const char *name = sqlite3_bind_parameter_name(statement, index) + 1;
    const struct sp_json_token *value = sp_json_get(a->json, a->object, name);

    if (value == NULL || sp_json_is(value, SP_JSON_NULL)) {
        return 0;
    }
    if (sp_json_is(value, SP_JSON_STRING)) {
        return bind_string(statement, index, a, value, scratch);
    }
    if (sp_json_is(value, SP_JSON_NUMBER)) {
        return bind_number(statement, index, a, value);
    }
    if (sp_json_is(value, SP_JSON_TRUE) || sp_json_is(value, SP_JSON_FALSE)) {
        sp_sqlite_bind_int(statement, index, sp_json_is(value, SP_JSON_TRUE));
        return 0;
    }
    return SP_EFORMAT;
}

static int
bind_values(sqlite3_stmt *statement, const struct arguments *arguments,
            struct sp_buf *scratch)
{
    int count = sqlite3_bind_parameter_count(statement);
    int error = 0;

    for (int i = 1; error == 0 && i <= count; i++) {
        error = bind_value(statement, i, arguments, scratch);
    }
    return error;
}

/* JSON knows neither infinity nor bytes: both become null. */
static void
write_value(sqlite3_stmt *statement, int column, struct sp_buf *out)
{
    int type = sqlite3_column_type(statement, column);

    if (type == SQLITE_INTEGER) {
        (void)sp_buf_addf(out, "%" PRId64,
                          (int64_t)sqlite3_column_int64(statement, column));
    } else if (type == SQLITE_FLOAT &&
               isfinite(sqlite3_column_double(statement, column))) {
        (void)sp_buf_addf(out, "%.17g",
                          sqlite3_column_double(statement, column));
    } else if (type == SQLITE_TEXT) {
        (void)sp_buf_add_str(out, "\"");
        (void)sp_buf_add_json(out, sp_sqlite_column(statement, column));
        (void)sp_buf_add_str(out, "\"");
    } else {
        (void)sp_buf_add_str(out, "null");
    }
}

static int
write_row(sqlite3_stmt *statement, struct sp_buf *out)
{
    int count = sqlite3_column_count(statement);

    for (int i = 0; i < count; i++) {
        const char *name = sqlite3_column_name(statement, i);

        (void)sp_buf_add_str(out, i == 0 ? "{\"" : ",\"");
        (void)sp_buf_add_json(out, sp_view_of(name));
        (void)sp_buf_add_str(out, "\":");
        write_value(statement, i, out);
    }
    (void)sp_buf_add_str(out, "}");
    return out->error;
}

static int
query_run(const struct runner_means *means, void *state,
          const struct tool_call *call, struct tool_result *result)
{
    sqlite3_stmt *statement = state;
    int found = 0;
    int error = 0;

    if (bind_values(statement, &call->arguments, means->scratch) != 0) {
        sp_sqlite_reset(statement);
        return runner_fail(result, "An argument has the wrong type or size; "
                                   "see the tool's input schema.");
    }
    customers_allot(means->customers);
    found = sp_sqlite_step(statement);
    if (found == 1) {
        error = write_row(statement, &result->text);
    } else if (found == 0) {
        error = runner_fail(result, "Nothing was found for these arguments.");
    } else {
        error = SP_ESTORE;
    }
    sp_sqlite_reset(statement);
    return error;
}

const struct runner runner_query = {
    .changes = false,
    .bind = query_bind,
    .run = query_run,
    .unbind = query_unbind,
};

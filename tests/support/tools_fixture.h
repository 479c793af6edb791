/* A tools process without its sockets, for tests: real stores in a directory of
 * its own, the shipped catalogue, and a caller. */
#ifndef SP_TESTS_SUPPORT_TOOLS_FIXTURE_H
#define SP_TESTS_SUPPORT_TOOLS_FIXTURE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/store/sqlite.h"
#include "common/text/headers.h"
#include "common/text/json.h"
#include "services/tools/tools.h"

#define DESK_KEY "0123456789abcdef0123456789abcdef"
#define DESK_NOW INT64_C(1795500000000) /* Tuesday 2026-11-24T06:00:00Z */
#define DESK_ALL "customer:read ticket:create account:calculate"
#define DESK_META                                                              \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","   \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}"

struct desk {
    char directory[32];
    struct tools tools;
    size_t starts;   /* how often a change was announced */
    int begin_error; /* what that gave */
};

static SP_UNUSED void
desk_path(const struct desk *desk, const char *name, char path[64])
{
    (void)snprintf(path, 64, "%s/%s", desk->directory, name);
}

/* Opens the stores of the directory, as one more replica would. */
static SP_UNUSED void
desk_enter(struct desk *desk)
{
    struct tools *tools = &desk->tools;
    struct sp_buf why = sp_buf_new(4096);
    char path[64];

    desk_path(desk, "customers.db", path);
    cr_assert_eq(customers_open(path, &tools->customers), 0);
    desk_path(desk, "ledger.db", path);
    cr_assert_eq(ledger_open(path, &tools->ledger), 0);
    tools->session_key = sp_secret_new(SP_VIEW_LITERAL(DESK_KEY));
    tools->passport_key = sp_secret_new(SP_VIEW_LITERAL(DESK_KEY));
    cr_assert_eq(tools_load(tools, "deploy/config", &why), 0, "%.*s",
                 SP_VIEW(sp_buf_view(&why)));
    tools_prepare(tools);
    sp_buf_free(&why);
}

static SP_UNUSED void
desk_open(struct desk *desk)
{
    *desk = (struct desk){ .directory = "/tmp/sp-tools-XXXXXX" };
    cr_assert_not_null(mkdtemp(desk->directory));
    desk_enter(desk);
}

static SP_UNUSED void
desk_leave(struct desk *desk)
{
    tools_release(&desk->tools);
    desk->tools = (struct tools){ 0 };
}

static SP_UNUSED void
desk_remove(const struct desk *desk)
{
    DIR *directory = opendir(desk->directory);
    struct dirent *entry = NULL;

    cr_assert_not_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        char path[300];

        (void)snprintf(path, sizeof(path), "%s/%s", desk->directory,
                       entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(directory);
    cr_assert_eq(rmdir(desk->directory), 0);
}

static SP_UNUSED void
desk_close(struct desk *desk)
{
    desk_leave(desk);
    desk_remove(desk);
}

/* What stands in a store, as one number. */
static SP_UNUSED int64_t
desk_count(const struct desk *desk, const char *store, const char *query)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    char path[64];
    int64_t value = -1;

    desk_path(desk, store, path);
    cr_assert_eq(sp_sqlite_open(path, &db), 0);
    cr_assert_eq(sp_sqlite_prepare(db, query, &statement), 0);
    cr_assert_eq(sp_sqlite_step(statement), 1);
    value = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    sp_sqlite_close(&db);
    return value;
}

static SP_UNUSED int64_t
desk_tickets(const struct desk *desk)
{
    return desk_count(desk, "ledger.db", "SELECT count(*) FROM tickets");
}

static SP_UNUSED int
desk_begin(void *arg)
{
    struct desk *desk = arg;

    desk->starts++;
    return desk->begin_error;
}

/* A request of anna by the client app, with every scope; change what a test is
 * about. `id` has 16 characters. */
static SP_UNUSED struct mcp_request
desk_request(struct desk *desk, const char *id, const char *body)
{
    return (struct mcp_request){
        .http.method = SP_VIEW_LITERAL("POST"),
        .http.body = sp_view_of(body),
        .request_id = sp_view_of(id),
        .subject = SP_VIEW_LITERAL("anna"),
        .client = SP_VIEW_LITERAL("app"),
        .scopes = SP_VIEW_LITERAL(DESK_ALL),
        .keep_until_ms = DESK_NOW + 60000,
        .now_ms = DESK_NOW,
        .begin = desk_begin,
        .arg = desk,
    };
}

/* Answers and, where the answer waits for it, commits. */
static SP_UNUSED const struct mcp_reply *
desk_ask(struct desk *desk, const struct mcp_request *request)
{
    mcp_answer(desk->tools.offer->mcp, request, &desk->tools.reply);
    if (ledger_in_group(desk->tools.ledger)) {
        cr_assert_eq(ledger_commit(desk->tools.ledger), 0);
    }
    return &desk->tools.reply;
}

static SP_UNUSED const struct mcp_reply *
desk_post(struct desk *desk, const char *id, const char *body)
{
    struct mcp_request request = desk_request(desk, id, body);

    return desk_ask(desk, &request);
}

/* True where the reply's body holds the text. */
static SP_UNUSED bool
desk_says(const struct desk *desk, const char *text)
{
    const struct sp_buf *body = &desk->tools.reply.body;

    return body->len > 0 &&
           memmem(body->data, body->len, text, strlen(text)) != NULL;
}

#endif

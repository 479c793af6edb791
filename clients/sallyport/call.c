/* sallyport call: one tool call, as an MCP client would make it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/sallyport/call_text.h"
#include "clients/sallyport/commands.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/grant.h"
#include "common/base/alloc.h"
#include "common/base/log.h"
#include "proto/paths.h"

#define WHY_MAX 1024
#define REQUEST_MAX (1024 * 1024)
#define ANSWER_MAX (16 * 1024 * 1024)
/* Longer than the gate's own longest deadline. */
#define CALL_MAX_MS 70000
#define HEADER_MAX (GRANT_TOKEN_MAX + 64)

/* Visible ASCII: it stands in a header. */
static bool
is_name(const char *tool)
{
    size_t len = 0;

    while (tool[len] > ' ' && tool[len] < 0x7f) {
        len++;
    }
    return len > 0 && len <= 128 && tool[len] == '\0';
}

static int
call_tool(const struct gate *gate, const struct grant_wish *wish,
          const struct grant_means *means, const char *tool, const char *body,
          const struct sp_buf *token)
{
    struct sp_buf answer = sp_buf_new(ANSWER_MAX);
    struct sp_buf words = sp_buf_new(ANSWER_MAX);
    struct sp_buf why = sp_buf_new(WHY_MAX);
    char url[512];
    char bearer[HEADER_MAX];
    char name[HEADER_MAX];
    const char *const headers[] = { bearer,
                                    name,
                                    "Content-Type: application/json",
                                    "Accept: application/json, "
                                    "text/event-stream",
                                    "MCP-Protocol-Version: " CALL_VERSION,
                                    "Mcp-Method: tools/call",
                                    "Expect:" };
    struct web_request request = grant_request(gate, wish, means, url);
    long status = 0;
    bool worked = false;

    (void)snprintf(url, sizeof(url), "%s%s", gate->settings.url,
                   sp_path_row(SP_PATH_MCP)->path);
    (void)snprintf(bearer, sizeof(bearer), "Authorization: Bearer %.*s",
                   SP_VIEW(sp_buf_view(token)));
    (void)snprintf(name, sizeof(name), "Mcp-Name: %s", tool);
    request.body = body;
    request.headers = headers;
    request.header_count = SP_COUNT(headers);
    request.timeout_ms = CALL_MAX_MS;
    if (web_call(&request, &answer, &status, &why) == 0) {
        worked = call_text_answer(sp_buf_view(&answer), status, &words);
    } else {
        (void)sp_buf_add_view(&words, sp_buf_view(&why));
    }
    (void)fprintf(worked ? stdout : stderr, "%s%.*s\n",
                  worked ? "" : "sallyport: ", SP_VIEW(sp_buf_view(&words)));
    explicit_bzero(bearer, sizeof(bearer));
    sp_buf_free(&answer);
    sp_buf_free(&words);
    sp_buf_free(&why);
    return worked ? EXIT_SUCCESS : EXIT_FAILURE;
}

static char *
write_body(const char *tool, char **arguments, size_t count)
{
    struct sp_buf body = sp_buf_new(REQUEST_MAX);
    struct sp_buf why = sp_buf_new(WHY_MAX);
    char *text = NULL;

    if (call_text_request(tool, (const char *const *)arguments, count, &body,
                          &why) != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&why)));
    }
    text = sp_dup_view(sp_buf_view(&body));
    sp_buf_free(&body);
    sp_buf_free(&why);
    return text;
}

int
command_call(int argc, char **argv)
{
    struct gate gate = { .programs = NULL };
    struct grant_wish wish;
    struct grant_means means;
    struct sp_buf token = sp_buf_new(GRANT_TOKEN_MAX);
    int options = grant_read_wish(argc, argv, &wish);
    char *body = NULL;
    int status = EXIT_FAILURE;

    if (options < 0 || options == argc || !is_name(argv[options])) {
        (void)fprintf(stderr, "usage: sallyport call " GRANT_OPTIONS
                              " TOOL [KEY=TEXT | KEY:=JSON] ...\n");
        return 2;
    }
    body = write_body(argv[options], argv + options + 1,
                      (size_t)(argc - options - 1));
    gate_open(&gate);
    grant_open(&gate, &wish, &means);
    if (grant_fetch(&gate, &wish, &means, &token) == 0) {
        status = call_tool(&gate, &wish, &means, argv[options], body, &token);
    }
    grant_close(&means);
    sp_buf_free(&token);
    sp_free(body);
    gate_close(&gate);
    return status;
}

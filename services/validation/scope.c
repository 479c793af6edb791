/* The refusal of a caller whose token lacks a scope. */
#include "services/validation/scope.h"

#include "common/stage/refusal.h"
#include "proto/paths.h"

int
scope_refuse(struct verdict *verdict, struct sp_view path, const char *url,
             const char *scope)
{
    const struct sp_path *row = sp_path_find(path);
    const struct sp_refusal refusal = {
        .status = 403,
        .code = "insufficient_scope",
        .text = "The token lacks the scope that this needs; see "
                "WWW-Authenticate.",
    };
    int result =
        verdict_refuse(verdict, sp_path_form(path), refusal, "scope_missing");

    (void)sp_buf_addf(&verdict->headers,
                      "www-authenticate: Bearer error=\"insufficient_scope\", "
                      "scope=\"%s\", resource_metadata=\"%s/.well-known/"
                      "oauth-protected-resource%s\"\n",
                      scope, url,
                      row != NULL && row->target == SP_SERVICE_TOOLS ? row->path
                                                                     : "");
    return result;
}

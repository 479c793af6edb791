/* Reading POST /token. */
#include "services/auth/oauth/token_request.h"

#include <strings.h>

#include "common/base/error.h"
#include "common/text/headers.h"
#include "services/auth/claims.h"
#include "services/auth/oauth/credentials.h"

const struct sp_refusal oauth_invalid_client = {
    .status = 401,
    .code = "invalid_client",
    .text = "unknown client or wrong secret",
};
const struct sp_refusal oauth_invalid_scope = {
    .status = 400,
    .code = "invalid_scope",
    .text = "scope is malformed or names what this client may not have",
};

static const struct sp_refusal query_error = {
    .status = 400,
    .code = "invalid_request",
    .text = "parameters belong into the body of the request, not into its URL",
};
static const struct sp_refusal type_error = {
    .status = 400,
    .code = "invalid_request",
    .text = "send content-type application/x-www-form-urlencoded",
};
static const struct sp_refusal form_error = {
    .status = 400,
    .code = "invalid_request",
    .text = "the form is malformed",
};
static const struct sp_refusal twice_error = {
    .status = 400,
    .code = "invalid_request",
    .text = "a parameter is there more than once",
};
static const struct sp_refusal methods_error = {
    .status = 400,
    .code = "invalid_request",
    .text =
        "authenticate by the Authorization header or by the form, not by both",
};
static const struct sp_refusal no_client_error = {
    .status = 401,
    .code = "invalid_client",
    .text = "authenticate by client_secret_basic or client_secret_post",
};
static const struct sp_refusal no_grant_error = {
    .status = 400,
    .code = "invalid_request",
    .text = "grant_type is missing",
};
static const struct sp_refusal grant_error = {
    .status = 400,
    .code = "unsupported_grant_type",
    .text = "the grant type is client_credentials",
};
static const struct sp_refusal target_error = {
    .status = 400,
    .code = "invalid_target",
    .text = "resource is none that this server guards",
};

struct token_request
token_request_new(void)
{
    return (struct token_request){
        .form = form_new(),
        .scratch = sp_buf_new(2 * FORM_MAX_BYTES),
    };
}

void
token_request_free(struct token_request *request)
{
    form_free(&request->form);
    if (request->scratch.data != NULL) {
        explicit_bzero(request->scratch.data, request->scratch.size);
    }
    sp_buf_free(&request->scratch);
}

/* The media type without its parameters (RFC 9110 section 8.3.1). */
static bool
is_form(struct sp_view headers)
{
    static const char type[] = "application/x-www-form-urlencoded";
    struct sp_view value = sp_headers_get(headers, "content-type");
    size_t len = sizeof(type) - 1;

    if (value.len < len || strncasecmp(value.ptr, type, len) != 0) {
        return false;
    }
    return value.len == len || value.ptr[len] == ';' || value.ptr[len] == ' ';
}

static const struct sp_refusal *
read_form(struct token_request *request, const struct sp_http_request *http)
{
    int error = 0;

    if (http->query.len > 0) {
        return &query_error;
    }
    if (!is_form(http->headers)) {
        return &type_error;
    }
    error = form_parse(&request->form, http->body);
    if (error == SP_EDUPLICATE) {
        return &twice_error;
    }
    return error != 0 ? &form_error : NULL;
}

static const struct sp_refusal *
read_client(struct token_request *request, const struct sp_http_request *http)
{
    struct sp_view id = form_get(&request->form, "client_id");
    struct sp_view secret = form_get(&request->form, "client_secret");
    int error = credentials_basic(http->credentials, &request->scratch,
                                  &request->client, &request->secret);

    if (error == SP_EUNKNOWN) {
        request->client = id;
        request->secret = secret;
        return id.len == 0 || secret.len == 0 ? &no_client_error : NULL;
    }
    if (error != 0) {
        return &no_client_error;
    }
    /* A client id in the form is allowed beside Basic, where it is the same. */
    if (secret.len > 0 || (id.len > 0 && !sp_view_equal(id, request->client))) {
        return &methods_error;
    }
    return NULL;
}

static const struct sp_refusal *
read_resource(struct token_request *request,
              const struct token_resources *resources)
{
    struct sp_view resource = form_get(&request->form, "resource");

    if (resource.len == 0 || sp_view_is(resource, resources->mcp_url)) {
        request->audience = resources->mcp_url;
        return NULL;
    }
    /* URL classes write the empty path as a slash. */
    if (resource.ptr[resource.len - 1] == '/') {
        resource.len--;
    }
    if (!sp_view_is(resource, resources->url)) {
        return &target_error;
    }
    request->audience = resources->url;
    return NULL;
}

const struct sp_refusal *
token_request_read(struct token_request *request,
                   const struct sp_http_request *http,
                   const struct token_resources *resources)
{
    const struct sp_refusal *wrong = read_form(request, http);
    struct sp_view grant = { 0 };

    if (wrong == NULL) {
        wrong = read_client(request, http);
    }
    if (wrong != NULL) {
        return wrong;
    }
    grant = form_get(&request->form, "grant_type");
    request->scope = form_get(&request->form, "scope");
    if (grant.len == 0) {
        return &no_grant_error;
    }
    if (!sp_view_is(grant, "client_credentials")) {
        return &grant_error;
    }
    if (request->scope.len > 0 && (!claims_scopes_ok(request->scope) ||
                                   request->scope.len > CLAIMS_MAX_SCOPES)) {
        return &oauth_invalid_scope;
    }
    return read_resource(request, resources);
}

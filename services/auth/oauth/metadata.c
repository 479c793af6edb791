/* Metadata documents (RFC 9728, RFC 8414, RFC 7517). */
#include "services/auth/oauth/metadata.h"

#include <stdbool.h>

#include "common/base/alloc.h"
#include "common/base/compiler.h"
#include "proto/paths.h"

/* Appends "name":"url path", and a comma in front where asked. */
static void
add_address(struct sp_buf *out, const char *name, const char *url,
            const char *path)
{
    (void)sp_buf_addf(out, "\"%s\":\"", name);
    (void)sp_buf_add_json(out, sp_view_of(url));
    (void)sp_buf_addf(out, "%s\"", path);
}

static void
add_scopes(struct sp_buf *out, const struct metadata_facts *facts)
{
    (void)sp_buf_add_str(out, ",\"scopes_supported\":[");
    for (size_t i = 0; i < facts->scope_count; i++) {
        (void)sp_buf_add_str(out, i == 0 ? "\"" : ",\"");
        (void)sp_buf_add_json(out, sp_view_of(facts->scopes[i]));
        (void)sp_buf_add_str(out, "\"");
    }
    (void)sp_buf_add_str(out, "]");
}

static void
write_resource(const struct metadata_facts *facts, const char *path,
               struct sp_buf *out)
{
    (void)sp_buf_add_str(out, "{");
    add_address(out, "resource", facts->url, path);
    (void)sp_buf_add_str(out, ",\"authorization_servers\":[\"");
    (void)sp_buf_add_json(out, sp_view_of(facts->url));
    (void)sp_buf_add_str(out, "\"]");
    add_scopes(out, facts);
    (void)sp_buf_add_str(out, ",\"bearer_methods_supported\":[\"header\"],"
                              "\"resource_name\":\"Sallyport\"}");
}

static void
write_root(const struct metadata_facts *facts, struct sp_buf *out)
{
    write_resource(facts, "", out);
}

static void
write_mcp(const struct metadata_facts *facts, struct sp_buf *out)
{
    write_resource(facts, sp_path_row(SP_PATH_MCP)->path, out);
}

static void
write_server(const struct metadata_facts *facts, struct sp_buf *out)
{
    (void)sp_buf_add_str(out, "{");
    add_address(out, "issuer", facts->url, "");
    (void)sp_buf_add_str(out, ",");
    add_address(out, "token_endpoint", facts->url,
                sp_path_row(SP_PATH_TOKEN)->path);
    (void)sp_buf_add_str(out, ",");
    add_address(out, "jwks_uri", facts->url, "/.well-known/jwks.json");
    add_scopes(out, facts);
    (void)sp_buf_add_str(out,
                         ",\"grant_types_supported\":[\"client_credentials\"],"
                         "\"response_types_supported\":[],"
                         "\"token_endpoint_auth_methods_supported\":"
                         "[\"client_secret_basic\",\"client_secret_post\"]}");
}

static void
write_keys(const struct metadata_facts *facts, struct sp_buf *out)
{
    keyset_write(facts->keys, out);
}

static const struct {
    const char *path;
    void (*write)(const struct metadata_facts *facts, struct sp_buf *out);
} documents[] = {
    { "/.well-known/oauth-protected-resource", write_root },
    { "/.well-known/oauth-protected-resource/mcp", write_mcp },
    { "/.well-known/oauth-authorization-server", write_server },
    { "/.well-known/jwks.json", write_keys },
    { "/jwks", write_keys },
};

struct metadata {
    struct sp_buf text[SP_COUNT(documents)];
};

struct metadata *
metadata_new(const struct metadata_facts *facts)
{
    struct metadata *metadata = sp_alloc(sizeof(*metadata));

    for (size_t i = 0; i < SP_COUNT(documents); i++) {
        metadata->text[i] = sp_buf_new(METADATA_MAX);
        documents[i].write(facts, &metadata->text[i]);
        if (metadata->text[i].error != 0) {
            metadata_free(&metadata);
            return NULL;
        }
    }
    return metadata;
}

void
metadata_free(struct metadata **metadata)
{
    if (*metadata != NULL) {
        for (size_t i = 0; i < SP_COUNT(documents); i++) {
            sp_buf_free(&(*metadata)->text[i]);
        }
        sp_free(*metadata);
        *metadata = NULL;
    }
}

struct sp_view
metadata_find(const struct metadata *metadata, struct sp_view path)
{
    for (size_t i = 0; i < SP_COUNT(documents); i++) {
        if (sp_view_is(path, documents[i].path)) {
            return sp_buf_view(&metadata->text[i]);
        }
    }
    return sp_view_make(NULL, 0);
}

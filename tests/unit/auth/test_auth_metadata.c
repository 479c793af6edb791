/* The public documents hold what their RFCs require, as JSON. */
#include <criterion/criterion.h>

#include "common/text/json.h"
#include "services/auth/oauth/metadata.h"
#include "tests/support/auth_fixture.h"

struct place {
    struct fixture fixture;
    struct metadata *metadata;
};

static struct place
place_new(void)
{
    static const char *const scopes[] = { "customer:read", "llm:chat" };
    struct place place = { .fixture = fixture_new(true) };
    const struct metadata_facts facts = {
        .url = FIXTURE_URL,
        .scopes = scopes,
        .scope_count = SP_COUNT(scopes),
        .keys = place.fixture.keys,
    };

    place.metadata = metadata_new(&facts);
    return place;
}

static void
place_free(struct place *place)
{
    metadata_free(&place->metadata);
    fixture_free(&place->fixture);
}

static struct sp_json
parse(const struct place *place, const char *path)
{
    struct sp_json json = { .count = 0 };
    struct sp_view text = metadata_find(place->metadata, sp_view_of(path));

    cr_assert_not_null(text.ptr, "%s", path);
    cr_assert_eq(sp_json_parse(&json, text), 0, "%s: %.*s", path,
                 SP_VIEW(text));
    return json;
}

static bool
member_is(const struct sp_json *json, const char *name, const char *value)
{
    return sp_json_equals(json, sp_json_get(json, sp_json_root(json), name),
                          value);
}

/* True where the member is a list that holds the value. */
static bool
member_has(const struct sp_json *json, const char *name, const char *value)
{
    const struct sp_json_token *list =
        sp_json_get(json, sp_json_root(json), name);

    for (const struct sp_json_token *at = sp_json_first(json, list); at != NULL;
         at = sp_json_next(json, list, at)) {
        if (sp_json_equals(json, at, value)) {
            return true;
        }
    }
    return false;
}

/* RFC 9728 section 3.3: `resource` is the URL that the path was made of. */
Test(auth_metadata, describes_both_resources)
{
    static const struct {
        const char *path;
        const char *resource;
    } rows[] = {
        { "/.well-known/oauth-protected-resource", FIXTURE_URL },
        { "/.well-known/oauth-protected-resource/mcp", FIXTURE_URL "/mcp" },
    };
    struct place place = place_new();

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_json json = parse(&place, rows[i].path);

        cr_assert(member_is(&json, "resource", rows[i].resource));
        cr_assert(member_has(&json, "authorization_servers", FIXTURE_URL));
        cr_assert(member_has(&json, "scopes_supported", "customer:read"));
        cr_assert(member_has(&json, "scopes_supported", "llm:chat"));
        cr_assert(member_has(&json, "bearer_methods_supported", "header"));
        cr_assert(!member_has(&json, "bearer_methods_supported", "query"));
        sp_json_free(&json);
    }
    place_free(&place);
}

/* RFC 8414 section 2. */
Test(auth_metadata, describes_the_authorization_server)
{
    struct place place = place_new();
    struct sp_json json =
        parse(&place, "/.well-known/oauth-authorization-server");

    cr_assert(member_is(&json, "issuer", FIXTURE_URL));
    cr_assert(member_is(&json, "token_endpoint", FIXTURE_URL "/token"));
    cr_assert(
        member_is(&json, "jwks_uri", FIXTURE_URL "/.well-known/jwks.json"));
    cr_assert(member_has(&json, "grant_types_supported", "client_credentials"));
    cr_assert(member_has(&json, "token_endpoint_auth_methods_supported",
                         "client_secret_basic"));
    cr_assert(member_has(&json, "token_endpoint_auth_methods_supported",
                         "client_secret_post"));
    cr_assert(
        !member_has(&json, "token_endpoint_auth_methods_supported", "none"));
    cr_assert_not_null(
        sp_json_get(&json, sp_json_root(&json), "response_types_supported"));
    sp_json_free(&json);
    place_free(&place);
}

Test(auth_metadata, publishes_every_key_under_both_paths)
{
    static const char *const paths[] = { "/.well-known/jwks.json", "/jwks" };
    struct place place = place_new();

    for (size_t i = 0; i < SP_COUNT(paths); i++) {
        struct sp_json json = parse(&place, paths[i]);
        const struct sp_json_token *keys =
            sp_json_get(&json, sp_json_root(&json), "keys");

        cr_assert(sp_json_is(keys, SP_JSON_ARRAY));
        cr_assert_eq(keys->count, 2);
        sp_json_free(&json);
    }
    place_free(&place);
}

Test(auth_metadata, knows_nothing_else)
{
    static const char *const paths[] = {
        "",
        "/",
        "/.well-known/",
        "/.well-known/jwks.json/",
        "/jwks.json",
        "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource/v1",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
    };
    struct place place = place_new();

    for (size_t i = 0; i < SP_COUNT(paths); i++) {
        cr_expect_null(metadata_find(place.metadata, sp_view_of(paths[i])).ptr,
                       "%s", paths[i]);
    }
    place_free(&place);
}

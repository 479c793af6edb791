/* The schema of deploy/config/llm.yaml and the ranges of its values. */
#include "services/llm/llm_config.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cyaml/cyaml.h>

#include "common/base/compiler.h"
#include "common/fetch/fetch_target.h"
#include "common/process/config.h"
#include "common/text/buf.h"
#include "proto/schema.h"

#define NUMBER(type, name)                                                     \
    CYAML_FIELD_UINT(#name, CYAML_FLAG_DEFAULT, struct type, name)
#define OPTIONAL_TEXT(type, name, max)                                         \
    CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,    \
                           struct type, name, 1, max)

static const cyaml_strval_t kinds[] = {
    { "openai", LLM_OPENAI },
    { "ollama", LLM_OLLAMA },
};

static const cyaml_schema_field_t upstream_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct llm_upstream,
                           name, 1, 32),
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct llm_upstream, kind,
                     kinds, SP_COUNT(kinds)),
    CYAML_FIELD_STRING_PTR("url", CYAML_FLAG_POINTER, struct llm_upstream, url,
                           1, 1024),
    CYAML_FIELD_BOOL("allow_http", CYAML_FLAG_OPTIONAL, struct llm_upstream,
                     allow_http),
    OPTIONAL_TEXT(llm_upstream, ca_file, 1024),
    OPTIONAL_TEXT(llm_upstream, pin_sha256, 1024),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t limit_fields[] = {
    NUMBER(llm_limits, calls),
    NUMBER(llm_limits, answer_bytes),
    NUMBER(llm_limits, stream_bytes),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t time_fields[] = {
    NUMBER(llm_times, connect_ms),
    NUMBER(llm_times, idle_ms),
    NUMBER(llm_times, total_ms),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t model_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 128),
};

static const cyaml_schema_field_t top_fields[] = {
    CYAML_FIELD_MAPPING("upstream", CYAML_FLAG_DEFAULT, struct llm_config,
                        upstream, upstream_fields),
    CYAML_FIELD_SEQUENCE("models", CYAML_FLAG_POINTER, struct llm_config,
                         models, &model_schema, 1, 256),
    CYAML_FIELD_MAPPING("limits", CYAML_FLAG_DEFAULT, struct llm_config, limits,
                        limit_fields),
    CYAML_FIELD_MAPPING("times", CYAML_FLAG_DEFAULT, struct llm_config, times,
                        time_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct llm_config, top_fields),
};

#define RANGE(group, member, min, max)                                         \
    SP_CONFIG_RANGE(struct llm_config, group, member, min, max)

static const struct sp_config_range ranges[] = {
    RANGE(limits, calls, 1, LLM_MAX_CALLS),
    RANGE(limits, answer_bytes, 1024, SP_MAX_BODY),
    RANGE(limits, stream_bytes, 1024, 0x7fffffff),
    RANGE(times, connect_ms, 100, 60000),
    RANGE(times, idle_ms, 100, SP_MAX_DEADLINE_MS),
    RANGE(times, total_ms, 100, SP_MAX_DEADLINE_MS),
};

/* What is being checked, and where what is wrong is reported. */
struct check {
    const char *directory;
    const struct llm_upstream *upstream;
    struct sp_buf *why;
};

#define REPORT(check, key, ...)                                                \
    sp_config_tell((check)->why, (check)->directory, "llm", "upstream." key,   \
                   __VA_ARGS__)

/* The name becomes a file name. */
static int
check_name(const struct check *c)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    const char *name = c->upstream->name;

    if (name[strspn(name, plain)] != '\0') {
        return REPORT(c, "name", "is '%s'; use small letters, digits and '-'",
                      name);
    }
    if (strcmp(name, "passport") == 0) {
        return REPORT(
            c, "name",
            "must not be 'passport', whose key file is the gate's own; "
            "choose another name");
    }
    return 0;
}

static int
check_url(const struct check *c, const struct sp_fetch_target *target)
{
    const char *url = c->upstream->url;

    if (url[strlen(url) - 1] == '/' || strpbrk(url, "?#") != NULL) {
        return REPORT(
            c, "url",
            "is '%s'; end it with the path, e.g. /v1, without a slash "
            "or query behind it",
            url);
    }
    if (target->literal && !target->secure && !c->upstream->allow_http &&
        !sp_fetch_address_loopback(&target->addresses[0])) {
        return REPORT(c, "url",
                      "is plain http to another machine; use https, or set "
                      "upstream.allow_http: true");
    }
    return 0;
}

/* True for "sha256//<44 characters of base64>;sha256//..."; libcurl would take
 * other text for a file's name. */
static bool
is_pins(const char *text)
{
    static const char prefix[] = "sha256//";
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t digest = 43;

    for (;;) {
        if (strncmp(text, prefix, strlen(prefix)) != 0) {
            return false;
        }
        text += strlen(prefix);
        if (strspn(text, base64) != digest || text[digest] != '=') {
            return false;
        }
        text += digest + 1;
        if (*text != ';') {
            return *text == '\0';
        }
        text++;
    }
}

static bool
has_bytes(const char *file)
{
    struct stat st;

    return stat(file, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

/* attack: who configures a pin must not be served without one. */
static int
check_trust(const struct check *c, bool secure)
{
    const char *file = c->upstream->ca_file;
    const char *pins = c->upstream->pin_sha256;

    if (file != NULL && file[0] != '/') {
        return REPORT(c, "ca_file", "is '%s'; give an absolute path", file);
    }
    if (file != NULL && access(file, R_OK) != 0) {
        return REPORT(
            c, "ca_file",
            "is '%s', which cannot be read: %s; name a PEM file, and "
            "if it is new to a gate that runs, `sallyport restart llm`",
            file, strerror(errno));
    }
    if (file != NULL && !has_bytes(file)) {
        return REPORT(c, "ca_file",
                      "is '%s', which is empty or no file; name a PEM file",
                      file);
    }
    if (pins != NULL && !is_pins(pins)) {
        return REPORT(c, "pin_sha256",
                      "is '%s'; give sha256// and the 44 characters of the "
                      "key's digest in base64, several with ';' between",
                      pins);
    }
    if (!secure && (file != NULL || pins != NULL)) {
        return REPORT(c, "url",
                      "is plain http, where ca_file and pin_sha256 protect "
                      "nothing; use https, or remove them");
    }
    return 0;
}

static int
check_upstream(const struct check *c)
{
    struct sp_fetch_target target;
    int error = check_name(c);

    if (error != 0) {
        return error;
    }
    if (sp_fetch_target_begin(&target, c->upstream->url) != 0) {
        error = REPORT(c, "url",
                       "is '%s'; give an http or https URL without user and "
                       "password, up to and including /v1",
                       c->upstream->url);
    }
    error = error != 0 ? error : check_url(c, &target);
    error = error != 0 ? error : check_trust(c, target.secure);
    sp_fetch_target_end(&target);
    return error;
}

static void
end(struct sp_snapshot *snapshot)
{
    void *loaded = SP_CONTAINER_OF(snapshot, struct llm_config, snapshot);

    sp_config_free(&schema, &loaded);
}

int
llm_config_load(const char *directory, struct llm_config **ret_config,
                struct sp_buf *why)
{
    struct check check = { .directory = directory, .why = why };
    void *loaded = NULL;
    struct llm_config *config = NULL;
    int error = sp_config_load(directory, "llm", &schema, &loaded, why);

    if (error != 0) {
        return error;
    }
    config = loaded;
    sp_snapshot_begin(&config->snapshot, end);
    check.upstream = &config->upstream;
    error = sp_config_check(directory, "llm", config, ranges, SP_COUNT(ranges),
                            why);
    if (error == 0) {
        error = check_upstream(&check);
    }
    if (error != 0) {
        llm_config_release(&config);
        return error;
    }
    *ret_config = config;
    return 0;
}

struct llm_config *
llm_config_hold(struct llm_config *config)
{
    (void)sp_snapshot_hold(&config->snapshot);
    return config;
}

void
llm_config_release(struct llm_config **config)
{
    if (*config != NULL) {
        sp_snapshot_release(&(*config)->snapshot);
        *config = NULL;
    }
}

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

int
llm_config_follows(const struct llm_config *next, const struct llm_config *old,
                   bool has_key, const char *directory, struct sp_buf *why)
{
    const struct llm_upstream *to = &next->upstream;
    const struct llm_upstream *from = &old->upstream;
    const struct {
        const char *path;
        bool good;
    } rows[] = {
        { "upstream.name", same_text(to->name, from->name) },
        { "upstream.kind", has_key || to->kind == LLM_OLLAMA },
        { "upstream.ca_file",
          to->ca_file == NULL || same_text(to->ca_file, from->ca_file) },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        if (!rows[i].good) {
            return sp_config_frozen(why, directory, "llm", rows[i].path);
        }
    }
    if (llm_config_port(next) != llm_config_port(old)) {
        return sp_config_tell(why, directory, "llm", "upstream.url",
                              "names another port than the one that the jail "
                              "lets llm reach; run `sallyport restart llm`");
    }
    return 0;
}

uint16_t
llm_config_port(const struct llm_config *config)
{
    struct sp_fetch_target target;
    uint16_t port = 0;

    if (sp_fetch_target_begin(&target, config->upstream.url) == 0) {
        port = target.port;
    }
    sp_fetch_target_end(&target);
    return port;
}

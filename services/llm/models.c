/* The allow-list of models. */
#include "services/llm/models.h"

#include "common/base/error.h"

#define LATEST ":latest"
#define MAX_MODEL 128 /* the field `name` of CHECKED_CALL */

static struct sp_view
without_latest(struct sp_view model)
{
    size_t len = sizeof(LATEST) - 1;

    if (model.len > len &&
        memcmp(model.ptr + model.len - len, LATEST, len) == 0) {
        model.len -= len;
    }
    return model;
}

bool
models_allowed(const struct llm_config *config, struct sp_view model)
{
    bool ollama = config->upstream.kind == LLM_OLLAMA;

    for (uint32_t i = 0; i < config->models_count; i++) {
        struct sp_view listed = sp_view_of(config->models[i]);

        if (sp_view_is(listed, "*") || sp_view_equal(listed, model) ||
            (ollama &&
             sp_view_equal(without_latest(listed), without_latest(model)))) {
            return true;
        }
    }
    return false;
}

/* True for names that validation lets a request have: of visible ASCII, for
 * events and limits. A list shows no model that cannot be asked. */
static bool
may_be_asked(struct sp_view id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] <= ' ' || id.ptr[i] > '~') {
            return false;
        }
    }
    return id.len > 0 && id.len <= MAX_MODEL;
}

/* Appends a member where the value has the type that clients expect. */
static void
copy_member(const struct sp_json *json, const struct sp_json_token *from,
            const char *name, enum sp_json_type type, const char *otherwise,
            struct sp_buf *out)
{
    const struct sp_json_token *value = sp_json_get(json, from, name);

    (void)sp_buf_addf(out, ",\"%s\":", name);
    (void)sp_buf_add_view(out, sp_json_is(value, type)
                                   ? sp_json_raw(json, value)
                                   : sp_view_of(otherwise));
}

static void
write_model(const struct sp_json *json, const struct sp_json_token *model,
            struct sp_view id, struct sp_buf *out)
{
    (void)sp_buf_add_str(out, "{\"id\":\"");
    (void)sp_buf_add_json(out, id);
    (void)sp_buf_add_str(out, "\",\"object\":\"model\"");
    copy_member(json, model, "created", SP_JSON_NUMBER, "0", out);
    copy_member(json, model, "owned_by", SP_JSON_STRING, "\"upstream\"", out);
    (void)sp_buf_add_str(out, "}");
}

int
models_write(const struct llm_config *config, struct sp_json *json,
             struct sp_view answer, struct sp_buf *scratch, struct sp_buf *out)
{
    const struct sp_json_token *list = NULL;
    const struct sp_json_token *model = NULL;
    const char *comma = "";

    if (sp_json_parse(json, answer) != 0) {
        return SP_EFORMAT;
    }
    list = sp_json_get(json, sp_json_root(json), "data");
    /* An Ollama without models says null. */
    if (!sp_json_is(list, SP_JSON_ARRAY) &&
        (!sp_json_is(list, SP_JSON_NULL) ||
         sp_json_get(json, sp_json_root(json), "error") != NULL)) {
        return SP_EFORMAT;
    }
    (void)sp_buf_add_str(out, "{\"object\":\"list\",\"data\":[");
    model = sp_json_first(json, list);
    for (; model != NULL; model = sp_json_next(json, list, model)) {
        struct sp_view id = { 0 };

        sp_buf_reset(scratch);
        if (sp_json_string(json, sp_json_get(json, model, "id"), scratch,
                           &id) == 0 &&
            may_be_asked(id) && models_allowed(config, id)) {
            (void)sp_buf_add_str(out, comma);
            write_model(json, model, id, out);
            comma = ",";
        }
    }
    (void)sp_buf_add_str(out, "]}");
    return out->error;
}

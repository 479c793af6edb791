#include "common/process/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/process/config_place.h"
#include "common/process/config_schema.h"

enum {
    MAX_PATH = 4096,
    MAX_LINE = 512,
};

static void *
allocate(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    if (size == 0) {
        sp_free(ptr);
        return NULL;
    }
    return sp_realloc_n(ptr, size, 1);
}

/* The whole file, bounded; libcyaml's own reader takes any size. */
static int
read_path(const char *path, struct sp_buf *text, struct sp_buf *why)
{
    FILE *f = fopen(path, "re");
    char chunk[4096];
    size_t n = 0;
    int error = 0;

    if (f == NULL) {
        (void)sp_buf_addf(why,
                          "%s: %s; SP_CONFIG names the directory of the "
                          "YAML files",
                          path, strerror(errno));
        return SP_ECONFIG;
    }
    while (error == 0 && (n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        error = sp_buf_add(text, chunk, n);
    }
    if (ferror(f) != 0) {
        (void)sp_buf_addf(why, "%s: %s; correct what the name leads to", path,
                          strerror(errno));
        error = SP_ECONFIG;
    } else if (error != 0) {
        (void)sp_buf_addf(why, "%s: keep it below %d bytes", path,
                          SP_CONFIG_MAX_FILE);
        error = SP_ECONFIG;
    }
    (void)fclose(f);
    return error;
}

int
sp_config_read(const char *directory, const char *name, struct sp_buf *text,
               struct sp_buf *why)
{
    char path[MAX_PATH];

    (void)snprintf(path, sizeof(path), "%s/%s.yaml", directory, name);
    return read_path(path, text, why);
}

int
sp_config_load(const char *directory, const char *name,
               const cyaml_schema_value_t *schema, void **ret_config,
               struct sp_buf *why)
{
    const cyaml_config_t config = {
        .mem_fn = allocate,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_DEFAULT,
    };
    struct sp_buf text = sp_buf_new(SP_CONFIG_MAX_FILE);
    char path[MAX_PATH];
    int error = 0;

    (void)snprintf(path, sizeof(path), "%s/%s.yaml", directory, name);
    error = read_path(path, &text, why);
    if (error == 0) {
        error = sp_config_examine(sp_buf_view(&text), path, schema, why);
    }
    if (error == 0) {
        cyaml_err_t refused =
            cyaml_load_data((const uint8_t *)text.data, text.len, &config,
                            schema, ret_config, NULL);

        if (refused != CYAML_OK) {
            (void)sp_buf_addf(why, "%s: %s; correct it", path,
                              cyaml_strerror(refused));
            error = SP_ECONFIG;
        }
    }
    sp_buf_free(&text);
    return error;
}

void
sp_config_place(struct sp_buf *why, const char *directory, const char *file,
                const char *path)
{
    struct sp_buf text = sp_buf_new(SP_CONFIG_MAX_FILE);
    struct sp_buf unread = sp_buf_new(MAX_LINE);
    char name[MAX_PATH];

    (void)snprintf(name, sizeof(name), "%s/%s.yaml", directory, file);
    /* It was read a moment ago; where it has gone, line 1 must do. */
    (void)read_path(name, &text, &unread);
    (void)sp_buf_addf(why, "%s:%lu: %s ", name,
                      sp_config_line(sp_buf_view(&text), path), path);
    sp_buf_free(&text);
    sp_buf_free(&unread);
}

int
sp_config_tell(struct sp_buf *why, const char *directory, const char *file,
               const char *path, const char *format, ...)
{
    char said[MAX_LINE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(said, sizeof(said), format, args);
    va_end(args);
    sp_config_place(why, directory, file, path);
    (void)sp_buf_add_str(why, said);
    return SP_ECONFIG;
}

int
sp_config_frozen(struct sp_buf *why, const char *directory, const char *file,
                 const char *path)
{
    return sp_config_tell(why, directory, file, path,
                          "cannot change while %s runs; run `sallyport restart "
                          "%s`, or put the old value back",
                          file, file);
}

/* The length keeps two files apart from one that holds both. */
static int
digest_file(crypto_hash_sha256_state *state, const char *directory,
            const char *name, struct sp_buf *why)
{
    struct sp_buf text = sp_buf_new(SP_CONFIG_MAX_FILE);
    char path[MAX_PATH];
    char head[MAX_PATH];
    int error = 0;

    (void)snprintf(path, sizeof(path), "%s/%s.yaml", directory, name);
    error = read_path(path, &text, why);
    if (error == 0) {
        (void)snprintf(head, sizeof(head), "%s %zu\n", name, text.len);
        (void)crypto_hash_sha256_update(state, (const unsigned char *)head,
                                        strlen(head));
        (void)crypto_hash_sha256_update(
            state, (const unsigned char *)(text.len > 0 ? text.data : ""),
            text.len);
    }
    sp_buf_free(&text);
    return error;
}

int
sp_config_version(const char *directory, const char *const *files,
                  char ret_version[SP_CONFIG_VERSION_LEN + 1],
                  struct sp_buf *why)
{
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    int error = 0;

    (void)crypto_hash_sha256_init(&state);
    for (; error == 0 && *files != NULL; files++) {
        error = digest_file(&state, directory, *files, why);
    }
    if (error == 0) {
        (void)crypto_hash_sha256_final(&state, digest);
        (void)sodium_bin2hex(ret_version, SP_CONFIG_VERSION_LEN + 1, digest,
                             SP_CONFIG_VERSION_LEN / 2);
    }
    return error;
}

int
sp_config_check(const char *directory, const char *file, const void *config,
                const struct sp_config_range *ranges, size_t count,
                struct sp_buf *why)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t value = 0;

        memcpy(&value, (const char *)config + ranges[i].offset, sizeof(value));
        if (value < ranges[i].min || value > ranges[i].max) {
            return sp_config_tell(why, directory, file, ranges[i].name,
                                  "is %u; give a number from %u to %u", value,
                                  ranges[i].min, ranges[i].max);
        }
    }
    return 0;
}

void
sp_config_free(const cyaml_schema_value_t *schema, void **config)
{
    const cyaml_config_t settings = {
        .mem_fn = allocate,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_DEFAULT,
    };

    if (*config != NULL) {
        (void)cyaml_free(&settings, schema, *config, 0);
        *config = NULL;
    }
}

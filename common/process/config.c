#include "common/process/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/process/config_place.h"

enum {
    MAX_PATH = 4096,
    MAX_FILE = 1024 * 1024,
    MAX_LINE = 512,
};

/* libcyaml tells what is wrong in one log line and where in the lines of its
 * backtrace: the innermost place comes first. */
struct findings {
    char what[MAX_LINE];
    char field[MAX_LINE];
    unsigned long line;
};

static void
strip(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' ')) {
        text[--len] = '\0';
    }
}

/* Takes "in mapping field 'x' (line: 3, column: 5)" apart. */
static void
note_place(struct findings *f, const char *text)
{
    const char *line = strstr(text, "line: ");
    const char *open = strchr(text, '\'');
    const char *close = open == NULL ? NULL : strchr(open + 1, '\'');

    if (f->line == 0 && line != NULL) {
        f->line = strtoul(line + strlen("line: "), NULL, 10);
    }
    if (f->field[0] == '\0' && close != NULL) {
        (void)snprintf(f->field, sizeof(f->field), "%.*s",
                       (int)(close - open - 1), open + 1);
    }
}

static void SP_PRINTF(3, 0)
    take_line(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
    struct findings *f = ctx;
    char text[MAX_LINE];

    (void)level;
    (void)vsnprintf(text, sizeof(text), format, args);
    strip(text);
    if (strstr(text, "Backtrace") != NULL) {
        return;
    }
    if (strstr(text, "(line: ") != NULL) {
        note_place(f, text);
        return;
    }
    if (f->what[0] == '\0') {
        const char *start = strstr(text, "Load: ");

        (void)snprintf(f->what, sizeof(f->what), "%s",
                       start == NULL ? text : start + strlen("Load: "));
        note_place(f, text);
    }
}

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

/* libcyaml names the place behind which an unwanted key stands; the key itself
 * is on a later line. */
static void
find_key(struct findings *f, struct sp_view text)
{
    const char *colon = strrchr(f->what, ':');
    const char *key = colon == NULL ? "" : colon + strspn(colon, ": ");
    size_t len = strlen(key);
    unsigned long number = 1;

    if (strstr(f->what, "key: ") == NULL && strstr(f->what, "seen: ") == NULL) {
        return;
    }
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t line_len = end == NULL ? text.len : (size_t)(end - text.ptr);
        size_t skip = 0;

        while (skip < line_len && strchr(" -", text.ptr[skip]) != NULL) {
            skip++;
        }
        if (number > f->line && line_len - skip > len &&
            memcmp(text.ptr + skip, key, len) == 0 &&
            text.ptr[skip + len] == ':') {
            f->line = number;
            return;
        }
        text = sp_view_skip(text, end == NULL ? text.len : line_len + 1);
        number++;
    }
}

static void
tell(struct sp_buf *why, const char *path, const struct findings *f,
     cyaml_err_t error)
{
    (void)sp_buf_addf(why, "%s:%lu: %s", path, f->line == 0 ? 1 : f->line,
                      f->what[0] == '\0' ? cyaml_strerror(error) : f->what);
    if (f->field[0] != '\0' && strstr(f->what, f->field) == NULL) {
        (void)sp_buf_addf(why, " (at '%s')", f->field);
    }
    (void)sp_buf_add_str(why, "; correct this line, the comments of the file "
                              "name the keys and values");
}

/* The whole file, bounded; libcyaml's own reader takes any size. */
static int
read_file(const char *path, struct sp_buf *text, struct sp_buf *why)
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
    if (error == 0 && ferror(f) != 0) {
        error = SP_ESYSTEM;
    }
    (void)fclose(f);
    if (error != 0) {
        (void)sp_buf_addf(why, "%s: %s; keep it below %d bytes", path,
                          sp_strerror(error), MAX_FILE);
        return SP_ECONFIG;
    }
    return 0;
}

int
sp_config_load(const char *directory, const char *name,
               const cyaml_schema_value_t *schema, void **ret_config,
               struct sp_buf *why)
{
    struct findings found = { .line = 0 };
    cyaml_config_t config = {
        .log_fn = take_line,
        .log_ctx = &found,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = allocate,
        .flags = CYAML_CFG_DEFAULT,
    };
    struct sp_buf text = sp_buf_new(MAX_FILE);
    char path[MAX_PATH];
    cyaml_err_t error = CYAML_OK;
    int result = 0;

    (void)snprintf(path, sizeof(path), "%s/%s.yaml", directory, name);
    result = read_file(path, &text, why);
    if (result == 0) {
        error = cyaml_load_data((const uint8_t *)(text.len ? text.data : ""),
                                text.len, &config, schema, ret_config, NULL);
    }
    if (error != CYAML_OK) {
        find_key(&found, sp_buf_view(&text));
        tell(why, path, &found, error);
        result = SP_ECONFIG;
    } else if (result == 0 && *ret_config == NULL) {
        (void)sp_buf_addf(why, "%s: the file is empty; restore it", path);
        result = SP_ECONFIG;
    }
    sp_buf_free(&text);
    return result;
}

void
sp_config_place(struct sp_buf *why, const char *directory, const char *file,
                const char *path)
{
    struct sp_buf text = sp_buf_new(MAX_FILE);
    struct sp_buf unread = sp_buf_new(MAX_LINE);
    char name[MAX_PATH];

    (void)snprintf(name, sizeof(name), "%s/%s.yaml", directory, file);
    /* It was read a moment ago; where it has gone, line 1 must do. */
    (void)read_file(name, &text, &unread);
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
    struct sp_buf text = sp_buf_new(MAX_FILE);
    char path[MAX_PATH];
    char head[MAX_PATH];
    int error = 0;

    (void)snprintf(path, sizeof(path), "%s/%s.yaml", directory, name);
    error = read_file(path, &text, why);
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

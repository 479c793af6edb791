/* A service's YAML file, by libcyaml: checked against a schema of the service,
 * unknown keys, wrong types and bad values refused with file and line. */
#ifndef SP_COMMON_PROCESS_CONFIG_H
#define SP_COMMON_PROCESS_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include <cyaml/cyaml.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

/* The largest file that is read, in bytes. */
#define SP_CONFIG_MAX_FILE (1024 * 1024)

/* Appends the bytes of `directory`/`name`.yaml to `text`. 0, or SP_ECONFIG with
 * a sentence in `why`. */
SP_MUST_CHECK int
sp_config_read(const char *directory, const char *name, struct sp_buf *text,
               struct sp_buf *why);

/* Loads `directory`/`name`.yaml. On failure `why` holds a sentence with file,
 * line and fix. 0 or SP_ECONFIG. */
SP_MUST_CHECK int
sp_config_load(const char *directory, const char *name,
               const cyaml_schema_value_t *schema, void **ret_config,
               struct sp_buf *why);

/* The range of a number (uint32_t) in a loaded configuration, with its name for
 * the message. */
struct sp_config_range {
    const char *name;
    size_t offset;
    uint32_t min;
    uint32_t max;
};

/* A row for `group.member` of the configuration struct `type`. */
#define SP_CONFIG_RANGE(type, group, member, min, max)                         \
    {                                                                          \
#group "." #member, offsetof(type, group.member), min, max             \
    }

/* Checks every row. 0, or SP_ECONFIG with a sentence about
 * `directory`/`file`.yaml in `why`. */
SP_MUST_CHECK int
sp_config_check(const char *directory, const char *file, const void *config,
                const struct sp_config_range *ranges, size_t count,
                struct sp_buf *why);

/* Writes "`directory`/`file`.yaml:LINE: `path` ..." to `why`, about a value
 * that has the right type and is wrong all the same; `path` as in
 * "tiers[1].subject.burst". SP_ECONFIG, for the caller to return. */
SP_PRINTF(5, 6)
int
sp_config_tell(struct sp_buf *why, const char *directory, const char *file,
               const char *path, const char *format, ...);

/* Writes the place alone, "`directory`/`file`.yaml:LINE: `path` ", for a check
 * that adds its own sentence. */
void
sp_config_place(struct sp_buf *why, const char *directory, const char *file,
                const char *path);

/* As sp_config_tell(), about a value that is good and differs from the one that
 * the running service `file` began with, where only a start can change it. */
int
sp_config_frozen(struct sp_buf *why, const char *directory, const char *file,
                 const char *path);

/* Hex digits of a version, without the NUL behind them. */
#define SP_CONFIG_VERSION_LEN 16

/* The version of `directory`: the first digits of the SHA-256 over names and
 * bytes of its `files` (without ".yaml", NULL after the last). Equal files have
 * equal versions, wherever they are. 0, or SP_ECONFIG with a sentence in
 * `why`. */
SP_MUST_CHECK int
sp_config_version(const char *directory, const char *const *files,
                  char ret_version[SP_CONFIG_VERSION_LEN + 1],
                  struct sp_buf *why);

void
sp_config_free(const cyaml_schema_value_t *schema, void **config);

#endif

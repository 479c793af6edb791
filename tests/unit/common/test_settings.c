#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/process/config.h"
#include "common/process/settings.h"

#define LETTERS "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Each Criterion test is a process of its own: the environment is ours. */
static void
clear_settings(void)
{
    (void)clearenv();
}

TestSuite(settings, .init = clear_settings);

Test(settings, defaults_are_those_of_the_table)
{
    struct sp_settings s;
    const char *why = NULL;

    cr_assert_eq(sp_settings_load(&s, &why), 0, "%s", why);
    cr_expect_str_eq(s.url, "https://localhost:8443");
    cr_expect_str_eq(s.authority, "localhost:8443");
    cr_expect_str_eq(s.listen_host, "127.0.0.1");
    cr_expect_eq(s.listen_port, 8443);
    cr_expect_eq(s.metrics_port, 9464);
    cr_expect_eq(s.level, SP_LOG_INFO);
    cr_expect_not(s.links_tcp);
    sp_settings_free(&s);
}

Test(settings, takes_an_ipv6_listen_address)
{
    struct sp_settings s;
    const char *why = NULL;

    cr_assert_eq(setenv("SP_LISTEN", "[::1]:9443", 1), 0);
    cr_assert_eq(sp_settings_load(&s, &why), 0, "%s", why);
    cr_expect_str_eq(s.listen_host, "::1");
    cr_expect_eq(s.listen_port, 9443);
    sp_settings_free(&s);
}

Test(settings, container_replicas_are_named_by_their_host)
{
    struct sp_settings s;
    const char *why = NULL;
    char host[33] = "";

    cr_assert_eq(gethostname(host, sizeof(host) - 1), 0);
    cr_assert_eq(setenv("SP_LINKS", "tcp", 1), 0);
    cr_assert_eq(sp_settings_load(&s, &why), 0, "%s", why);
    cr_expect_str_eq(s.replica, host);
    sp_settings_free(&s);
    cr_assert_eq(setenv("SP_REPLICA", "b", 1), 0);
    cr_assert_eq(sp_settings_load(&s, &why), 0, "%s", why);
    cr_expect_str_eq(s.replica, "b");
    sp_settings_free(&s);
}

Test(settings, refuses_each_bad_value_by_name)
{
    static const struct {
        const char *name;
        const char *value;
    } rows[] = {
        { "SP_URL", "http://localhost" },
        { "SP_URL", "https://localhost/" },
        { "SP_URL", "https://user@localhost" },
        { "SP_URL", "https://" },
        { "SP_URL", "https://" LETTERS LETTERS LETTERS LETTERS LETTERS },
        { "SP_LISTEN", "8443" },
        { "SP_LISTEN", "localhost:8443" },
        { "SP_LISTEN", "127.0.0.1:0" },
        { "SP_LISTEN", "127.0.0.1:65536" },
        { "SP_LISTEN", "127.0.0.1:-1" },
        { "SP_LISTEN", "127.0.0.1:80x" },
        { "SP_LISTEN", "::1:80" },
        { "SP_METRICS_LISTEN", "" },
        { "SP_LINKS", "udp" },
        { "SP_REPLICA", "../0" },
        { "SP_REPLICA", "" },
        { "SP_STATE", "" },
        { "SP_LOG_LEVEL", "loud" },
        { "SP_DRAIN_S", "0" },
        { "SP_DRAIN_S", "86401" },
        { "SP_DRAIN_S", "30s" },
        { "SP_DRAIN_S", "" },
        { "SP_REDIS_URL", "redis://127.0.0.1" },
        { "SP_LISTN", "127.0.0.1:1" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_settings s;
        const char *why = NULL;

        cr_assert_eq(setenv(rows[i].name, rows[i].value, 1), 0);
        cr_assert_eq(sp_settings_load(&s, &why), SP_ECONFIG, "%s=%s",
                     rows[i].name, rows[i].value);
        cr_expect_not_null(strstr(why, rows[i].name), "%s", why);
        sp_free((void *)(uintptr_t)why);
        cr_assert_eq(unsetenv(rows[i].name), 0);
    }
}

static void
write_file(char *path, const char *text)
{
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(close(fd), 0);
}

Test(settings, env_file_fills_what_is_not_set)
{
    char path[] = "/tmp/sallyport-env-XXXXXX";
    const char *why = NULL;

    write_file(path, "# a comment\n\n SP_URL = \"https://a.example\" \n"
                     "SP_STATE=/from/file\n");
    cr_assert_eq(setenv("SP_STATE", "/from/environment", 1), 0);
    cr_assert_eq(sp_settings_load_env_file(path, &why), 0, "%s", why);
    cr_expect_str_eq(getenv("SP_URL"), "https://a.example");
    cr_expect_str_eq(getenv("SP_STATE"), "/from/environment");
    cr_assert_eq(unlink(path), 0);
    cr_expect_eq(sp_settings_load_env_file(path, &why), 0, "missing is fine");
}

Test(settings, env_file_names_the_bad_line)
{
    char path[] = "/tmp/sallyport-env-XXXXXX";
    const char *why = NULL;

    write_file(path, "SP_URL=https://a.example\nSP_STATE /nowhere\n");
    cr_assert_eq(sp_settings_load_env_file(path, &why), SP_ECONFIG);
    cr_expect_not_null(strstr(why, ":2:"), "%s", why);
    sp_free((void *)(uintptr_t)why);
    cr_assert_eq(unlink(path), 0);
}

/* ---------------------------------------------------------------- YAML */

struct sample {
    char *name;
    unsigned count;
};

static const cyaml_schema_field_t sample_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct sample, name, 1,
                           16),
    CYAML_FIELD_UINT("count", CYAML_FLAG_DEFAULT, struct sample, count),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t sample_schema = { CYAML_VALUE_MAPPING(
    CYAML_FLAG_POINTER, struct sample, sample_fields) };

static int
load(const char *text, struct sample **ret, struct sp_buf *why)
{
    char directory[] = "/tmp/sallyport-config-XXXXXX";
    char path[64];
    void *config = NULL;
    FILE *f = NULL;
    int error = 0;

    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/sample.yaml", directory);
    f = fopen(path, "we");
    cr_assert_not_null(f);
    cr_assert_geq(fputs(text, f), 0);
    cr_assert_eq(fclose(f), 0);
    error = sp_config_load(directory, "sample", &sample_schema, &config, why);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0);
    *ret = config;
    return error;
}

Test(config, loads_what_the_schema_names)
{
    struct sp_buf why = sp_buf_new(1024);
    struct sample *sample = NULL;
    void *config = NULL;

    cr_assert_eq(load("# c\nname: abc\ncount: 3\n", &sample, &why), 0);
    cr_expect_str_eq(sample->name, "abc");
    cr_expect_eq(sample->count, 3);
    config = sample;
    sp_config_free(&sample_schema, &config);
    cr_expect_null(config);
    sp_buf_free(&why);
}

Test(config, refuses_with_file_line_and_mend)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { "name: abc\ncount: 3\nfoo: 1\n", "sample.yaml:3:" },
        { "name: abc\n\ncount: many\n", "sample.yaml:3:" },
        { "name: abc\ncount: -1\n", "sample.yaml:2:" },
        { "name: abcdefghijklmnopqrstuvwxyz\ncount: 1\n", "sample.yaml:1:" },
        { "name: abc\n", "sample.yaml:" },
        { "- name\n", "sample.yaml:1:" },
        { "name: abc\nname: abd\ncount: 1\n", "sample.yaml:" },
        { "", "sample.yaml:" },
        { "name: [\n", "sample.yaml:" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf why = sp_buf_new(1024);
        struct sample *sample = NULL;

        cr_assert_eq(load(rows[i].text, &sample, &why), SP_ECONFIG, "%s",
                     rows[i].text);
        (void)sp_buf_add(&why, "", 1);
        cr_expect_not_null(strstr(why.data, rows[i].says), "%s -> %s",
                           rows[i].text, why.data);
        sp_buf_free(&why);
    }
}

Test(config, says_where_a_missing_file_was_looked_for)
{
    struct sp_buf why = sp_buf_new(1024);
    void *config = NULL;

    cr_assert_eq(
        sp_config_load("/nowhere", "sample", &sample_schema, &config, &why),
        SP_ECONFIG);
    (void)sp_buf_add(&why, "", 1);
    cr_expect_not_null(strstr(why.data, "/nowhere/sample.yaml"), "%s",
                       why.data);
    sp_buf_free(&why);
}

static void
write_text(const char *directory, const char *name, const char *text)
{
    char path[96];
    FILE *f = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s.yaml", directory, name);
    f = fopen(path, "we");
    cr_assert_not_null(f);
    cr_assert_geq(fputs(text, f), 0);
    cr_assert_eq(fclose(f), 0);
}

Test(config, a_version_stands_for_names_and_bytes_and_not_for_the_place)
{
    static const char *const both[] = { "a", "b", NULL };
    static const char *const one[] = { "a", NULL };
    static const struct {
        const char *a;
        const char *b;
    } rows[] = {
        { "x: 1\n", "y: 2\n" }, { "x: 1\n ", "y: 2\n" }, { "y: 2\n", "x: 1\n" },
        { "x: 1\ny: 2\n", "" }, { "", "x: 1\ny: 2\n" },  { "x: 1\ny: 2", "\n" },
    };
    char seen[SP_COUNT(rows) + 1][SP_CONFIG_VERSION_LEN + 1];
    struct sp_buf why = sp_buf_new(1024);

    for (size_t i = 0; i < SP_COUNT(rows) * 2; i++) {
        char directory[] = "/tmp/sallyport-config-XXXXXX";
        char version[SP_CONFIG_VERSION_LEN + 1];
        char path[64];
        size_t row = i / 2;

        cr_assert_not_null(mkdtemp(directory));
        write_text(directory, "a", rows[row].a);
        write_text(directory, "b", rows[row].b);
        cr_assert_eq(sp_config_version(directory, both, version, &why), 0);
        cr_expect_eq(strspn(version, "0123456789abcdef"),
                     SP_CONFIG_VERSION_LEN);
        if (i % 2 == 1) {
            cr_expect_str_eq(version, seen[row], "row %zu", row);
        } else {
            memcpy(seen[row], version, sizeof(version));
        }
        if (row == 0) {
            cr_assert_eq(
                sp_config_version(directory, one, seen[SP_COUNT(rows)], &why),
                0);
        }
        (void)snprintf(path, sizeof(path), "%s/a.yaml", directory);
        cr_assert_eq(unlink(path), 0);
        (void)snprintf(path, sizeof(path), "%s/b.yaml", directory);
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(rmdir(directory), 0);
    }
    for (size_t i = 0; i < SP_COUNT(seen); i++) {
        for (size_t j = 0; j < i; j++) {
            cr_expect_str_neq(seen[i], seen[j], "rows %zu and %zu", i, j);
        }
    }
    sp_buf_free(&why);
}

Test(config, there_is_no_version_of_a_file_that_is_not_there)
{
    static const char *const files[] = { "a", NULL };
    struct sp_buf why = sp_buf_new(1024);
    char version[SP_CONFIG_VERSION_LEN + 1] = "as it was";

    cr_assert_eq(sp_config_version("/nowhere", files, version, &why),
                 SP_ECONFIG);
    cr_expect_str_eq(version, "as it was");
    (void)sp_buf_add(&why, "", 1);
    cr_expect_not_null(strstr(why.data, "/nowhere/a.yaml"), "%s", why.data);
    sp_buf_free(&why);
}

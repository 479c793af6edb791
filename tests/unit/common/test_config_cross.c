/* References between files: a name that the other file lacks is refused with
 * its place, by the processes of both files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/compiler.h"
#include "common/base/error.h"
#include "common/process/config_cross.h"

#define AUTH                                                                   \
    "issuers: []\nscopes:\n  - a:b\n  - c:d\nclients:\n  - id: demo\n"         \
    "    scopes: [a:b]\n"
#define TOOLS "tools:\n  - name: n\n    scope: a:b\n  - name: m\n    scope: "

static const char *const names[] = { "auth", "tools", "ratelimit" };

static const struct {
    const char *label;
    const char *texts[SP_COUNT(names)]; /* NULL: no such file */
    const char *asks;                   /* the file of the process */
    const char *says;                   /* NULL: good */
} rows[] = {
    { "a known scope", { AUTH, TOOLS "c:d\n", NULL }, "tools", NULL },
    { "a scope that auth lacks",
      { AUTH, TOOLS "c:e\n", NULL },
      "tools",
      "tools.yaml:5: tools[1].scope is c:e, which is not among the scopes of "
      "auth.yaml; correct it" },
    { "the same, seen by auth",
      { AUTH, TOOLS "c:e\n", NULL },
      "auth",
      "tools.yaml:5: tools[1].scope is c:e" },
    { "nothing of ours", { AUTH, TOOLS "c:e\n", NULL }, "llm", NULL },
    { "a part of a scope",
      { AUTH, TOOLS "a\n", NULL },
      "tools",
      "is a, which" },
    { "an id is no scope", { AUTH, TOOLS "demo\n", NULL }, "tools", "is demo" },
    { "a known client",
      { AUTH, NULL, "clients:\n  - { client: demo, tier: t }\n" },
      "ratelimit",
      NULL },
    { "no clients", { AUTH, NULL, "entries: 1\n" }, "ratelimit", NULL },
    { "an unknown client",
      { AUTH, NULL, "clients:\n  - client: demo\n  - client: dem0\n" },
      "ratelimit",
      "ratelimit.yaml:3: clients[1].client is dem0, which is not among the "
      "clients of auth.yaml" },
    { "clients of another issuer",
      { "issuers: [https://other.example]\nclients: []\n", NULL,
        "clients:\n  - client: dem0\n" },
      "ratelimit",
      NULL },
    { "auth is refused by auth",
      { "scopes: [", TOOLS "c:e\n", NULL },
      "tools",
      NULL },
    { "auth is away", { NULL, TOOLS "c:e\n", NULL }, "tools", NULL },
};

Test(config_cross, refuses_names_that_the_other_file_lacks)
{
    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char directory[] = "/tmp/test_config_cross.XXXXXX";
        const char *const files[] = { rows[i].asks, NULL };
        struct sp_buf why = sp_buf_new(4096);
        char path[64];

        cr_assert_not_null(mkdtemp(directory));
        for (size_t n = 0; n < SP_COUNT(names); n++) {
            FILE *file = NULL;

            (void)snprintf(path, sizeof(path), "%s/%s.yaml", directory,
                           names[n]);
            file = rows[i].texts[n] == NULL ? NULL : fopen(path, "w");
            if (file != NULL) {
                cr_assert_geq(fputs(rows[i].texts[n], file), 0);
                cr_assert_eq(fclose(file), 0);
            }
        }
        cr_expect_eq(sp_config_cross(directory, files, &why),
                     rows[i].says == NULL ? 0 : SP_ECONFIG, "%s",
                     rows[i].label);
        (void)sp_buf_add(&why, "", 1);
        cr_expect_not_null(
            strstr(why.data, rows[i].says == NULL ? "" : rows[i].says),
            "%s: %s", rows[i].label, why.data);
        for (size_t n = 0; n < SP_COUNT(names); n++) {
            (void)snprintf(path, sizeof(path), "%s/%s.yaml", directory,
                           names[n]);
            (void)unlink(path);
        }
        cr_assert_eq(rmdir(directory), 0);
        sp_buf_free(&why);
    }
}

Test(config_cross, takes_what_is_shipped)
{
    static const char *const files[] = { "auth", "tools", "ratelimit", NULL };
    struct sp_buf why = sp_buf_new(4096);

    cr_expect_eq(sp_config_cross("deploy/config", files, &why), 0);
    cr_expect_eq(why.len, 0);
    sp_buf_free(&why);
}

/* edge.yaml as a whole: hosts of the file and of the settings, faults with
 * their line, and what only a start can change. */
#include "services/edge/rules.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "common/base/error.h"
#include "services/edge/edge_config.h"
#include "services/edge/hosts.h"

static char authority[] = "gate.example:8443";
static const struct sp_settings settings = { .authority = authority,
                                             .listen_port = 8443 };

/* The shipped file with `from` replaced by `to`. */
static void
write_config(const char *directory, const char *from, const char *to)
{
    char text[16384];
    char path[PATH_MAX];
    FILE *file = fopen("deploy/config/edge.yaml", "r");
    size_t len = 0;
    char *at = NULL;

    cr_assert_not_null(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    at = strstr(text, from);
    cr_assert_not_null(at, "%s", from);
    (void)snprintf(path, sizeof(path), "%s/edge.yaml", directory);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fprintf(file, "%.*s%s%s", (int)(at - text), text, to,
                          at + strlen(from)),
                  0);
    cr_assert_eq(fclose(file), 0);
}

Test(edge_rules, hosts_come_from_the_settings_and_the_file)
{
    char directory[] = "/tmp/sp-edge-XXXXXX";
    char path[64];
    struct sp_buf why = sp_buf_new(4096);
    struct edge_config *config = NULL;
    struct hosts *hosts = NULL;

    cr_assert_not_null(mkdtemp(directory));
    write_config(directory, "hosts: []", "hosts: [other.example]");
    cr_assert_eq(rules_load(&settings, directory, &config, &hosts, &why), 0,
                 "%.*s", SP_VIEW(sp_buf_view(&why)));
    cr_expect(hosts_knows(hosts, sp_view_of("gate.example:8443")));
    cr_expect(hosts_knows(hosts, sp_view_of("localhost:8443")));
    cr_expect(hosts_knows(hosts, sp_view_of("other.example")));
    cr_expect_not(hosts_knows(hosts, sp_view_of("evil.example")));
    edge_config_free(&config);
    hosts_free(&hosts);
    sp_buf_free(&why);
    (void)snprintf(path, sizeof(path), "%s/edge.yaml", directory);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0);
}

Test(edge_rules, a_fault_names_file_and_line)
{
    static const struct {
        const char *from;
        const char *to;
        const char *says;
    } rows[] = {
        { "hosts: []", "hosts:\n  - good.example\n  - \"bad host\"",
          ": hosts[1] is \"bad host\"" },
        { "origins: []", "origins: [nowhere]", ": origins[0] is \"nowhere\"" },
        { "  requests: 12000", "  requests: 0", ": limits.requests is 0" },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        char directory[] = "/tmp/sp-edge-XXXXXX";
        char path[64];
        struct sp_buf why = sp_buf_new(4096);
        struct edge_config *config = NULL;
        struct hosts *hosts = NULL;

        cr_assert_not_null(mkdtemp(directory));
        write_config(directory, rows[i].from, rows[i].to);
        cr_expect_eq(rules_load(&settings, directory, &config, &hosts, &why),
                     SP_ECONFIG);
        cr_expect_null(config);
        cr_expect_null(hosts);
        (void)sp_buf_add(&why, "", 1);
        cr_expect_not_null(strstr(why.data, rows[i].says), "%s", why.data);
        cr_expect_not_null(strstr(why.data, "/edge.yaml:"), "%s", why.data);
        sp_buf_free(&why);
        (void)snprintf(path, sizeof(path), "%s/edge.yaml", directory);
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(rmdir(directory), 0);
    }
}

Test(edge_rules, what_was_made_for_the_old_sizes_stays)
{
    const struct edge_limits old = { .connections = 100,
                                     .connection_bytes = 8192,
                                     .requests = 50,
                                     .body_bytes = 1024 };
    struct edge_limits next = old;
    struct sp_buf why = sp_buf_new(4096);

    next.body_bytes = 2048;
    cr_expect_eq(rules_follow(&next, &old, "deploy/config", &why), 0);
    cr_expect_eq(why.len, 0);
    next.connections = 101;
    cr_expect_eq(rules_follow(&next, &old, "deploy/config", &why), SP_ECONFIG);
    (void)sp_buf_add(&why, "", 1);
    cr_expect_not_null(strstr(why.data, "deploy/config/edge.yaml:"));
    cr_expect_not_null(strstr(why.data, "limits.connections cannot change"));
    cr_expect_not_null(strstr(why.data, "sallyport restart edge"));
    sp_buf_free(&why);
}

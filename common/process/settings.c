#include "common/process/settings.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/view.h"
#include "common/text/address.h"
#include "common/text/decimal.h"

extern char **environ;

enum {
    MAX_LINE = 4096,
    MAX_WHY = 512,
    MAX_REPLICA = 32,
    MAX_DRAIN_S = 86400,
    MAX_AUTHORITY = 261, /* a name of 253 characters (RFC 1035) and a port */
};

/* Variables that other parts of the project read; they are no settings of a
 * process, but must not be taken for a slip of the pen either. */
static const char *const foreign_prefixes[] = { "SP_TEST_" };

/* One sentence that outlives the call; made once, before the process ends. */
static int SP_PRINTF(2, 3)
    refuse(const char **ret_error, const char *format, ...)
{
    char *text = sp_alloc(MAX_WHY);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, MAX_WHY, format, args);
    va_end(args);
    *ret_error = text;
    return SP_ECONFIG;
}

/* ----------------------------------------------------------------- names */

static const char *const names[] = {
#define SETTING_NAME(variable, member, fallback, meaning) #variable,
    SP_SETTINGS(SETTING_NAME)
#undef SETTING_NAME
};

static bool
known(struct sp_view name)
{
    for (size_t i = 0; i < SP_COUNT(names); i++) {
        if (sp_view_is(name, names[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < SP_COUNT(foreign_prefixes); i++) {
        if (sp_view_starts(name, foreign_prefixes[i])) {
            return true;
        }
    }
    return false;
}

static int
check_names(const char **ret_error)
{
    for (char **e = environ; e != NULL && *e != NULL; e++) {
        size_t len = strcspn(*e, "=");

        if (strncmp(*e, "SP_", 3) == 0 && !known(sp_view_make(*e, len))) {
            return refuse(ret_error,
                          "%.*s is no setting; see .env.example for the list, "
                          "or unset it",
                          (int)(len > 64 ? 64 : len), *e);
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- values */

/* Splits "host:port" or "[v6]:port"; the host must be an address. */
static int
split_listen(const char *name, const char *value, char **ret_host,
             uint16_t *ret_port, const char **ret_error)
{
    const char *colon = strrchr(value, ':');
    union sp_address address;
    socklen_t address_len = 0;
    char host[INET6_ADDRSTRLEN] = "";
    uint64_t port = 0;
    int error = SP_EFORMAT;
    size_t len = colon == NULL ? 0 : (size_t)(colon - value);
    bool v6 = len > 2 && value[0] == '[' && value[len - 1] == ']';
    size_t skip = v6 ? 1 : 0;

    if (colon != NULL && len - 2 * skip < sizeof(host)) {
        memcpy(host, value + skip, len - 2 * skip);
        error = sp_number_read(sp_view_of(colon + 1), UINT16_MAX, &port);
    }
    if (error != 0 || port == 0 ||
        sp_address_parse(host, (uint16_t)port, &address, &address_len) != 0 ||
        (address.any.sa_family == AF_INET6) != v6) {
        return refuse(ret_error,
                      "%s: give an address and a port, as 127.0.0.1:8443 or "
                      "[::1]:8443",
                      name);
    }
    *ret_host = sp_dup(host);
    *ret_port = (uint16_t)port;
    return 0;
}

/* Host characters of a URL; the edge compares Host headers with them. */
static bool
plain_authority(const char *s)
{
    return *s != '\0' && strlen(s) <= MAX_AUTHORITY &&
           s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789"
                       ".-:[]")] == '\0';
}

static int
check_url(struct sp_settings *s, const char **ret_error)
{
    static const char scheme[] = "https://";

    if (strncmp(s->url, scheme, strlen(scheme)) != 0 ||
        !plain_authority(s->url + strlen(scheme))) {
        return refuse(ret_error,
                      "SP_URL: give https://host or https://host:port in lower "
                      "case, without a path or a closing slash");
    }
    s->authority = sp_dup(s->url + strlen(scheme));
    return 0;
}

static int
check_level(struct sp_settings *s, const char **ret_error)
{
    static const char *const levels[] = { "debug", "info", "warn", "error" };

    for (size_t i = 0; i < SP_COUNT(levels); i++) {
        if (strcmp(s->log_level, levels[i]) == 0) {
            s->level = (enum sp_log_level)i;
            return 0;
        }
    }
    return refuse(ret_error, "SP_LOG_LEVEL: give debug, info, warn or error");
}

/* Containers of one service share their settings; the host name, which the
 * engine makes, distinguishes them. */
static void
name_container(struct sp_settings *s)
{
    char host[MAX_REPLICA + 1] = "";

    s->links_tcp = strcmp(s->links, "tcp") == 0;
    if (s->links_tcp && getenv("SP_REPLICA") == NULL &&
        gethostname(host, sizeof(host) - 1) == 0 && host[0] != '\0') {
        sp_free(s->replica);
        s->replica = sp_dup(host);
    }
}

static int
check_rest(struct sp_settings *s, const char **ret_error)
{
    size_t len = strlen(s->replica);

    if (s->state[0] == '\0' || s->config[0] == '\0') {
        return refuse(ret_error, "SP_STATE and SP_CONFIG: name a directory");
    }
    if (strcmp(s->links, "ipc") != 0 && strcmp(s->links, "tcp") != 0) {
        return refuse(ret_error, "SP_LINKS: give ipc or tcp");
    }
    if (len == 0 || len > MAX_REPLICA ||
        s->replica[strspn(s->replica, "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_")] != '\0') {
        return refuse(ret_error,
                      "SP_REPLICA: give 1 to %d letters, digits, - "
                      "and _",
                      MAX_REPLICA);
    }
    return check_level(s, ret_error);
}

static int
check_drain(struct sp_settings *s, const char **ret_error)
{
    uint64_t seconds = 0;

    if (sp_number_read(sp_view_of(s->drain), MAX_DRAIN_S, &seconds) != 0 ||
        seconds == 0) {
        return refuse(ret_error, "SP_DRAIN_S: give 1 to %d seconds",
                      MAX_DRAIN_S);
    }
    s->drain_ms = (int64_t)seconds * 1000;
    return 0;
}

static char *
value_of(const char *variable, const char *fallback)
{
    const char *value = getenv(variable);

    return sp_dup(value == NULL ? fallback : value);
}

int
sp_settings_load(struct sp_settings *ret_settings, const char **ret_error)
{
    struct sp_settings s = { .links_tcp = false };
    int error = check_names(ret_error);

    if (error != 0) {
        return error;
    }
#define SETTING_READ(variable, member, fallback, meaning)                      \
    s.member = value_of(#variable, fallback);
    SP_SETTINGS(SETTING_READ)
#undef SETTING_READ
    error = check_url(&s, ret_error);
    if (error == 0) {
        error = split_listen("SP_LISTEN", s.listen, &s.listen_host,
                             &s.listen_port, ret_error);
    }
    if (error == 0) {
        error = split_listen("SP_METRICS_LISTEN", s.metrics_listen,
                             &s.metrics_host, &s.metrics_port, ret_error);
    }
    if (error == 0) {
        name_container(&s);
        error = check_rest(&s, ret_error);
    }
    if (error == 0) {
        error = check_drain(&s, ret_error);
    }
    if (error != 0) {
        sp_settings_free(&s);
        return error;
    }
    *ret_settings = s;
    return 0;
}

void
sp_settings_free(struct sp_settings *settings)
{
#define SETTING_FREE(variable, member, fallback, meaning)                      \
    sp_free(settings->member);
    SP_SETTINGS(SETTING_FREE)
#undef SETTING_FREE
    sp_free(settings->listen_host);
    sp_free(settings->metrics_host);
    sp_free(settings->authority);
    *settings = (struct sp_settings){ .links_tcp = false };
}

/* ---------------------------------------------------------------- .env */

/* Cuts blanks off both ends, in place. */
static char *
trim(char *s)
{
    char *end = NULL;

    while (isspace((unsigned char)*s)) {
        s++;
    }
    end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1])) {
        *--end = '\0';
    }
    return s;
}

/* A value may stand in quotes, as Compose and the shell allow. */
static char *
unquote(char *s)
{
    size_t len = strlen(s);

    if (len >= 2 && (s[0] == '"' || s[0] == '\'') && s[len - 1] == s[0]) {
        s[len - 1] = '\0';
        s++;
    }
    return s;
}

static int
take_env_line(char *line, const char *path, unsigned number,
              const char **ret_error)
{
    char *name = trim(line);
    char *equals = strchr(name, '=');

    if (*name == '\0' || *name == '#') {
        return 0;
    }
    if (equals == NULL) {
        return refuse(ret_error,
                      "%s:%u: write NAME=value, or # before a "
                      "comment",
                      path, number);
    }
    *equals = '\0';
    name = trim(name);
    if (setenv(name, unquote(trim(equals + 1)), 0) != 0) {
        return refuse(ret_error, "%s:%u: bad name; write NAME=value", path,
                      number);
    }
    return 0;
}

int
sp_settings_load_env_file(const char *path, const char **ret_error)
{
    FILE *f = fopen(path, "re");
    char line[MAX_LINE];
    unsigned number = 0;
    int error = 0;

    if (f == NULL) {
        return errno == ENOENT
                   ? 0
                   : refuse(ret_error, "%s: %s", path, strerror(errno));
    }
    while (error == 0 && fgets(line, sizeof(line), f) != NULL) {
        number++;
        if (strchr(line, '\n') == NULL && feof(f) == 0) {
            error = refuse(ret_error, "%s:%u: line too long", path, number);
            break;
        }
        error = take_env_line(line, path, number, ret_error);
    }
    (void)fclose(f);
    return error;
}

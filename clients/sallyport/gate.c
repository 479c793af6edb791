/* Settings of the gate, completed for the processes that it starts. */
#include "clients/sallyport/gate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/sallyport/files.h"
#include "common/base/alloc.h"
#include "common/base/log.h"

#define ENV_FILE ".env"

extern char **environ;

/* Stands in .env.example wherever the operator has to decide. */
static const char placeholder[] = "CHANGE-ME";

static char *
join(const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = sp_alloc(size);

    (void)snprintf(path, size, "%s/%s", directory, name);
    return path;
}

static char *
here(void)
{
    char path[PATH_MAX];

    if (getcwd(path, sizeof(path)) == NULL) {
        sp_refuse("the current directory: %s", strerror(errno));
    }
    return sp_dup(path);
}

/* The services change their directory, so that relative paths would get a new
 * meaning. */
static void
make_absolute(char **path, const char *directory)
{
    char *absolute = NULL;
    const char *rest = *path;

    if (rest[0] == '/') {
        return;
    }
    while (rest[0] == '.' && rest[1] == '/') {
        rest += 2;
    }
    absolute = join(directory, rest);
    sp_free(*path);
    *path = absolute;
}

static char *
find_programs(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash = NULL;

    if (len <= 0) {
        sp_refuse("/proc/self/exe: %s; mount /proc", strerror(errno));
    }
    path[len] = '\0';
    slash = strrchr(path, '/');
    *slash = '\0';
    return sp_dup(path);
}

static bool
is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *
gate_config(const char *set, const char *directory, const char *programs)
{
    static const char installed[] = "/lib/sallyport";
    size_t len = strlen(programs);
    char *prefix = NULL;
    char *path = NULL;

    if (set != NULL) {
        return sp_dup(set);
    }
    path = join(directory, "deploy/config");
    if (is_directory(path) || len < strlen(installed) ||
        strcmp(programs + len - strlen(installed), installed) != 0) {
        return path;
    }
    sp_free(path);
    len -= strlen(installed);
    if (len == strlen("/usr") && strncmp(programs, "/usr", len) == 0) {
        return sp_dup("/etc/sallyport");
    }
    prefix = sp_dup_view(sp_view_make(programs, len));
    path = join(prefix, "etc/sallyport");
    sp_free(prefix);
    return path;
}

const char *
gate_placeholder(char *const *environment)
{
    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, "SP_", 3) == 0 &&
            strstr(*environment, placeholder) != NULL) {
            return *environment;
        }
    }
    return NULL;
}

static void export(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0) {
        sp_refuse("%s: %s", name, strerror(errno));
    }
}

void
gate_open(struct gate *gate)
{
    const char *why = NULL;
    const char *left = NULL;
    char *directory = here();

    if (sp_settings_load_env_file(ENV_FILE, &why) != 0) {
        sp_refuse("%s", why);
    }
    left = gate_placeholder(environ);
    if (left != NULL) {
        sp_refuse("%.*s is still the placeholder of .env.example; give it a "
                  "value in " ENV_FILE,
                  (int)strcspn(left, "="), left);
    }
    if (sp_settings_load(&gate->settings, &why) != 0) {
        sp_refuse("%s", why);
    }
    gate->programs = find_programs();
    sp_free(gate->settings.config);
    gate->settings.config =
        gate_config(getenv("SP_CONFIG"), directory, gate->programs);
    make_absolute(&gate->settings.config, directory);
    make_absolute(&gate->settings.state, directory);
    export("SP_CONFIG", gate->settings.config);
    export("SP_STATE", gate->settings.state);
    sp_free(directory);
}

void
gate_close(struct gate *gate)
{
    sp_settings_free(&gate->settings);
    sp_free(gate->programs);
    gate->programs = NULL;
}

/* attack: somebody else has made the directory first, say below /tmp, with a CA
 * in it whose key he knows; what is there is never overwritten. */
static void
check_state(const struct gate *gate)
{
    struct stat st;

    if (stat(".", &st) != 0) {
        sp_refuse("SP_STATE=%s: %s", gate->settings.state, strerror(errno));
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        sp_refuse("SP_STATE=%s belongs to another user; give a directory of "
                  "your own",
                  gate->settings.state);
    }
    if ((st.st_mode & 022) != 0) {
        sp_refuse("SP_STATE=%s: others may write there (%03o); look what is in "
                  "it, then chmod go-w %s",
                  gate->settings.state, (unsigned)(st.st_mode & 07777),
                  gate->settings.state);
    }
}

void
gate_make_state(const struct gate *gate)
{
    if (file_make_path(gate->settings.state, 0700) != 0) {
        sp_refuse("SP_STATE=%s: %s; name a directory that you may write",
                  gate->settings.state, strerror(errno));
    }
    gate_enter_state(gate);
    check_state(gate);
}

void
gate_enter_state(const struct gate *gate)
{
    if (chdir(gate->settings.state) != 0) {
        sp_refuse("SP_STATE=%s: %s; run `sallyport init` to make it",
                  gate->settings.state, strerror(errno));
    }
}

char *
gate_program(const struct gate *gate, const char *name)
{
    return join(gate->programs, name);
}

char *
gate_host(const char *authority)
{
    const char *end = strrchr(authority, ':');
    size_t len = 0;

    if (authority[0] == '[') {
        return sp_dup_view(
            sp_view_make(authority + 1, strcspn(authority + 1, "]")));
    }
    len = end == NULL ? strlen(authority) : (size_t)(end - authority);
    return sp_dup_view(sp_view_make(authority, len));
}

const char *
gate_local(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0) {
        return "127.0.0.1";
    }
    return strcmp(host, "::") == 0 ? "::1" : host;
}

/* sallyport client: who may ask for tokens. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/sallyport/check_config.h"
#include "clients/sallyport/client_file.h"
#include "clients/sallyport/commands.h"
#include "clients/sallyport/files.h"
#include "clients/sallyport/gate.h"
#include "clients/sallyport/state.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/text/client_id.h"

#define USAGE 2
#define ENTRY_INDENT 2

static const char usage[] = "usage: sallyport client add NAME --scope \"a b\"\n"
                            "       sallyport client rotate NAME\n"
                            "       sallyport client remove NAME\n"
                            "       sallyport client list\n";

/* One command in the making. The current directory is $SP_STATE until the
 * configuration has been checked. */
struct change {
    struct gate gate;
    const char *name;
    const char *scopes;
    char path[PATH_MAX];  /* of auth.yaml */
    struct sp_buf before; /* its text */
    struct sp_buf after;  /* and what is to stand there */
    struct stat was;      /* its owner and mode */
    struct sp_buf why;
};

static void
read_file(struct change *change)
{
    (void)snprintf(change->path, sizeof(change->path), "%s/auth.yaml",
                   change->gate.settings.config);
    if (stat(change->path, &change->was) != 0 ||
        file_read(change->path, &change->before) != 0) {
        sp_refuse("%s: %s; SP_CONFIG names its directory", change->path,
                  strerror(errno));
    }
}

/* True where the file is as `text` now. */
static bool
write_file(const struct change *change, const struct sp_buf *text)
{
    return file_replace(change->path, sp_buf_view(text),
                        change->was.st_mode & 07777) == 0 &&
           (geteuid() != 0 ||
            chown(change->path, change->was.st_uid, change->was.st_gid) == 0);
}

static void
refuse_why(const struct change *change, int error)
{
    if (error != 0) {
        sp_refuse("%.*s", SP_VIEW(sp_buf_view(&change->why)));
    }
}

/* Puts the new text in force for the next reload, where all of the
 * configuration is good with it; else leaves the old one. */
static bool
try_file(struct change *change)
{
    if (!write_file(change, &change->after)) {
        sp_refuse("%s: %s; run this as who may write it", change->path,
                  strerror(errno));
    }
    if (check_config(&change->gate, true)) {
        gate_enter_state(&change->gate);
        return true;
    }
    if (!write_file(change, &change->before)) {
        sp_refuse("%s: %s; the lines of %s in it are to be changed back by "
                  "hand",
                  change->path, strerror(errno), change->name);
    }
    gate_enter_state(&change->gate);
    (void)fprintf(stderr, "sallyport: nothing was changed\n");
    return false;
}

static void
say_secret(const struct change *change)
{
    (void)printf("%s: its secret is in %s/" STATE_CLIENT_SECRET
                 "\nrun `sallyport reload` to take it up\n",
                 change->name, change->gate.settings.state, change->name);
}

/* ---------------------------------------------------------------- commands */

/* A list in a form that we do not write ourselves. */
static int
leave_to_operator(struct change *change)
{
    struct sp_buf entry = sp_buf_new(CLIENT_FILE_MAX);

    refuse_why(change, state_add_client(change->name, &change->why));
    client_file_entry(change->name, change->scopes, ENTRY_INDENT, &entry);
    (void)printf("%s: its secret is in %s/" STATE_CLIENT_SECRET "\n",
                 change->name, change->gate.settings.state, change->name);
    (void)printf("Add this to the list `clients` of %s, then run `sallyport "
                 "reload`:\n%.*s",
                 change->path, SP_VIEW(sp_buf_view(&entry)));
    sp_buf_free(&entry);
    return EXIT_FAILURE;
}

static int
add(struct change *change)
{
    struct sp_view text = sp_buf_view(&change->before);

    if (client_file_has(text, change->name)) {
        sp_refuse("%s: there is a client of this name; `sallyport client "
                  "rotate %s` gives it a new secret",
                  change->name, change->name);
    }
    if (client_file_add(text, change->name, change->scopes, &change->after) !=
            0 ||
        access(change->path, W_OK) != 0) {
        return leave_to_operator(change);
    }
    refuse_why(change, state_add_client(change->name, &change->why));
    if (!try_file(change)) {
        state_remove_client(change->name);
        return EXIT_FAILURE;
    }
    say_secret(change);
    return EXIT_SUCCESS;
}

static void
need(const struct change *change)
{
    if (!client_file_has(sp_buf_view(&change->before), change->name)) {
        sp_refuse("%s: no such client in %s; `sallyport client list` shows "
                  "them",
                  change->name, change->path);
    }
}

static int
rotate(struct change *change)
{
    need(change);
    refuse_why(change, state_rotate_client(change->name, &change->why));
    say_secret(change);
    return EXIT_SUCCESS;
}

static int
take_away(struct change *change)
{
    need(change);
    if (client_file_remove(sp_buf_view(&change->before), change->name,
                           &change->after) != 0) {
        sp_refuse("%s: remove the lines of %s by hand, then run `sallyport "
                  "reload`",
                  change->path, change->name);
    }
    if (!try_file(change)) {
        return EXIT_FAILURE;
    }
    state_remove_client(change->name);
    (void)printf("%s: removed\nrun `sallyport reload`: until then it is let "
                 "in\n",
                 change->name);
    return EXIT_SUCCESS;
}

static void
print_one(void *arg, const char *id, const char *scopes)
{
    char secret[PATH_MAX];
    char hash[PATH_MAX];

    (void)arg;
    (void)snprintf(secret, sizeof(secret), STATE_CLIENT_SECRET, id);
    (void)snprintf(hash, sizeof(hash), STATE_CLIENT_HASH, id);
    (void)printf("%-20s  %-8s  %s\n", id,
                 !file_present(hash)    ? "MISSING"
                 : file_present(secret) ? "here"
                                        : "put away",
                 scopes);
}

static int
list(struct change *change)
{
    (void)printf("%-20s  %-8s  %s\n", "CLIENT", "SECRET", "SCOPES");
    if (client_file_each(sp_buf_view(&change->before), print_one, NULL) != 0) {
        sp_refuse("%s: it has no list `clients`; `sallyport check-config` says "
                  "more",
                  change->path);
    }
    return EXIT_SUCCESS;
}

/* ------------------------------------------------------------------- whole */

static const struct {
    const char *word;
    int arguments; /* with the word */
    int (*run)(struct change *change);
} rows[] = {
    { "add", 4, add },
    { "rotate", 2, rotate },
    { "remove", 2, take_away },
    { "list", 1, list },
};

static int
run(struct change *change, int (*action)(struct change *change))
{
    int status = EXIT_FAILURE;

    change->before = sp_buf_new(CLIENT_FILE_MAX);
    change->after = sp_buf_new(CLIENT_FILE_MAX);
    change->why = sp_buf_new(STATE_WHY_MAX);
    gate_open(&change->gate);
    gate_enter_state(&change->gate);
    read_file(change);
    status = action(change);
    sp_buf_free(&change->before);
    sp_buf_free(&change->after);
    sp_buf_free(&change->why);
    gate_close(&change->gate);
    return status;
}

int
command_client(int argc, char **argv)
{
    struct change change = { .name = argc > 1 ? argv[1] : "" };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        if (argc != rows[i].arguments || strcmp(argv[0], rows[i].word) != 0 ||
            (argc == 4 && strcmp(argv[2], "--scope") != 0)) {
            continue;
        }
        if (argc > 1 && !sp_client_id_ok(sp_view_of(change.name))) {
            sp_refuse("%.80s: give a client a name of up to %d of A-Z a-z 0-9 "
                      ". _ -",
                      change.name, SP_CLIENT_ID_MAX);
        }
        change.scopes = argc == 4 ? argv[3] : "";
        return run(&change, rows[i].run);
    }
    (void)fputs(usage, stderr);
    return USAGE;
}

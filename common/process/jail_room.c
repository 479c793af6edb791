/* The room: a small tmpfs with the jail's paths mounted into it. */
#include "common/process/jail_room.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"

#define MAX_PATHS 48
#define TMPFS_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* A path of the jail: its name and the mount that will stand there. */
struct furniture {
    char path[PATH_MAX]; /* absolute */
    int mount;
    bool is_directory;
};

static int
write_text(const char *path, const char *text)
{
    size_t len = strlen(text);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t written = fd < 0 ? -1 : write(fd, text, len);

    if (fd >= 0) {
        (void)close(fd);
    }
    return written == (ssize_t)len ? 0 : SP_ESYSTEM;
}

/* In the new user namespace we are who we were. */
static int
map_self(uid_t uid, gid_t gid)
{
    char users[64];
    char groups[64];

    (void)snprintf(users, sizeof(users), "%u %u 1", uid, uid);
    (void)snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
    return write_text("/proc/self/setgroups", "deny") == 0 &&
                   write_text("/proc/self/uid_map", users) == 0 &&
                   write_text("/proc/self/gid_map", groups) == 0
               ? 0
               : SP_ESYSTEM;
}

/* A mount namespace of our own: root's, or by way of a user namespace. */
static int
leave_namespace(bool *ret_left)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();

    *ret_left = true;
    if (unshare(CLONE_NEWNS) == 0) {
        return 0;
    }
    if (access("/proc/self/uid_map", W_OK) == 0 &&
        unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
        return map_self(uid, gid);
    }
    *ret_left = false;
    return 0;
}

static bool
is_everything(const struct sp_jail *jail)
{
    for (size_t i = 0; i < jail->path_count; i++) {
        if (strcmp(jail->paths[i].path, "/") == 0) {
            return true;
        }
    }
    return false;
}

/* Takes hold of a path before the room covers it. A path that is not there
 * gets no place; Landlock's part of the jail decides whether it should be. */
static int
take(const char *home, const char *path, struct furniture *ret_piece)
{
    struct stat st;
    int len =
        snprintf(ret_piece->path, sizeof(ret_piece->path), "%s%s%s",
                 path[0] == '/' ? "" : home, path[0] == '/' ? "" : "/", path);

    ret_piece->mount = -1;
    if (len >= PATH_MAX) {
        return SP_ELIMIT;
    }
    if (stat(path, &st) != 0) {
        return errno == ENOENT ? 0 : SP_ESYSTEM;
    }
    ret_piece->is_directory = S_ISDIR(st.st_mode);
    ret_piece->mount = open_tree(
        AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    return ret_piece->mount < 0 ? SP_ESYSTEM : 0;
}

static void
give_back(struct furniture *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].mount >= 0) {
            (void)close(pieces[i].mount);
        }
    }
}

/* Makes the directories above `path`, and itself; the working directory is the
 * room. */
static int
make_place(const char *path, bool is_directory)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    int fd = -1;

    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && (path[i] != '\0' || !is_directory)) {
            continue;
        }
        memcpy(part, path + 1, i - 1);
        part[i - 1] = '\0';
        if (part[0] != '\0' && mkdir(part, 0755) != 0 && errno != EEXIST) {
            return SP_ESYSTEM;
        }
    }
    if (is_directory) {
        return 0;
    }
    fd = open(path + 1, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0 ? 0 : SP_ESYSTEM;
}

static int
furnish(const struct furniture *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].mount < 0) {
            continue;
        }
        if (make_place(pieces[i].path, pieces[i].is_directory) != 0 ||
            move_mount(pieces[i].mount, "", AT_FDCWD, pieces[i].path + 1,
                       MOVE_MOUNT_F_EMPTY_PATH) != 0) {
            return SP_ESYSTEM;
        }
    }
    return 0;
}

/* `home` is covered by the empty room already. */
static int
move_in(const char *home, const struct furniture *pieces, size_t count)
{
    if (chdir(home) != 0 || make_place(home, true) != 0 ||
        furnish(pieces, count) != 0 ||
        mount(NULL, ".", NULL, MS_REMOUNT | MS_RDONLY | TMPFS_FLAGS, NULL) !=
            0 ||
        chroot(".") != 0 || chdir(home) != 0) {
        return SP_ESYSTEM;
    }
    return 0;
}

int
sp_jail_room_enter(const struct sp_jail *jail, bool *ret_entered)
{
    static struct furniture pieces[MAX_PATHS];
    char home[PATH_MAX];
    size_t count = 0;
    bool left = false;
    int error = 0;

    *ret_entered = false;
    if (is_everything(jail) || jail->path_count > MAX_PATHS ||
        getcwd(home, sizeof(home)) == NULL) {
        return 0;
    }
    error = leave_namespace(&left);
    if (error != 0 || !left) {
        return error;
    }
    /* What the machine mounts and unmounts still reaches us, never the other
     * way. */
    error =
        mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 ? 0 : SP_ESYSTEM;
    while (error == 0 && count < jail->path_count) {
        error = take(home, jail->paths[count].path, &pieces[count]);
        count++;
    }
    if (error == 0 &&
        mount("room", ".", "tmpfs", TMPFS_FLAGS, "mode=0755,size=256k") == 0) {
        error = move_in(home, pieces, count);
        *ret_entered = error == 0;
    } else {
        error = 0; /* nothing has changed yet: no room */
    }
    give_back(pieces, count);
    return error;
}

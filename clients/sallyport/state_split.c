/* Handing each service its part of a state directory. */
#include "clients/sallyport/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "clients/sallyport/files.h"
#include "clients/sallyport/key_texts.h"
#include "common/base/error.h"

/* The largest file that is handed on is an upstream's key or a certificate. */
#define FILE_MAX 65536
#define REDIS_PASSWORD "keys/ratelimit/redis.password"
#define REDIS_PASSWORD_BYTES 32
#define USER_PREFIX "sallyport-"
#define GROUP "sallyport"

struct owner {
    uid_t uid;
    gid_t gid;
};

static int
failed(struct sp_buf *why, const char *path)
{
    (void)sp_buf_addf(why, "%s: %s; check its owner and free space", path,
                      strerror(errno));
    return SP_ESYSTEM;
}

static int
join(char path[PATH_MAX], const char *directory, const char *name,
     struct sp_buf *why)
{
    int n = snprintf(path, PATH_MAX, "%s/%s", directory, name);

    if (n < 0 || n >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return failed(why, directory);
    }
    return 0;
}

/* attack: root hands out files in directories that a service may write; one
 * that it has turned into a link must not lead root to somebody else's file. */
static int
open_real(const char *path, struct stat *ret_st)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 && (fstat(fd, ret_st) != 0 ||
                    (!S_ISDIR(ret_st->st_mode) &&
                     (!S_ISREG(ret_st->st_mode) || ret_st->st_nlink != 1)))) {
        (void)close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

static int
give_path(const char *path, uid_t uid, gid_t gid, mode_t mode,
          struct sp_buf *why)
{
    struct stat st;
    int fd = open_real(path, &st);
    bool given = fd >= 0 && fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0;
    int error = given ? 0 : failed(why, path);

    if (fd >= 0) {
        (void)close(fd);
    }
    return error;
}

/* ------------------------------------------------------------------- split */

/* Only root can, and only root needs to. */
static int
own(const char *path, mode_t mode, const struct owner *owner,
    struct sp_buf *why)
{
    return geteuid() != 0 ? 0
                          : give_path(path, owner->uid, owner->gid, mode, why);
}

static bool
same(const char *path, const struct sp_buf *content)
{
    struct sp_buf old = sp_buf_new(FILE_MAX);
    bool equal = file_present(path) && file_read(path, &old) == 0 &&
                 sp_view_equal(sp_buf_view(&old), sp_buf_view(content));

    key_text_free(&old);
    return equal;
}

static int
hand_over(const struct sp_buf *content, const char *to, mode_t mode,
          const struct owner *owner, struct sp_buf *why)
{
    if (!same(to, content) &&
        file_replace(to, sp_buf_view(content), mode) != 0) {
        return failed(why, to);
    }
    return own(to, mode, owner, why);
}

static int
copy_file(const char *from, const char *to, mode_t mode,
          const struct owner *owner, struct sp_buf *why)
{
    struct sp_buf content = sp_buf_new(FILE_MAX);
    int error = file_read(from, &content) == 0 ? 0 : failed(why, from);

    if (error == 0) {
        error = hand_over(&content, to, mode, owner, why);
    }
    key_text_free(&content);
    return error;
}

static int
copy_directory(const char *from, const char *to, const struct owner *owner,
               struct sp_buf *why)
{
    DIR *directory = opendir(from);
    int error = directory == NULL ? failed(why, from) : 0;

    if (error == 0 && file_make_directory(to, 0700) != 0) {
        error = failed(why, to);
    }
    if (error == 0) {
        error = own(to, 0700, owner, why);
    }
    for (const struct dirent *entry = error == 0 ? readdir(directory) : NULL;
         error == 0 && entry != NULL; entry = readdir(directory)) {
        char source[PATH_MAX];
        char target[PATH_MAX];
        struct stat st;

        error = join(source, from, entry->d_name, why);
        if (error == 0) {
            error = join(target, to, entry->d_name, why);
        }
        if (error == 0 && lstat(source, &st) == 0 && S_ISREG(st.st_mode)) {
            error = copy_file(source, target, 0600, owner, why);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return error;
}

static int
make_owned(const char *top, const char *name, const struct owner *owner,
           struct sp_buf *why)
{
    char path[PATH_MAX];

    if (join(path, top, name, why) != 0) {
        return SP_ESYSTEM;
    }
    return file_make_directory(path, 0700) == 0 ? own(path, 0700, owner, why)
                                                : failed(why, path);
}

static int
make_parts(const char *top, const char *service, const struct owner *owner,
           struct sp_buf *why)
{
    static const char *const parts[] = { "keys", "store", "run" };
    int error = 0;

    for (size_t i = 0; error == 0 && i < SP_COUNT(parts); i++) {
        char name[64];

        (void)snprintf(name, sizeof(name), "%s/%s", parts[i], service);
        error = make_owned(top, parts[i], owner, why);
        error = error == 0 ? make_owned(top, name, owner, why) : error;
    }
    return error;
}

static int
split_keys(const char *top, const char *service, const struct owner *owner,
           struct sp_buf *why)
{
    static const char *const parts[] = { "", "/links", "/peers", "/clients" };
    int error = 0;

    for (size_t i = 0; error == 0 && i < SP_COUNT(parts); i++) {
        char from[128];
        char to[PATH_MAX];

        (void)snprintf(from, sizeof(from), "keys/%s%s", service, parts[i]);
        if (access(from, F_OK) != 0) {
            continue; /* only auth has clients */
        }
        error = join(to, top, from, why);
        error = error == 0 ? copy_directory(from, to, owner, why) : error;
    }
    return error;
}

static int
split_service(const char *directory, const char *service, struct sp_buf *why)
{
    char top[PATH_MAX];
    char ca[PATH_MAX];
    struct stat st;
    struct owner owner;
    int error = 0;

    if (join(top, directory, service, why) != 0 ||
        join(ca, top, "ca.pem", why) != 0) {
        return SP_ESYSTEM;
    }
    if (file_make_path(top, 0700) != 0 || stat(top, &st) != 0) {
        return failed(why, top);
    }
    owner = (struct owner){ st.st_uid, st.st_gid };
    error = make_parts(top, service, &owner, why);
    if (error == 0) {
        error = split_keys(top, service, &owner, why);
    }
    return error == 0 ? copy_file("ca.pem", ca, 0644, &owner, why) : error;
}

/* ------------------------------------------------------------------- Redis */

static int
make_redis_password(struct sp_buf *ret_text, struct sp_buf *why)
{
    int error = 0;

    if (!file_present(REDIS_PASSWORD)) {
        key_text_hex(ret_text, REDIS_PASSWORD_BYTES);
        error = file_create(REDIS_PASSWORD, sp_buf_view(ret_text), 0600);
        sp_buf_reset(ret_text);
    }
    if (error == 0) {
        error = file_read(REDIS_PASSWORD, ret_text);
    }
    return error == 0 ? 0 : failed(why, REDIS_PASSWORD);
}

/* One line of Redis' ACL: its only user, who may not reconfigure it, by the
 * digest of the password. The server's own volume cannot give it away. */
static void
write_redis_acl(struct sp_view password, struct sp_buf *out)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(digest) + 1];

    if (password.len > 0 && password.ptr[password.len - 1] == '\n') {
        password.len--;
    }
    (void)crypto_hash_sha256(digest, (const unsigned char *)password.ptr,
                             password.len);
    (void)sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    (void)sp_buf_addf(
        out, "user default on #%s ~* &* +@all -@admin -@dangerous\n", hex);
}

/* Only where there is a directory for it: a gate on one machine has no Redis,
 * and no password that lies about. */
static int
split_redis(const char *directory, struct sp_buf *why)
{
    struct sp_buf password = sp_buf_new(KEY_TEXT_MAX);
    struct sp_buf acl = sp_buf_new(KEY_TEXT_MAX);
    char top[PATH_MAX];
    char path[PATH_MAX];
    struct stat st;
    int error = join(top, directory, "redis", why);

    if (error == 0) {
        error = join(path, top, "redis.acl", why);
    }
    if (error == 0 && stat(top, &st) == 0 && S_ISDIR(st.st_mode)) {
        const struct owner owner = { st.st_uid, st.st_gid };

        error = make_redis_password(&password, why);
        if (error == 0) {
            write_redis_acl(sp_buf_view(&password), &acl);
            error = hand_over(&acl, path, 0600, &owner, why);
        }
    }
    key_text_free(&password);
    key_text_free(&acl);
    return error;
}

int
state_split(const char *directory, struct sp_buf *why)
{
    /* First, since the password is one of ratelimit's keys. */
    int error = split_redis(directory, why);

    for (int i = 0; error == 0 && i < SP_SERVICE_COUNT; i++) {
        error = split_service(directory, sp_service_name((enum sp_service_id)i),
                              why);
    }
    return error;
}

/* -------------------------------------------------------------------- give */

static int
give_files(const char *path, const struct owner *owner, struct sp_buf *why)
{
    DIR *directory = opendir(path);
    int error = directory == NULL
                    ? failed(why, path)
                    : give_path(path, owner->uid, owner->gid, 0700, why);

    for (const struct dirent *entry = error == 0 ? readdir(directory) : NULL;
         error == 0 && entry != NULL; entry = readdir(directory)) {
        char file[PATH_MAX];
        struct stat st;

        error = join(file, path, entry->d_name, why);
        if (error == 0 && lstat(file, &st) == 0 && S_ISREG(st.st_mode)) {
            error = give_path(file, owner->uid, owner->gid, 0600, why);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return error;
}

/* Neighbours look into each other's receive directory and connect there; what
 * admits them is the link's secret. */
static int
give_service(const char *service, gid_t group, struct sp_buf *why)
{
    static const char *const closed[] = { "keys/%s", "keys/%s/links",
                                          "keys/%s/peers", "keys/%s/clients",
                                          "store/%s" };
    char user[64];
    char path[128];
    const struct passwd *entry = NULL;
    struct owner owner;
    int error = 0;

    (void)snprintf(user, sizeof(user), USER_PREFIX "%s", service);
    entry = getpwnam(user);
    if (entry == NULL) {
        (void)sp_buf_addf(why, "user %s is missing; run systemd-sysusers",
                          user);
        return SP_ECONFIG;
    }
    owner = (struct owner){ entry->pw_uid, entry->pw_gid };
    for (size_t i = 0; error == 0 && i < SP_COUNT(closed); i++) {
        const char *slot = strstr(closed[i], "%s");

        (void)snprintf(path, sizeof(path), "%.*s%s%s", (int)(slot - closed[i]),
                       closed[i], service, slot + 2);
        /* Only auth has clients. */
        error = access(path, F_OK) == 0 ? give_files(path, &owner, why) : 0;
    }
    (void)snprintf(path, sizeof(path), "run/%s", service);
    return error == 0 ? give_path(path, owner.uid, group, 0750, why) : error;
}

int
state_give(struct sp_buf *why)
{
    static const char *const ways[] = { ".", "keys", "store", "run" };
    const struct group *entry = getgrnam(GROUP);
    int error = 0;

    if (entry == NULL) {
        (void)sp_buf_add_str(why, "group " GROUP " is missing; run "
                                  "systemd-sysusers");
        return SP_ECONFIG;
    }
    for (size_t i = 0; error == 0 && i < SP_COUNT(ways); i++) {
        error = give_path(ways[i], 0, entry->gr_gid, i == 0 ? 0751 : 0710, why);
    }
    for (int i = 0; error == 0 && i < SP_SERVICE_COUNT; i++) {
        error = give_service(sp_service_name((enum sp_service_id)i),
                             entry->gr_gid, why);
    }
    return error;
}

int
state_give_client(const char *client, struct sp_buf *why)
{
    char path[128];
    struct stat st;

    (void)snprintf(path, sizeof(path), STATE_CLIENT_HASH, client);
    if (stat("keys/auth/clients", &st) != 0) {
        return failed(why, "keys/auth/clients");
    }
    return geteuid() != 0 || st.st_uid == 0
               ? 0
               : give_path(path, st.st_uid, st.st_gid, 0600, why);
}

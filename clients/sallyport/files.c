/* Whole files, atomically. */
#include "clients/sallyport/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"

bool
file_present(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

static int
write_all(int fd, struct sp_view content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.ptr, content.len);

        if (n < 0) {
            return SP_ESYSTEM;
        }
        content = sp_view_skip(content, (size_t)n);
    }
    return fdatasync(fd) == 0 ? 0 : SP_ESYSTEM;
}

int
file_replace(const char *path, struct sp_view content, mode_t mode)
{
    char draft[PATH_MAX];
    int error = 0;
    int fd = -1;

    if (snprintf(draft, sizeof(draft), "%s.XXXXXX", path) >=
        (int)sizeof(draft)) {
        errno = ENAMETOOLONG;
        return SP_ESYSTEM;
    }
    fd = mkostemp(draft, O_CLOEXEC);
    if (fd < 0) {
        return SP_ESYSTEM;
    }
    error = fchmod(fd, mode) == 0 ? write_all(fd, content) : SP_ESYSTEM;
    if (close(fd) != 0 || (error == 0 && rename(draft, path) != 0)) {
        error = SP_ESYSTEM;
    }
    if (error != 0) {
        int why = errno;

        (void)unlink(draft);
        errno = why;
    }
    return error;
}

int
file_create(const char *path, struct sp_view content, mode_t mode)
{
    return file_present(path) ? 0 : file_replace(path, content, mode);
}

int
file_read(const char *path, struct sp_buf *out)
{
    char part[4096];
    ssize_t n = 0;
    int error = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return SP_ESYSTEM;
    }
    do {
        n = read(fd, part, sizeof(part));
        if (n > 0) {
            error = sp_buf_add(out, part, (size_t)n);
        }
    } while (n > 0 && error == 0);
    (void)close(fd);
    explicit_bzero(part, sizeof(part));
    return n < 0 ? SP_ESYSTEM : error;
}

int
file_make_directory(const char *path, mode_t mode)
{
    struct stat st;

    if (mkdir(path, mode) == 0) {
        /* Whatever the umask says. */
        return chmod(path, mode) == 0 ? 0 : SP_ESYSTEM;
    }
    if (errno == EEXIST && stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return SP_ESYSTEM;
    }
    return errno == EEXIST ? 0 : SP_ESYSTEM;
}

int
file_make_path(const char *path, mode_t mode)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (len >= sizeof(part)) {
        errno = ENAMETOOLONG;
        return SP_ESYSTEM;
    }
    for (size_t i = 1; i < len; i++) {
        struct stat st;

        if (path[i] != '/') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (stat(part, &st) != 0 && file_make_directory(part, 0755) != 0) {
            return SP_ESYSTEM;
        }
    }
    return file_make_directory(path, mode);
}

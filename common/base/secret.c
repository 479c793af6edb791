/* Key material: read with its permissions checked, wiped when freed. */
#include "common/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sodium.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

struct sp_secret {
    size_t len;
    char bytes[]; /* len bytes and a NUL, for C interfaces */
};

struct sp_secret *
sp_secret_new(struct sp_view bytes)
{
    struct sp_secret *secret = sp_alloc(sizeof(*secret) + bytes.len + 1);

    secret->len = bytes.len;
    if (bytes.len > 0) {
        memcpy(secret->bytes, bytes.ptr, bytes.len);
    }
    return secret;
}

static int
check_permissions(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return SP_ESYSTEM;
    }
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return SP_ESYSTEM;
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        return SP_EOWNER;
    }
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0) {
        return SP_EPERM;
    }
    return 0;
}

int
sp_secret_load(const char *path, struct sp_secret **ret_secret)
{
    char bytes[SP_SECRET_MAX + 1];
    size_t len = 0;
    int error = 0;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return SP_ESYSTEM;
    }
    error = check_permissions(fd);
    while (error == 0 && len < sizeof(bytes)) {
        ssize_t n = read(fd, bytes + len, sizeof(bytes) - len);

        if (n < 0) {
            error = SP_ESYSTEM;
        }
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    (void)close(fd);
    if (error == 0 && len > 0 && bytes[len - 1] == '\n') {
        len--;
    }
    if (error == 0 && len == 0) {
        error = SP_EEMPTY;
    }
    if (error == 0 && len > SP_SECRET_MAX) {
        error = SP_ELIMIT;
    }
    if (error == 0) {
        *ret_secret = sp_secret_new(sp_view_make(bytes, len));
    }
    explicit_bzero(bytes, sizeof(bytes));
    return error;
}

int
sp_secret_load_hex(const char *path, size_t len, struct sp_secret **ret_secret)
{
    struct sp_secret *text = NULL;
    struct sp_secret *secret = NULL;
    size_t written = 0;
    int error = sp_secret_load(path, &text);

    if (error != 0) {
        return error;
    }
    secret = sp_alloc(sizeof(*secret) + len + 1);
    secret->len = len;
    if (text->len != len * 2 ||
        sodium_hex2bin((unsigned char *)secret->bytes, len, text->bytes,
                       text->len, NULL, &written, NULL) != 0 ||
        written != len) {
        error = SP_EFORMAT;
    }
    sp_secret_free(&text);
    if (error != 0) {
        sp_secret_free(&secret);
        return error;
    }
    *ret_secret = secret;
    return 0;
}

void
sp_secret_free(struct sp_secret **secret)
{
    if (*secret != NULL) {
        explicit_bzero((*secret)->bytes, (*secret)->len);
        sp_free(*secret);
        *secret = NULL;
    }
}

struct sp_view
sp_secret_view(const struct sp_secret *secret)
{
    return sp_view_make(secret->bytes, secret->len);
}

bool
sp_secret_equal(const struct sp_secret *secret, struct sp_view other)
{
    return secret->len == other.len &&
           CRYPTO_memcmp(secret->bytes, other.ptr, other.len) == 0;
}

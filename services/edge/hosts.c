/* The allow-lists of Host and Origin. */
#include "services/edge/hosts.h"

#include <stdio.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

#define MAX_NAMES 64
/* Longest DNS name (253) with scheme and port. */
#define MAX_NAME_LEN 280

struct names {
    char *name[MAX_NAMES];
    size_t count;
};

struct hosts {
    struct names hosts;
    struct names origins;
};

static const char scheme[] = "https://";
static const char default_port[] = ":443";

/* Browsers leave a scheme's own port out (RFC 6454 section 6.2). */
static const struct {
    const char *scheme;
    const char *port;
} default_ports[] = {
    { scheme, default_port },
    { "http://", ":80" },
};

struct hosts *
hosts_new(void)
{
    return sp_alloc(sizeof(struct hosts));
}

static void
free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        sp_free(names->name[i]);
    }
}

void
hosts_free(struct hosts **hosts)
{
    if (*hosts != NULL) {
        free_names(&(*hosts)->hosts);
        free_names(&(*hosts)->origins);
        sp_free(*hosts);
        *hosts = NULL;
    }
}

static bool
has(const struct names *names, struct sp_view v)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strlen(names->name[i]) == v.len &&
            strncasecmp(names->name[i], v.ptr, v.len) == 0) {
            return true;
        }
    }
    return false;
}

static int
add(struct names *names, struct sp_view v)
{
    if (has(names, v)) {
        return 0;
    }
    if (names->count == MAX_NAMES) {
        return SP_ELIMIT;
    }
    names->name[names->count++] = sp_dup_view(v);
    return 0;
}

/* host[:port] by its characters alone: whether it is ours, the list says. */
static bool
is_authority(struct sp_view v)
{
    if (v.len == 0 || v.len > MAX_NAME_LEN) {
        return false;
    }
    for (size_t i = 0; i < v.len; i++) {
        char c = v.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
              (c >= 'a' && c <= 'z') ||
              (c != '\0' && strchr("-._:[]", c) != NULL))) {
            return false;
        }
    }
    return true;
}

/* `v` without `port`, such as ":443", at its end. */
static struct sp_view
without_port(struct sp_view v, const char *port)
{
    size_t len = strlen(port);

    if (v.len > len && memcmp(v.ptr + v.len - len, port, len) == 0) {
        v.len -= len;
    }
    return v;
}

static struct sp_view
origin_without_default_port(struct sp_view origin)
{
    for (size_t i = 0; i < SP_COUNT(default_ports); i++) {
        size_t len = strlen(default_ports[i].scheme);

        if (origin.len > len &&
            strncasecmp(origin.ptr, default_ports[i].scheme, len) == 0) {
            return without_port(origin, default_ports[i].port);
        }
    }
    return origin;
}

/* RFC 3986 section 3.1. */
static bool
is_scheme(struct sp_view v)
{
    for (size_t i = 0; i < v.len; i++) {
        char c = v.ptr[i];
        bool alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';

        if (!alpha && (i == 0 || !other)) {
            return false;
        }
    }
    return v.len > 0;
}

int
hosts_allow(struct hosts *hosts, struct sp_view authority)
{
    if (!is_authority(authority)) {
        return SP_EFORMAT;
    }
    return add(&hosts->hosts, without_port(authority, default_port));
}

int
hosts_allow_local(struct hosts *hosts, uint16_t port)
{
    static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };

    for (size_t i = 0; i < SP_COUNT(names); i++) {
        char text[32];
        int error = 0;

        (void)snprintf(text, sizeof(text), "%s:%u", names[i], (unsigned)port);
        error = hosts_allow(hosts, sp_view_of(text));
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int
hosts_allow_origin(struct hosts *hosts, struct sp_view origin)
{
    const char *mark =
        origin.len == 0 ? NULL : memmem(origin.ptr, origin.len, "://", 3);
    size_t len = mark == NULL ? 0 : (size_t)(mark - origin.ptr);

    if (mark == NULL || !is_scheme(sp_view_make(origin.ptr, len)) ||
        !is_authority(sp_view_skip(origin, len + 3))) {
        return SP_EFORMAT;
    }
    return add(&hosts->origins, origin_without_default_port(origin));
}

bool
hosts_knows(const struct hosts *hosts, struct sp_view host)
{
    return is_authority(host) &&
           has(&hosts->hosts, without_port(host, default_port));
}

bool
hosts_knows_origin(const struct hosts *hosts, struct sp_view origin)
{
    size_t len = sizeof(scheme) - 1;

    if (has(&hosts->origins, origin_without_default_port(origin))) {
        return true;
    }
    return origin.len > len && strncasecmp(origin.ptr, scheme, len) == 0 &&
           hosts_knows(hosts, sp_view_skip(origin, len));
}

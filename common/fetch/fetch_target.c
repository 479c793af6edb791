/* URLs and their addresses. */
#include "common/fetch/fetch_target.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/text/buf.h"
#include "common/text/decimal.h"

#define MAX_URL 8192
#define MAX_NAME 253 /* RFC 1035 section 2.3.4, as text */

/* One part of the URL, owned by the caller, or NULL. */
static char *
part_of(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    char *copy = NULL;

    if (curl_url_get(url, part, &text, flags) != CURLUE_OK) {
        return NULL;
    }
    copy = sp_dup(text);
    curl_free(text);
    return copy;
}

/* attack: other characters could end the name early in the pin entry, or mean
 * something else to the resolver than to libcurl. */
static bool
is_name(const char *host)
{
    size_t len = strlen(host);

    for (size_t i = 0; i < len; i++) {
        char c = host[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || c == '-' || c == '_';

        if (!plain && (c != '.' || i == 0 || host[i - 1] == '.')) {
            return false;
        }
    }
    return len > 0 && len <= MAX_NAME && host[len - 1] != '.';
}

static int
read_host(struct sp_fetch_target *target)
{
    char *zone = part_of(target->url, CURLUPART_ZONEID, 0);
    bool zoned = zone != NULL;

    sp_free(zone);
    target->host = part_of(target->url, CURLUPART_HOST, 0);
    if (target->host == NULL || zoned) {
        return SP_EFORMAT;
    }
    if (sp_fetch_address_parse(target->host, &target->addresses[0]) == 0) {
        target->literal = true;
        target->address_count = 1;
        return 0;
    }
    return is_name(target->host) ? 0 : SP_EFORMAT;
}

static int
read_scheme_and_port(struct sp_fetch_target *target)
{
    char *scheme = part_of(target->url, CURLUPART_SCHEME, 0);
    char *port = part_of(target->url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    int error = SP_EFORMAT;

    if (scheme != NULL && port != NULL) {
        uint64_t number = 0;

        target->secure = strcmp(scheme, "https") == 0;
        if ((target->secure || strcmp(scheme, "http") == 0) &&
            sp_number_read(sp_view_of(port), UINT16_MAX, &number) == 0 &&
            number > 0) {
            target->port = (uint16_t)number;
            error = 0;
        }
    }
    sp_free(scheme);
    sp_free(port);
    return error;
}

int
sp_fetch_target_begin(struct sp_fetch_target *target, const char *url)
{
    *target = (struct sp_fetch_target){ .url = curl_url() };
    if (target->url == NULL || strlen(url) > MAX_URL ||
        curl_url_set(target->url, CURLUPART_URL, url, CURLU_DISALLOW_USER) !=
            CURLUE_OK ||
        curl_url_set(target->url, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK) {
        return SP_EFORMAT;
    }
    return read_scheme_and_port(target) == 0 ? read_host(target) : SP_EFORMAT;
}

void
sp_fetch_target_end(struct sp_fetch_target *target)
{
    curl_url_cleanup(target->url);
    sp_free(target->host);
    *target = (struct sp_fetch_target){ 0 };
}

bool
sp_fetch_target_allowed(const struct sp_fetch_target *target,
                        enum sp_fetch_reach reach, bool allow_http)
{
    for (size_t i = 0; i < target->address_count; i++) {
        const struct sp_fetch_address *address = &target->addresses[i];

        if (reach == SP_FETCH_PUBLIC && !sp_fetch_address_public(address)) {
            return false;
        }
        if (!target->secure && !allow_http &&
            !sp_fetch_address_loopback(address)) {
            return false;
        }
    }
    return target->address_count > 0;
}

bool
sp_fetch_target_has(const struct sp_fetch_target *target,
                    const struct sp_fetch_address *address)
{
    for (size_t i = 0; i < target->address_count; i++) {
        if (target->addresses[i].v6 == address->v6 &&
            memcmp(target->addresses[i].bytes, address->bytes,
                   address->v6 ? 16 : 4) == 0) {
            return true;
        }
    }
    return false;
}

char *
sp_fetch_target_pin(const struct sp_fetch_target *target)
{
    struct sp_buf entry = sp_buf_new(
        MAX_NAME + 16 + SP_FETCH_MAX_ADDRESSES * SP_FETCH_ADDRESS_TEXT);
    char *copy = NULL;

    /* '+': the entry ages like any other, so that names that clients thought
     * up do not pile up. */
    (void)sp_buf_addf(&entry, "+%s:%u:", target->host, target->port);
    for (size_t i = 0; i < target->address_count; i++) {
        char text[SP_FETCH_ADDRESS_TEXT];

        sp_fetch_address_write(&target->addresses[i], text);
        (void)sp_buf_addf(&entry, "%s%s", i > 0 ? "," : "", text);
    }
    copy = sp_dup_view(sp_buf_view(&entry));
    sp_buf_free(&entry);
    return copy;
}

/* HTTPS by libcurl. */
#include "clients/sallyport/web.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "common/base/error.h"

static size_t
take(char *bytes, size_t size, size_t count, void *arg)
{
    return sp_buf_add(arg, bytes, size * count) == 0 ? size * count : 0;
}

static bool
set_credentials(CURL *curl, const struct web_request *request)
{
    return request->user == NULL ||
           (curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) == 0 &&
            curl_easy_setopt(curl, CURLOPT_USERNAME, request->user) == 0 &&
            curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password) == 0);
}

static bool
set_trust(CURL *curl, const struct web_request *request)
{
    if (request->pin == NULL) {
        return curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca) == 0;
    }
    return curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, request->pin) == 0 &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L) == 0 &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L) == 0;
}

static bool
set_request(CURL *curl, const struct web_request *request, struct sp_buf *out)
{
    return curl_easy_setopt(curl, CURLOPT_URL, request->url) == 0 &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == 0 &&
           set_trust(curl, request) &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == 0 &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == 0 &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms) ==
               0 &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) == 0 &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, out) == 0 &&
           (request->body == NULL ||
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body) == 0) &&
           set_credentials(curl, request);
}

/* SP_URL may name what the world sees; the edge listens at SP_LISTEN. */
static struct curl_slist *
connect_to(const struct web_request *request)
{
    char text[128];

    if (request->host == NULL) {
        return NULL;
    }
    (void)snprintf(text, sizeof(text),
                   strchr(request->host, ':') == NULL ? "::%s:%u" : "::[%s]:%u",
                   request->host, (unsigned)request->port);
    return curl_slist_append(NULL, text);
}

/* NULL where there are none, or where memory is short. */
static struct curl_slist *
list_headers(const struct web_request *request)
{
    struct curl_slist *list = NULL;

    for (size_t i = 0; i < request->header_count; i++) {
        struct curl_slist *longer =
            curl_slist_append(list, request->headers[i]);

        if (longer == NULL) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

int
web_call(const struct web_request *request, struct sp_buf *out,
         long *ret_status, struct sp_buf *why)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *to = connect_to(request);
    struct curl_slist *headers = list_headers(request);
    CURLcode code = CURLE_FAILED_INIT;

    if (curl != NULL && set_request(curl, request, out) &&
        curl_easy_setopt(curl, CURLOPT_CONNECT_TO, to) == 0 &&
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == 0) {
        code = curl_easy_perform(curl);
    }
    if (code == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    } else {
        (void)sp_buf_addf(why, "%s: %s", request->url,
                          curl_easy_strerror(code));
    }
    curl_slist_free_all(to);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return code == CURLE_OK ? 0 : SP_ENOPEER;
}

void
web_encode(struct sp_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (isalnum(c) || strchr("-._~", c) != NULL) {
            (void)sp_buf_add(out, text, 1);
        } else {
            (void)sp_buf_addf(out, "%%%02X", c);
        }
    }
}

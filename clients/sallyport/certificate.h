/* The gate's own certificate authority and the server certificate that it
 * signs (RFC 5280; names as in RFC 6125). */
#ifndef SP_CLIENTS_SALLYPORT_CERTIFICATE_H
#define SP_CLIENTS_SALLYPORT_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

/* Room for a certificate in PEM with its chain; the edge takes no more. */
#define CERTIFICATE_MAX 65535
/* Room for a pin. */
#define CERTIFICATE_PIN_MAX 64

/* A self-signed CA certificate for `key_pem`, valid from an hour before `now_s`
 * (seconds since 1970) for ten years. 0 or SP_ECRYPTO. */
SP_MUST_CHECK int
certificate_make_ca(struct sp_view key_pem, int64_t now_s, struct sp_buf *out);

/* A server certificate for `host` (a name or an address), localhost and the
 * loopback addresses, valid for 397 days. 0 or SP_ECRYPTO. */
SP_MUST_CHECK int
certificate_make_server(struct sp_view ca_pem, struct sp_view ca_key_pem,
                        struct sp_view key_pem, const char *host, int64_t now_s,
                        struct sp_buf *out);

/* Days from `now_s` until the first certificate of the text ends, negative
 * where it has; 0 or SP_EFORMAT. */
SP_MUST_CHECK int
certificate_days_left(struct sp_view pem, int64_t now_s, int64_t *ret_days);

/* True where the certificate is for this host. */
bool
certificate_names(struct sp_view pem, const char *host);

/* True where `ca_pem` has signed it. */
bool
certificate_signed_by(struct sp_view pem, struct sp_view ca_pem);

/* True where certificate_make_server() has made it, for whatever gate. */
bool
certificate_is_ours(struct sp_view pem);

/* True for a private key in PEM that needs no passphrase. */
bool
certificate_is_key(struct sp_view key_pem);

/* True where `key_pem` is the key of the first certificate. */
bool
certificate_matches(struct sp_view pem, struct sp_view key_pem);

/* Verifies the first certificate for a TLS server at `now_s`, by the others of
 * the text, up to an authority of this machine or one of `ca_pem`. 0, or
 * SP_ECRYPTO with OpenSSL's words in `why`. */
SP_MUST_CHECK int
certificate_verify(struct sp_view pem, struct sp_view ca_pem, int64_t now_s,
                   struct sp_buf *why);

/* Appends the pin of its public key, "sha256//" and base64 (RFC 7469 section
 * 2.4), as libcurl takes it. 0 or SP_ECRYPTO. */
SP_MUST_CHECK int
certificate_pin(struct sp_view pem, struct sp_buf *out);

#endif

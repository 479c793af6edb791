/* Fresh key material as the text of its file. Buffers hold secrets: the caller
 * wipes them with key_text_free(). */
#ifndef SP_CLIENTS_SALLYPORT_KEY_TEXTS_H
#define SP_CLIENTS_SALLYPORT_KEY_TEXTS_H

#include <stddef.h>

#include "common/base/compiler.h"
#include "common/text/buf.h"

/* Room for any one of them. */
#define KEY_TEXT_MAX 8192

/* A P-256 key in PKCS #8 PEM: for ES256 and for certificates. 0 or
 * SP_ECRYPTO. */
SP_MUST_CHECK int
key_text_ec(struct sp_buf *out);

/* An RSA key of 2048 bits in PKCS #8 PEM: for RS256. 0 or SP_ECRYPTO. */
SP_MUST_CHECK int
key_text_rsa(struct sp_buf *out);

/* `len` random bytes (at most 64) as one line of hex digits. */
void
key_text_hex(struct sp_buf *out, size_t len);

/* A CURVE key pair (RFC 26 of ZeroMQ), both in Z85 (RFC 32 of ZeroMQ). 0 or
 * SP_ECRYPTO. */
SP_MUST_CHECK int
key_text_curve(struct sp_buf *secret, struct sp_buf *out);

/* A password's Argon2id hash as libsodium writes it, with its interactive
 * limits. 0 or SP_ECRYPTO (no memory for it). */
SP_MUST_CHECK int
key_text_hash(struct sp_view password, struct sp_buf *out);

/* Wipes the content and frees. */
void
key_text_free(struct sp_buf *b);

#endif

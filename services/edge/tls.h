/* What the gate shows of itself in TLS: certificate, key, ticket key, and the
 * protocol versions and suites it speaks. */
#ifndef SP_SERVICES_EDGE_TLS_H
#define SP_SERVICES_EDGE_TLS_H

#include <stdbool.h>

#include <gnutls/gnutls.h>

struct sp_runtime;

/* TLS 1.3 and 1.2, forward secrecy and AEAD only; no RSA key exchange and no
 * renegotiation. */
extern const char tls_priorities[];

struct tls;

/* Loads keys/edge/{tls.pem,tls.key,ticket.key}; refuses to start where one is
 * missing or does not fit. */
struct tls *
tls_load(struct sp_runtime *rt);

void
tls_free(struct tls **tls);

/* PEM texts for libmicrohttpd, which reads them when the daemon starts. */
const char *
tls_certificate(const struct tls *tls);

const char *
tls_key(const struct tls *tls);

/* Wipes the PEM text of the key: the daemon has its own form of it. */
void
tls_forget_key(struct tls *tls);

/* Lets clients resume this session, at any replica. */
void
tls_enable_tickets(const struct tls *tls, gnutls_session_t session);

#endif

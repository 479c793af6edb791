/* Why a token is refused: a word for the audit trail and a sentence for the
 * client, which says nothing about other tokens or keys. */
#ifndef SP_SERVICES_AUTH_FAULT_H
#define SP_SERVICES_AUTH_FAULT_H

/* F(SYMBOL, word, sentence) */
#define TOKEN_FAULTS(F)                                                        \
    F(NONE, "none", "the token is good")                                       \
    F(TOO_LONG, "too_long", "the token is longer than this gate reads")        \
    F(MALFORMED, "malformed", "the token is not a signed JWT")                 \
    F(TYPE, "wrong_type", "the token is not an access token (typ at+jwt)")     \
    F(CRITICAL, "critical_header",                                             \
      "the token has a critical header that is not understood")                \
    F(KEY, "unknown_key", "the token is signed by a key that is not known")    \
    F(ALGORITHM, "wrong_algorithm",                                            \
      "the token's algorithm is not the one of its key")                       \
    F(SIGNATURE, "bad_signature", "the token's signature is not valid")        \
    F(CLAIM, "bad_claim", "a claim of the token is missing or malformed")      \
    F(ISSUER, "wrong_issuer", "the token is from another issuer")              \
    F(AUDIENCE, "wrong_audience", "the token is for another resource")         \
    F(EXPIRED, "expired", "the token has expired; get a new one")              \
    F(NOT_YET, "not_yet_valid", "the token is not valid yet")                  \
    F(CLIENT, "unknown_client", "the token's client is not registered")

enum token_fault {
#define TOKEN_FAULT_ENUM(symbol, word, sentence) TOKEN_FAULT_##symbol,
    TOKEN_FAULTS(TOKEN_FAULT_ENUM)
#undef TOKEN_FAULT_ENUM
    TOKEN_FAULT_COUNT
};

/* Constant texts, never NULL. */
const char *
token_fault_word(enum token_fault fault);

const char *
token_fault_sentence(enum token_fault fault);

#endif

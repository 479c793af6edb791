/* Fresh keys as the text of their files: usable, and never the same twice. */
#include <criterion/criterion.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <zmq.h>

#include "clients/sallyport/key_texts.h"
#include "common/base/compiler.h"

static void
enter(void)
{
    cr_assert_geq(sodium_init(), 0);
}

TestSuite(sallyport_key_texts, .init = enter);

static EVP_PKEY *
read_pem(const struct sp_buf *text)
{
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

    BIO_free(bio);
    return key;
}

static bool
is_line(const struct sp_buf *text, size_t len, const char *alphabet)
{
    return text->len == len + 1 && text->data[len] == '\n' &&
           strspn(text->data, alphabet) == len;
}

Test(sallyport_key_texts, signing_keys_are_what_their_algorithms_want)
{
    static const struct {
        const char *label;
        int (*make)(struct sp_buf *out);
        const char *type;
        int bits;
    } rows[] = {
        { "ES256", key_text_ec, "EC", 256 },
        { "RS256", key_text_rsa, "RSA", 2048 },
    };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf text = sp_buf_new(KEY_TEXT_MAX);
        EVP_PKEY *key = NULL;
        char group[32] = "";

        cr_assert_eq(rows[i].make(&text), 0, "%s", rows[i].label);
        cr_expect(
            sp_view_starts(sp_buf_view(&text), "-----BEGIN PRIVATE KEY-----\n"),
            "PKCS #8: %s", rows[i].label);
        key = read_pem(&text);
        cr_assert_not_null(key, "%s", rows[i].label);
        cr_expect_eq(EVP_PKEY_is_a(key, rows[i].type), 1);
        cr_expect_eq(EVP_PKEY_get_bits(key), rows[i].bits);
        if (i == 0) {
            cr_expect_eq(
                EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME,
                                               group, sizeof(group), NULL),
                1);
            cr_expect_str_eq(group, "prime256v1");
        }
        EVP_PKEY_free(key);
        key_text_free(&text);
        cr_expect_null(text.data);
    }
}

Test(sallyport_key_texts, no_two_are_the_same)
{
    struct sp_buf a = sp_buf_new(KEY_TEXT_MAX);
    struct sp_buf b = sp_buf_new(KEY_TEXT_MAX);

    cr_assert_eq(key_text_ec(&a), 0);
    cr_assert_eq(key_text_ec(&b), 0);
    cr_expect_not(sp_view_equal(sp_buf_view(&a), sp_buf_view(&b)));
    sp_buf_reset(&a);
    sp_buf_reset(&b);
    key_text_hex(&a, 32);
    key_text_hex(&b, 32);
    cr_expect_not(sp_view_equal(sp_buf_view(&a), sp_buf_view(&b)));
    key_text_free(&a);
    key_text_free(&b);
}

Test(sallyport_key_texts, hex_has_the_length_asked_for)
{
    static const struct {
        size_t asked;
        size_t digits;
    } rows[] = { { 0, 0 }, { 1, 2 }, { 32, 64 }, { 64, 128 }, { 65, 128 } };

    for (size_t i = 0; i < SP_COUNT(rows); i++) {
        struct sp_buf text = sp_buf_new(KEY_TEXT_MAX);

        key_text_hex(&text, rows[i].asked);
        cr_expect(is_line(&text, rows[i].digits, "0123456789abcdef"), "%zu",
                  rows[i].asked);
        key_text_free(&text);
    }
}

Test(sallyport_key_texts, a_curve_pair_belongs_together)
{
    struct sp_buf secret = sp_buf_new(KEY_TEXT_MAX);
    struct sp_buf public = sp_buf_new(KEY_TEXT_MAX);
    char secret_text[41] = { 0 };
    char derived[41] = { 0 };

    cr_assert_eq(key_text_curve(&secret, &public), 0);
    cr_assert_eq(secret.len, 41);
    cr_assert_eq(public.len, 41);
    memcpy(secret_text, secret.data, 40);
    cr_assert_eq(zmq_curve_public(derived, secret_text), 0);
    cr_expect_arr_eq(public.data, derived, 40);
    cr_expect_eq(public.data[40], '\n');
    cr_expect_eq(secret.data[40], '\n');
    key_text_free(&secret);
    key_text_free(&public);
}

Test(sallyport_key_texts, a_hash_knows_its_password)
{
    struct sp_buf text = sp_buf_new(KEY_TEXT_MAX);
    struct sp_buf again = sp_buf_new(KEY_TEXT_MAX);
    char hash[crypto_pwhash_STRBYTES] = { 0 };

    cr_assert_eq(key_text_hash(SP_VIEW_LITERAL("secret"), &text), 0);
    cr_assert_eq(key_text_hash(SP_VIEW_LITERAL("secret"), &again), 0);
    cr_expect_not(sp_view_equal(sp_buf_view(&text), sp_buf_view(&again)),
                  "salted");
    cr_assert(sp_view_starts(sp_buf_view(&text), "$argon2id$"));
    cr_assert_lt(text.len, sizeof(hash) + 1);
    cr_expect_eq(text.data[text.len - 1], '\n');
    memcpy(hash, text.data, text.len - 1);
    cr_expect_eq(crypto_pwhash_str_verify(hash, "secret", 6), 0);
    cr_expect_neq(crypto_pwhash_str_verify(hash, "Secret", 6), 0);
    cr_expect_neq(crypto_pwhash_str_verify(hash, "secret\0", 7), 0);
    key_text_free(&text);
    key_text_free(&again);
}

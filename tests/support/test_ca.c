/* test_ca: see test_ca.h. */
#include "test_ca.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct test_ca {
    EVP_PKEY *key;
    X509 *certificate;
};

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *e;
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ck_assert_ptr_nonnull(e);
    ck_assert_int_eq(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static X509 *make_certificate(const char *common_name, long serial, long from, long to, EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name;

    ck_assert_ptr_nonnull(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), from);
    X509_gmtime_adj(X509_getm_notAfter(x), to);
    name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0);
    X509_set_pubkey(x, key);
    return x;
}

static char *take_text(BIO *bio)
{
    char *data, *text;
    long len = BIO_get_mem_data(bio, &data);

    text = strndup(data, (size_t)len);
    ck_assert_ptr_nonnull(text);
    BIO_free(bio);
    return text;
}

static char *certificate_text(X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());

    ck_assert_int_eq(PEM_write_bio_X509(bio, x), 1);
    return take_text(bio);
}

struct test_ca *test_ca_make(void)
{
    struct test_ca *ca = calloc(1, sizeof *ca);

    ck_assert_ptr_nonnull(ca);
    ca->key = EVP_EC_gen("P-256");
    ck_assert_ptr_nonnull(ca->key);
    ca->certificate = make_certificate("test authority", 1, -86400, 86400, ca->key);
    X509_set_issuer_name(ca->certificate, X509_get_subject_name(ca->certificate));
    add_extension(ca->certificate, ca->certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca->certificate, ca->certificate, NID_key_usage, "critical,keyCertSign");
    ck_assert_int_gt(X509_sign(ca->certificate, ca->key, EVP_sha256()), 0);
    return ca;
}

void test_ca_free(struct test_ca *ca)
{
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
    free(ca);
}

char *test_ca_pem(const struct test_ca *ca)
{
    return certificate_text(ca->certificate);
}

void test_ca_issue(const struct test_ca *ca, const char *name, long seconds, char **certificate, char **key)
{
    EVP_PKEY *own = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *x = make_certificate("test server", 2, -3600, seconds, own);

    X509_set_issuer_name(x, X509_get_subject_name(ca->certificate));
    add_extension(x, ca->certificate, NID_subject_alt_name, name);
    ck_assert_int_gt(X509_sign(x, ca->key, EVP_sha256()), 0);
    *certificate = certificate_text(x);
    ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(bio, own, NULL, NULL, 0, NULL, NULL), 1);
    *key = take_text(bio);
    X509_free(x);
    EVP_PKEY_free(own);
}

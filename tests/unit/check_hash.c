/* check_hash: our SipHash against that of OpenSSL, which shares no code with it. */
#include <openssl/evp.h>
#include <string.h>

#include "one_suite.h"
#include "../../plugins/common/hash.h"

static void reference(const unsigned char key[16], const void *data, size_t len, unsigned char out[16])
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_SIPHASH, NULL, key, 16);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t out_len = 16;

    ck_assert_ptr_nonnull(pkey);
    ck_assert_ptr_nonnull(ctx);
    ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey), 1);
    ck_assert_int_eq(EVP_DigestSignUpdate(ctx, data, len), 1);
    ck_assert_int_eq(EVP_DigestSignFinal(ctx, out, &out_len), 1);
    ck_assert_uint_eq(out_len, 16);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
}

START_TEST(hashes_equal_those_of_openssl_for_every_length)
{
    unsigned char key[16], data[100], wanted[16], got[16];
    struct hash128 k = {0, 0};
    size_t len;
    int i, b;

    for (i = 0; i < 16; i++) {
        key[i] = (unsigned char)(i * 17 + 3);
        *(i < 8 ? &k.lo : &k.hi) |= (uint64_t)key[i] << (8 * (i % 8));
    }
    for (i = 0; i < 100; i++)
        data[i] = (unsigned char)(255 - i * 7);
    for (len = 0; len <= sizeof data; len++) {
        struct hash128 h = hash128(&k, data, len);

        for (b = 0; b < 16; b++)
            got[b] = (unsigned char)((b < 8 ? h.lo : h.hi) >> (8 * (b % 8)));
        reference(key, data, len, wanted);
        ck_assert_mem_eq(got, wanted, 16);
    }
}
END_TEST

START_TEST(two_random_keys_differ)
{
    struct hash128 a, b;

    ck_assert_int_eq(hash_key_random(&a), 0);
    ck_assert_int_eq(hash_key_random(&b), 0);
    ck_assert(a.lo != b.lo || a.hi != b.hi);
}
END_TEST

ONE_SUITE("hash", 10, hashes_equal_those_of_openssl_for_every_length, two_random_keys_differ)

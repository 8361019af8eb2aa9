/* test_ca: a certificate authority of a test's own, and certificates by it. */
#ifndef SLUICE_TESTS_TEST_CA_H
#define SLUICE_TESTS_TEST_CA_H

struct test_ca;

struct test_ca *test_ca_make(void);
void test_ca_free(struct test_ca *ca);
/* PEM texts, malloc'ed. */
char *test_ca_pem(const struct test_ca *ca);
/* name: as in a subjectAltName, "IP:127.0.0.1" or "DNS:localhost".  Valid from an hour
 * before now to `seconds` after now, which may be negative. */
void test_ca_issue(const struct test_ca *ca, const char *name, long seconds, char **certificate, char **key);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made by the test itself, EC keys, valid for a day. For tests only. */
#pragma once

#include <check.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct test_cert {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

struct test_cert_spec {
	const char *name;
	const char *usage;		/* GNUTLS_KP_…, or NULL for none */
	const struct test_cert *signer; /* NULL: itself, as a CA */
	time_t not_after;		/* 0: in a day */
};

static inline void test_cert_make(const struct test_cert_spec *spec, struct test_cert *ret)
{
	static unsigned char serial[4];
	time_t now = time(NULL);
	bool ca = spec->signer == NULL;
	const struct test_cert *signer = ca ? ret : spec->signer;

	serial[0] = 1;
	serial[3]++;
	ck_assert_int_eq(gnutls_x509_privkey_init(&ret->key), 0);
	ck_assert_int_eq(gnutls_x509_privkey_generate(ret->key, GNUTLS_PK_ECDSA,
				 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
		0);
	ck_assert_int_eq(gnutls_x509_crt_init(&ret->crt), 0);
	gnutls_x509_crt_set_version(ret->crt, 3);
	gnutls_x509_crt_set_serial(ret->crt, serial, sizeof(serial));
	gnutls_x509_crt_set_activation_time(ret->crt, now - 3600);
	gnutls_x509_crt_set_expiration_time(
		ret->crt, spec->not_after ? spec->not_after : now + 86400);
	gnutls_x509_crt_set_dn_by_oid(
		ret->crt, GNUTLS_OID_X520_COMMON_NAME, 0, spec->name, (unsigned)strlen(spec->name));
	gnutls_x509_crt_set_key(ret->crt, ret->key);
	gnutls_x509_crt_set_basic_constraints(ret->crt, ca, -1);
	gnutls_x509_crt_set_key_usage(
		ret->crt, ca ? GNUTLS_KEY_KEY_CERT_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (spec->usage)
		gnutls_x509_crt_set_key_purpose_oid(ret->crt, spec->usage, 0);
	if (!ca)
		gnutls_x509_crt_set_subject_alt_name(
			ret->crt, GNUTLS_SAN_IPADDRESS, "\x7f\x00\x00\x01", 4, GNUTLS_FSAN_SET);
	ck_assert_int_eq(
		gnutls_x509_crt_sign2(ret->crt, signer->crt, signer->key, GNUTLS_DIG_SHA256, 0), 0);
}

static inline void test_cert_free(struct test_cert *c)
{
	gnutls_x509_crt_deinit(c->crt);
	gnutls_x509_privkey_deinit(c->key);
}

/* Written beside and renamed, as careful tools do. */
static inline void test_write_file(const char *path, const gnutls_datum_t *text)
{
	char temporary[512];
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	FILE *f = fopen(temporary, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text->data, 1, text->size, f), text->size);
	fclose(f);
	ck_assert_int_eq(rename(temporary, path), 0);
}

static inline void test_cert_write(const struct test_cert *c, const char *crt, const char *key)
{
	gnutls_datum_t pem;
	if (crt) {
		ck_assert_int_eq(gnutls_x509_crt_export2(c->crt, GNUTLS_X509_FMT_PEM, &pem), 0);
		test_write_file(crt, &pem);
		gnutls_free(pem.data);
	}
	if (key) {
		ck_assert_int_eq(gnutls_x509_privkey_export2(c->key, GNUTLS_X509_FMT_PEM, &pem), 0);
		test_write_file(key, &pem);
		gnutls_free(pem.data);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of the HTTP server. What is loaded from the files (certificate, key, client CA) is
 * one reference-counted object; a new connection takes the newest, a running one keeps what it
 * began with, so a rotation swaps all three together and disturbs nobody. When the client CA is
 * given, a client certificate of it that is meant for clients (extended key usage clientAuth) is
 * required in the handshake: whoever has none never reaches the HTTP parser.
 */
#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/crypto.h"
#include "common/base/log.h"
#include "common/http/http_internal.h"

#define PEM_MAX	       ((size_t)1 << 20)
#define EXPIRY_WARN_S  ((time_t)7 * 86400)
#define EXPIRY_NOTE_MS 3600000

struct http_tls_creds {
	_Atomic int refs;
	gnutls_certificate_credentials_t cred;
	uint8_t digest[SHA256_LEN]; /* of all files, to see whether they changed */
};

struct http_tls {
	const char *name;		      /* the server's, for the log */
	char *cert_file, *key_file, *ca_file; /* ca_file NULL: clients are not verified */
	pthread_mutex_t lock;
	struct http_tls_creds *current;
	int64_t noted_at_ms; /* when the end of the certificate was looked at last */
};

struct pem {
	gnutls_datum_t cert, key, ca;
};

static void pem_free(struct pem *p)
{
	if (p->key.data)
		crypto_wipe(p->key.data, p->key.size);
	free(p->cert.data);
	free(p->key.data);
	free(p->ca.data);
}

/* Certificates and keys are read alike: who may read the key file is the mount's affair, since
 * Kubernetes mounts TLS secrets world-readable inside the pod. */
static int read_pem(const char *path, gnutls_datum_t *ret, struct err *e)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return err_set_errno(e, errno, "%s", path);
	setbuf(f, NULL); /* no second copy of a key */
	unsigned char *text = malloc(PEM_MAX + 1);
	size_t len = text ? fread(text, 1, PEM_MAX + 1, f) : 0;
	bool failed = ferror(f) != 0;
	fclose(f);
	ret->data = text;
	ret->size = (unsigned)len;
	if (!text || failed)
		return err_set(e, "%s: cannot be read", path);
	if (len == 0 || len > PEM_MAX)
		return err_set(e, "%s: %s", path, len == 0 ? "empty" : "larger than 1 MiB");
	return 0;
}

static int read_files(const struct http_tls *t, struct pem *ret, struct err *e)
{
	if (read_pem(t->cert_file, &ret->cert, e) < 0 || read_pem(t->key_file, &ret->key, e) < 0)
		return -1;
	return t->ca_file ? read_pem(t->ca_file, &ret->ca, e) : 0;
}

static void digest_of(const struct pem *p, uint8_t ret[SHA256_LEN])
{
	const gnutls_datum_t *parts[] = {&p->cert, &p->key, &p->ca};
	uint8_t digests[ARRAY_LEN(parts)][SHA256_LEN];

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		sha256_of(parts[i]->data, parts[i]->size, digests[i]);
	sha256_of(digests, sizeof(digests), ret);
}

static int fill_cred(const struct http_tls *t, gnutls_certificate_credentials_t cred,
	const struct pem *p, struct err *e)
{
	int rc = gnutls_certificate_set_x509_key_mem2(
		cred, &p->cert, &p->key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return err_set(e, "the key in %s does not fit the certificate in %s", t->key_file,
			t->cert_file);
	if (rc < 0)
		return err_set(e, "certificate %s with key %s: %s", t->cert_file, t->key_file,
			gnutls_strerror(rc));
	if (!t->ca_file)
		return 0;
	rc = gnutls_certificate_set_x509_trust_mem(cred, &p->ca, GNUTLS_X509_FMT_PEM);
	if (rc <= 0)
		return err_set(e, "client CA %s: %s", t->ca_file,
			rc < 0 ? gnutls_strerror(rc) : "no certificate in it");
	return 0;
}

void http_tls_creds_unref(struct http_tls_creds *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	gnutls_certificate_free_credentials(c->cred);
	free(c);
}

static int load(const struct http_tls *t, struct http_tls_creds **ret, struct err *e)
{
	struct pem pem = {0};
	struct http_tls_creds *c = calloc(1, sizeof(*c));
	int rc = -1;

	if (!c || gnutls_certificate_allocate_credentials(&c->cred) < 0) {
		free(c);
		return err_set(e, "out of memory");
	}
	atomic_store(&c->refs, 1);
	if (read_files(t, &pem, e) == 0 && fill_cred(t, c->cred, &pem, e) == 0) {
		digest_of(&pem, c->digest);
		*ret = TAKE_PTR(c);
		rc = 0;
	}
	pem_free(&pem);
	http_tls_creds_unref(c);
	return rc;
}

/* When the server's own certificate ends; also says so while there is time to act. */
static void note_expiry(struct http_tls *t)
{
	gnutls_x509_crt_t *chain = NULL;
	unsigned count = 0;

	if (gnutls_certificate_get_x509_crt(t->current->cred, 0, &chain, &count) < 0 || count == 0)
		return;
	time_t now = time(NULL), end = gnutls_x509_crt_get_expiration_time(chain[0]);
	time_t life = end - gnutls_x509_crt_get_activation_time(chain[0]);
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	http_set_expiry((int64_t)end);
	t->noted_at_ms = monotonic_ms();
	/* Certificates that live for a day are renewed late in it. */
	if (end - now < EXPIRY_WARN_S && end - now < life / 5)
		log_warn("tls_certificate_expires", LOG_STR("server", t->name),
			LOG_STR("file", t->cert_file), LOG_INT("seconds_left", end - now));
}

int http_tls_new(const struct http_server_config *config, struct http_tls **ret, struct err *e)
{
	struct http_tls *t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, "out of memory");
	pthread_mutex_init(&t->lock, NULL);
	t->name = config->name;
	t->cert_file = strdup(config->tls_cert_file);
	t->key_file = strdup(config->tls_private_key_file);
	t->ca_file = config->client_ca_file ? strdup(config->client_ca_file) : NULL;
	if (load(t, &t->current, e) < 0) {
		http_tls_free(t);
		return -1;
	}
	note_expiry(t);
	*ret = t;
	return 0;
}

void http_tls_free(struct http_tls *t)
{
	if (!t)
		return;
	http_tls_creds_unref(t->current);
	pthread_mutex_destroy(&t->lock);
	free(t->cert_file);
	free(t->key_file);
	free(t->ca_file);
	free(t);
}

void http_tls_reload(struct http_tls *t)
{
	struct http_tls_creds *fresh = NULL;
	struct err e;

	if (load(t, &fresh, &e) < 0) {
		http_count_reload(false);
		log_warn("tls_reload_failed", LOG_STR("server", t->name), LOG_STR("error", e.msg));
		return;
	}
	/* Only the watchdog's thread writes `current`. */
	if (crypto_equal(fresh->digest, t->current->digest, SHA256_LEN)) {
		http_tls_creds_unref(fresh);
		if (monotonic_ms() - t->noted_at_ms > EXPIRY_NOTE_MS)
			note_expiry(t);
		return;
	}
	pthread_mutex_lock(&t->lock);
	struct http_tls_creds *old = t->current;
	t->current = fresh;
	pthread_mutex_unlock(&t->lock);
	http_tls_creds_unref(old);
	http_count_reload(true);
	note_expiry(t);
	log_info("tls_reloaded", LOG_STR("server", t->name), LOG_STR("file", t->cert_file));
}

void http_tls_each_folder(
	const struct http_tls *t, void (*fn)(void *arg, const char *folder), void *arg)
{
	const char *files[] = {t->cert_file, t->key_file, t->ca_file};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const char *slash = files[i] ? strrchr(files[i], '/') : NULL;
		char folder[4096] = ".";
		if (!files[i])
			continue;
		if (slash)
			snprintf(
				folder, sizeof(folder), "%.*s/", (int)(slash - files[i]), files[i]);
		fn(arg, folder);
	}
}

/* ---- per connection ---- */

static void take_client_name(struct http_conn *c, gnutls_session_t session)
{
	unsigned count = 0;
	char name[HTTP_NAME_MAX];
	size_t len = sizeof(name);
	gnutls_x509_crt_t crt;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);

	free(TAKE_PTR(c->client_name));
	if (!chain || count == 0 || gnutls_x509_crt_init(&crt) < 0)
		return;
	if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) < 0 ||
		gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len) <
			0)
		len = 0;
	gnutls_x509_crt_deinit(crt);
	/* A name with a NUL in it would be read as another one. */
	if (len == 0 || len >= sizeof(name) || memchr(name, 0, len))
		return;
	c->client_name = strndup(name, len);
}

static void log_refused(const struct http_conn *c, int rc, unsigned status)
{
	gnutls_datum_t why = {0};
	const char *text = gnutls_strerror(rc);
	if (rc == 0 &&
		gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &why, 0) == 0)
		text = (const char *)why.data;
	http_count_refusal(c->server, HTTP_REFUSED_CERTIFICATE);
	log_info("tls_client_refused", LOG_STR("server", c->server->config.name),
		LOG_STR("peer", c->peer), LOG_STR("reason", text));
	gnutls_free(why.data);
}

/* RFC 8446, 6.2. */
static gnutls_alert_description_t alert_of(int rc, unsigned status)
{
	if (rc == GNUTLS_E_NO_CERTIFICATE_FOUND)
		return GNUTLS_A_CERTIFICATE_REQUIRED;
	if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA))
		return GNUTLS_A_UNKNOWN_CA;
	if (status & GNUTLS_CERT_EXPIRED)
		return GNUTLS_A_CERTIFICATE_EXPIRED;
	if (status & GNUTLS_CERT_REVOKED)
		return GNUTLS_A_CERTIFICATE_REVOKED;
	if (status & GNUTLS_CERT_PURPOSE_MISMATCH)
		return GNUTLS_A_UNSUPPORTED_CERTIFICATE;
	return GNUTLS_A_BAD_CERTIFICATE;
}

/* verify_peers, not verify_peers2: only this one looks at the extended key usage. */
static int verify_client(gnutls_session_t session)
{
	struct http_conn *c = gnutls_session_get_ptr(session);
	gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
	unsigned status = 0;

	int rc = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
	if (rc < 0 || status != 0) {
		log_refused(c, rc, status);
		c->refused = true;
		c->alert = alert_of(rc, status);
		return GNUTLS_E_CERTIFICATE_ERROR;
	}
	take_client_name(c, session);
	return 0;
}

/* The handshake had its deadline; the next one runs from the first line of a request. */
static int handshake_done(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
	const gnutls_datum_t *message)
{
	struct http_conn *c = gnutls_session_get_ptr(session);
	(void)type, (void)when, (void)message;
	if (incoming)
		atomic_store(&c->deadline_us, 0);
	return 0;
}

int http_tls_adopt(struct http_tls *t, struct http_conn *c, gnutls_session_t session)
{
	pthread_mutex_lock(&t->lock);
	c->creds = t->current;
	atomic_fetch_add(&c->creds->refs, 1);
	pthread_mutex_unlock(&t->lock);

	gnutls_session_set_ptr(session, c);
	gnutls_handshake_set_hook_function(
		session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST, handshake_done);
	if (t->ca_file) {
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_function(session, verify_client);
	} else {
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
	}
	return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, c->creds->cred);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caBundles of the registration, and the certificate that the webhook shows: whether the one
 * vouches for the other under the name that API servers use, and how long both last.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor/doctor_internal.h"
#include "common/base/crypto.h"

#define SOON_DAYS	14
#define CONNECT_TIMEOUT 5 /* seconds */
#define MEND_CA		"manifests/apiserver/render --ca-file CA, then kubectl apply -k DIR/registration"
#define MEND_CERT                                                                                  \
	"renew the certificate in Secret holdpoint-webhook-tls; it is read again by itself"

/* Whom API servers ask, and whom they trust for it. */
struct client_config {
	const char *webhook;
	const char *host, *port; /* as they connect; the certificate is for host */
	struct span ca;		 /* PEM; absent: the system's */
};

/* ---- dates ---- */

/* Days until then, rounded down; negative when it is over. */
static int days_left(const ASN1_TIME *at)
{
	int days = 0, seconds = 0;

	ASN1_TIME_diff(&days, &seconds, NULL, at);
	return seconds < 0 && days == 0 ? -1 : days;
}

static void say_days(
	struct doctor *d, const char *mend, const char *webhook, const char *what, int days)
{
	if (days < 0)
		doctor_fail(d, mend, "%s: %s expired %d day%s ago: nothing passes", webhook, what,
			-days, days == -1 ? "" : "s");
	else if (days < SOON_DAYS)
		doctor_warn(d, mend, "%s: %s expires in %d day%s", webhook, what, days,
			days == 1 ? "" : "s");
	else
		doctor_ok(d, "%s: %s is good for %d days", webhook, what, days);
}

/* ---- the registration ---- */

static int read_config(
	struct doctor *d, const struct json_doc *doc, json_ref hook, struct client_config *ret)
{
	const char *url = doctor_field(d, doc, hook, "/clientConfig/url");
	const char *service = doctor_field(d, doc, hook, "/clientConfig/service/name");
	const char *port = doctor_field(d, doc, hook, "/clientConfig/service/port");
	struct span bundle =
		json_string(doc, json_pointer_str(doc, hook, "/clientConfig/caBundle"), d->arena);
	char host[256] = "", digits[8] = "443";

	ret->webhook = doctor_field(d, doc, hook, "/name");
	ret->ca = (struct span){0};
	if (*service)
		snprintf(host, sizeof(host), "%s.%s.svc", service,
			doctor_field(d, doc, hook, "/clientConfig/service/namespace"));
	else if (sscanf(url, "https://%255[^:/]:%7[0-9]", host, digits) < 1)
		return -1;
	ret->host = doctor_text(d, "%s", host);
	ret->port = doctor_text(d, "%s", *service && *port ? port : digits);
	if (bundle.len > 0 && base64_decode(bundle, BASE64, d->arena, &ret->ca) < 0)
		return -1;
	return 0;
}

static void each_config(
	struct doctor *d, void (*look)(struct doctor *d, const struct client_config *c))
{
	const struct json_doc *const docs[] = {&d->validating, &d->mutating};
	struct client_config c;

	for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
		json_foreach (config, docs[i], json_get_str(docs[i], JSON_ROOT, "items")) {
			json_foreach (hook, docs[i], json_get_str(docs[i], config, "webhooks")) {
				const char *name = doctor_field(d, docs[i], hook, "/name");

				if (!strstr(name, "holdpoint.dev"))
					continue;
				if (read_config(d, docs[i], hook, &c) == 0)
					look(d, &c);
				else
					doctor_fail(d, MEND_CA, "%s: clientConfig cannot be read",
						name);
			}
		}
	}
}

/* ---- the caBundle ---- */

static BIO *bio_of(struct span pem)
{
	return BIO_new_mem_buf(pem.ptr, (int)pem.len);
}

static void look_at_bundle(struct doctor *d, const struct client_config *c)
{
	BIO *bio = c->ca.len ? bio_of(c->ca) : NULL;
	X509 *cert;
	int best = -1, count = 0;

	if (!bio) {
		doctor_fail(d, MEND_CA,
			"%s has no caBundle: the API server trusts the system's "
			"authorities only",
			c->webhook);
		return;
	}
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		int days = days_left(X509_get0_notAfter(cert));

		best = days > best ? days : best;
		count++;
		X509_free(cert);
	}
	ERR_clear_error();
	BIO_free(bio);
	if (count == 0)
		doctor_fail(d, MEND_CA, "%s: the caBundle has no certificate", c->webhook);
	else
		say_days(d, MEND_CA, c->webhook, "the authority in the caBundle", best);
}

void doctor_check_ca_bundle(struct doctor *d)
{
	each_config(d, look_at_bundle);
}

/* ---- what is served ---- */

static int connect_to(const char *host, const char *port, char *why, size_t room)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	const struct timeval limit = {.tv_sec = CONNECT_TIMEOUT};
	struct addrinfo *list = NULL;
	int fd = -1, rc = getaddrinfo(host, port, &hints, &list);

	if (rc != 0) {
		snprintf(why, room, "%s", gai_strerror(rc));
		return -1;
	}
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		snprintf(why, room, "%m");
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

static bool trust(SSL_CTX *ctx, struct span ca)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	BIO *bio = bio_of(ca);
	X509 *cert;
	bool any = false;

	while (bio && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		any |= X509_STORE_add_cert(store, cert) == 1;
		X509_free(cert);
	}
	ERR_clear_error();
	BIO_free(bio);
	return any;
}

/* The handshake is gone through whatever is wrong: what is wrong is what one wants to know. */
static int go_on(int ok, X509_STORE_CTX *ctx)
{
	(void)ok;
	(void)ctx;
	return 1;
}

static void judge(struct doctor *d, const struct client_config *c, SSL *ssl)
{
	long verdict = SSL_get_verify_result(ssl);
	X509 *cert = SSL_get1_peer_certificate(ssl);

	if (!cert) {
		doctor_fail(d, DOCTOR_WEBHOOK_LOG, "%s: no certificate was shown", c->webhook);
		return;
	}
	if (verdict != X509_V_OK && verdict != X509_V_ERR_CERT_HAS_EXPIRED)
		doctor_fail(d, MEND_CA,
			"%s: the caBundle does not vouch for the certificate that is served for "
			"%s: %s; nothing passes",
			c->webhook, c->host, X509_verify_cert_error_string(verdict));
	say_days(d, MEND_CERT, c->webhook, "the certificate that is served",
		days_left(X509_get0_notAfter(cert)));
	X509_free(cert);
}

static bool is_address(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static void shake_hands(struct doctor *d, const struct client_config *c, int fd)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx && trust(ctx, c->ca) ? SSL_new(ctx) : NULL;
	X509_VERIFY_PARAM *param = ssl ? SSL_get0_param(ssl) : NULL;

	if (!ssl) {
		doctor_fail(d, MEND_CA, "%s: the caBundle cannot be used", c->webhook);
		SSL_CTX_free(ctx);
		return;
	}
	SSL_set_verify(ssl, SSL_VERIFY_PEER, go_on);
	/* As API servers do: a common name is no name. */
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (is_address(c->host))
		X509_VERIFY_PARAM_set1_ip_asc(param, c->host);
	else
		X509_VERIFY_PARAM_set1_host(param, c->host, 0);
	SSL_set_tlsext_host_name(ssl, c->host);
	SSL_set_fd(ssl, fd);
	/* A server that wants a client's certificate ends it later; its own was shown by then. */
	SSL_connect(ssl);
	judge(d, c, ssl);
	ERR_clear_error();
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void look_at_served(struct doctor *d, const struct client_config *c)
{
	char host[256], port[8] = "443", why[256] = "";
	int fd;

	snprintf(host, sizeof(host), "%s", c->host);
	snprintf(port, sizeof(port), "%s", c->port);
	if (d->options.webhook_url &&
		sscanf(d->options.webhook_url, "https://%255[^:/]:%7[0-9]", host, port) < 1) {
		doctor_fail(d, "give --webhook-url https://HOST:PORT",
			"--webhook-url is not like https://HOST:PORT");
		return;
	}
	if (c->ca.len == 0)
		return; /* said already */
	fd = connect_to(host, port, why, sizeof(why));
	if (fd < 0 && !d->options.webhook_url && strstr(host, ".svc")) {
		doctor_skip(
			d, "%s: %s is not reached from here; give --webhook-url", c->webhook, host);
		return;
	}
	if (fd < 0) {
		doctor_fail(d, "kubectl -n holdpoint-system get pods",
			"%s: nothing answers at %s:%s: %s", c->webhook, host, port, why);
		return;
	}
	shake_hands(d, c, fd);
	close(fd);
}

void doctor_check_served_certificate(struct doctor *d)
{
	each_config(d, look_at_served);
}

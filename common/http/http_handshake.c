/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How handshakes fail. libmicrohttpd calls gnutls_handshake(), keeps what it returns to itself and
 * closes the socket: no line, no count, no alert that would tell the client why. So this program
 * has a gnutls_handshake() of its own, which the linker prefers to the library's: it calls that,
 * and where it fails for good, counts and says why, and sends the alert that RFC 8446, 6.2 asks for
 * (ADR 13). Sessions that are not of our servers pass through it untouched.
 */
#include <dlfcn.h>
#include <sys/socket.h>

#include "common/base/log.h"
#include "common/http/http_internal.h"

#define RECORD_HANDSHAKE 22 /* RFC 8446, 5.1: the first byte of a client that speaks TLS */

#define TRUST_HINT                                                                                 \
	"does its caBundle hold the authority of this server's certificate, and that the name?"

static const struct failure {
	int code;
	enum http_refusal refusal;
	const char *reason, *hint;
} failures[] = {
	{GNUTLS_E_NO_CERTIFICATE_FOUND, HTTP_REFUSED_CERTIFICATE, "no client certificate", NULL},
	{GNUTLS_E_CERTIFICATE_REQUIRED, HTTP_REFUSED_CERTIFICATE, "no client certificate", NULL},
	{GNUTLS_E_UNSUPPORTED_VERSION_PACKET, HTTP_REFUSED_HANDSHAKE, "a version of TLS before 1.2",
		NULL},
	{GNUTLS_E_NO_CIPHER_SUITES, HTTP_REFUSED_HANDSHAKE, "no cipher in common", NULL},
	{GNUTLS_E_FATAL_ALERT_RECEIVED, HTTP_REFUSED_BY_CLIENT, NULL, TRUST_HINT},
	/* OpenSSL's clients send the alert of TLS 1.3 under keys that GnuTLS does not use yet. */
	{GNUTLS_E_DECRYPTION_FAILED, HTTP_REFUSED_BY_CLIENT, "an alert of the client", TRUST_HINT},
};

static const struct failure other = {0, HTTP_REFUSED_HANDSHAKE, NULL, NULL};
static const struct failure not_tls = {
	0, HTTP_REFUSED_NOT_TLS, "plain text, not TLS", "the address is https://"};

static const struct failure *failure_of(const struct http_conn *c, int rc)
{
	if (c->first_byte != RECORD_HANDSHAKE)
		return &not_tls;
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		if (failures[i].code == rc)
			return &failures[i];
	return &other;
}

/* Nobody refused anything: the client is gone, or was never there, as a load balancer's probe. */
static bool has_left(int rc)
{
	return rc == GNUTLS_E_PREMATURE_TERMINATION || rc == GNUTLS_E_PULL_ERROR ||
	       rc == GNUTLS_E_PUSH_ERROR;
}

static void say(
	const struct http_conn *c, gnutls_session_t session, int rc, const struct failure *f)
{
	const char *reason = f->reason ? f->reason : gnutls_strerror(rc);

	if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED)
		reason = gnutls_alert_get_name(gnutls_alert_get(session));
	http_count_refusal(c->server, f->refusal);
	log_info(f->refusal == HTTP_REFUSED_BY_CLIENT ? "tls_refused_by_client"
						      : "tls_client_refused",
		LOG_STR("server", c->server->config.name), LOG_STR("peer", c->peer),
		LOG_STR("reason", reason), LOG_STR("hint", f->hint));
}

/* What a person with a browser or curl understands, as other servers answer too. */
static void answer_plain_text(const struct http_conn *c)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
				   "Content-Type: text/plain\r\nContent-Length: 33\r\n\r\n"
				   "This is a TLS port: use https://\n";

	(void)send(c->fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void failed(struct http_conn *c, gnutls_session_t session, int rc)
{
	const struct failure *f = failure_of(c, rc);

	if (c->refused) /* verify_client() said why, and chose the alert */
		gnutls_alert_send(session, GNUTLS_AL_FATAL, c->alert);
	else
		say(c, session, rc, f);
	if (f == &not_tls)
		answer_plain_text(c);
	else if (!c->refused && f->refusal == HTTP_REFUSED_CERTIFICATE)
		gnutls_alert_send(session, GNUTLS_AL_FATAL,
			gnutls_protocol_get_version(session) >= GNUTLS_TLS1_3
				? GNUTLS_A_CERTIFICATE_REQUIRED
				: GNUTLS_A_HANDSHAKE_FAILURE); /* RFC 5246, 7.4.6 */
	else if (!c->refused && f->refusal != HTTP_REFUSED_BY_CLIENT)
		gnutls_alert_send_appropriate(session, rc);
}

/* http_tls_adopt() and http_transport_adopt() gave one of ours the same pointer twice. */
struct http_conn *http_conn_of(gnutls_session_t session)
{
	void *ours = gnutls_session_get_ptr(session);

	return ours && ours == gnutls_transport_get_ptr(session) ? ours : NULL;
}

typedef int (*handshake_fn)(gnutls_session_t);

static handshake_fn library_handshake(void)
{
	static _Atomic(handshake_fn) found;
	handshake_fn fn = atomic_load(&found);

	if (!fn) {
		fn = (handshake_fn)(uintptr_t)dlsym(RTLD_NEXT, "gnutls_handshake");
		atomic_store(&found, fn);
	}
	return fn;
}

int gnutls_handshake(gnutls_session_t session)
{
	handshake_fn fn = library_handshake();
	struct http_conn *c;
	int rc;

	if (!fn)
		return GNUTLS_E_UNIMPLEMENTED_FEATURE;
	rc = fn(session);
	if (rc >= 0 || !gnutls_error_is_fatal(rc))
		return rc;
	c = http_conn_of(session);
	if (c && !c->handshake_failed && !has_left(rc)) {
		c->handshake_failed = true;
		/* With TLS 1.2, GnuTLS takes any alert instead of a certificate for "I have none".
		 */
		if (rc == GNUTLS_E_NO_CERTIFICATE_FOUND && gnutls_alert_get(session) != 0)
			rc = GNUTLS_E_FATAL_ALERT_RECEIVED;
		failed(c, session, rc);
	}
	return rc;
}

bool http_handshake_is_watched(void)
{
	return dlsym(RTLD_DEFAULT, "gnutls_handshake") == (void *)(uintptr_t)gnutls_handshake;
}

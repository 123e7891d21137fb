/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS server of ours, certificates of several kinds, and clients that use them. */
#pragma once

#include <check.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/http/http_server.h"
#include "support/certs.h"
#include "support/raw_http.h"
#include "support/run_tests.h"

static char dir[] = "/tmp/holdpoint-tls-XXXXXX";
static struct test_cert ca, other_ca;
static struct http_server *server;

static inline const char *file(const char *name)
{
	static _Thread_local char paths[8][256];
	static _Thread_local unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static inline void make(
	const char *name, const char *usage, const struct test_cert *signer, time_t not_after)
{
	struct test_cert c;
	char crt[64], key[64];
	const struct test_cert_spec spec = {name, usage, signer, not_after};
	test_cert_make(&spec, &c);
	snprintf(crt, sizeof(crt), "%s.crt", name);
	snprintf(key, sizeof(key), "%s.key", name);
	test_cert_write(&c, file(crt), file(key));
	test_cert_free(&c);
}

static inline void make_all(void)
{
	const time_t now = time(NULL);
	const struct test_cert_spec root = {"test-ca", NULL, NULL, 0};
	const struct test_cert_spec foreign = {"other-ca", NULL, NULL, 0};
	ck_assert_ptr_nonnull(mkdtemp(dir));
	test_cert_make(&root, &ca);
	test_cert_make(&foreign, &other_ca);
	test_cert_write(&ca, file("ca.crt"), NULL);
	make("server", GNUTLS_KP_TLS_WWW_SERVER, &ca, 0);
	make("client", GNUTLS_KP_TLS_WWW_CLIENT, &ca, 0);
	make("no-usage", NULL, &ca, 0);
	make("server-only", GNUTLS_KP_TLS_WWW_SERVER, &ca, 0);
	make("expired", GNUTLS_KP_TLS_WWW_CLIENT, &ca, now - 60);
	make("foreign", GNUTLS_KP_TLS_WWW_CLIENT, &other_ca, 0);
}

static inline void remove_all(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
	test_cert_free(&ca);
	test_cert_free(&other_ca);
}

static inline void who(struct http_request *r, void *userdata)
{
	(void)userdata;
	struct span name = http_request_client_name(r);
	http_reply(r, &(struct http_answer){.status = 200,
			      .body = arena_printf(http_request_arena(r), "%.*s:%zu",
				      SPAN_FMT(name), http_request_body(r).len)});
}

/* Suspends, and answers from a thread of its own. */
static inline void *answer_later(void *arg)
{
	usleep(200); /* now before the handler has returned, now behind */
	who(arg, NULL);
	return NULL;
}

static inline void later(struct http_request *r, void *userdata)
{
	pthread_t t;
	(void)userdata;
	if (http_suspend(r) < 0 || pthread_create(&t, NULL, answer_later, r) != 0)
		ck_abort_msg("cannot suspend");
	pthread_detach(t);
}

static const struct http_route routes[] = {
	{"POST", "/who", false, "application/json", who, NULL},
	{"POST", "/later", false, "application/json", later, NULL},
	{0},
};

static inline struct http_server_config config(bool verify)
{
	static char cert[256], key[256], client_ca[256];
	snprintf(cert, sizeof(cert), "%s/server.crt", dir);
	snprintf(key, sizeof(key), "%s/server.key", dir);
	snprintf(client_ca, sizeof(client_ca), "%s/ca.crt", dir);
	return (struct http_server_config){.name = "test",
		.listen = "127.0.0.1:0",
		.threads = 2,
		.tls_cert_file = cert,
		.tls_private_key_file = key,
		.client_ca_file = verify ? client_ca : NULL,
		.max_connections = 100,
		.max_suspended = 16,
		.max_body_bytes = 4 << 20,
		.max_inflight_bytes = 16 << 20,
		.body_deadline_ms = 5000,
		.idle_timeout_s = 30,
		.routes = routes};
}

static inline void start(bool verify)
{
	struct err e;
	const struct http_server_config c = config(verify);
	ck_assert_msg(http_server_start(&c, &server, &e) == 0, "%s", e.msg);
}

static inline void setup(void)
{
	make_all();
	start(true);
}

static inline void teardown(void)
{
	http_server_stop(server, 1000);
	server = NULL;
	remove_all();
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

struct reply {
	char text[256];
	size_t len;
	long status;
	CURLcode rc;
};

static inline size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct reply *r = arg;
	for (size_t i = 0; i < size * n && r->len + 1 < sizeof(r->text); i++)
		r->text[r->len++] = data[i];
	return size * n;
}

static inline CURL *client(const char *cert)
{
	static _Thread_local char url[128], crt[128], key[128];
	CURL *c = curl_easy_init();
	struct curl_slist *none = NULL;
	(void)none;
	snprintf(url, sizeof(url), "https://%s/who", http_server_address(server));
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_CAINFO, file("ca.crt"));
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 20L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	if (cert) {
		snprintf(crt, sizeof(crt), "%s/%s.crt", dir, cert);
		snprintf(key, sizeof(key), "%s/%s.key", dir, cert);
		curl_easy_setopt(c, CURLOPT_SSLCERT, crt);
		curl_easy_setopt(c, CURLOPT_SSLKEY, key);
	}
	return c;
}

static inline struct reply ask(CURL *c, const char *body, size_t len)
{
	struct reply r = {0};
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)len);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &r);
	r.rc = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r.status);
	curl_slist_free_all(headers);
	return r;
}

static inline struct reply ask_as(const char *cert, long tls_version)
{
	CURL *c = client(cert);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, tls_version);
	struct reply r = ask(c, "{}", 2);
	curl_easy_cleanup(c);
	return r;
}

#define TLS12 (CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2)
#define TLS13 (CURL_SSLVERSION_TLSv1_3 | CURL_SSLVERSION_MAX_TLSv1_3)

static inline int run_tls_tests(TCase *t)
{
	int rc;

	curl_global_init(CURL_GLOBAL_ALL);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	rc = run_tests(t);
	curl_global_cleanup();
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API server that says what each test wants, and a kubeconfig for it, which `kubectl config
 * view` (a script here) shows.
 */
#pragma once

#include <check.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/base/crypto.h"
#include "common/http/http_server.h"
#include "common/json/json.h"
#include "support/certs.h"
#include "support/run_tests.h"

#define REVIEWS "/apis/holdpoint.dev/v1alpha1/holdreviews"

/* Everything of a test is below it. */
static char dir[] = "/tmp/holdpoint-kubectl-XXXXXX";
static struct http_server *server;
static struct arena *arena;
static char out[1 << 20];

/* What the server answers, and what it was sent: both sides take turns (see run()). */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static unsigned reply_status;
static const char *reply;
static char seen_authorization[256], seen_body[4096];

/* What it answers instead at some paths; of several for one path each once, the last for ever. */
struct kube_reply {
	const char *path;
	unsigned status;
	const char *body;
};
static struct kube_reply replies[16];

static inline const char *file(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static inline void put_file(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(file(name), "we");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	chmod(file(name), mode);
}

static inline struct kube_reply reply_at(struct span path)
{
	for (size_t i = 0; i < ARRAY_LEN(replies) && replies[i].path; i++) {
		struct kube_reply found = replies[i];
		bool again = false;

		if (!span_eq_str(path, found.path))
			continue;
		for (size_t k = i + 1; k < ARRAY_LEN(replies) && replies[k].path; k++)
			again |= strcmp(replies[k].path, found.path) == 0;
		if (again)
			replies[i].path = "";
		return found;
	}
	return (struct kube_reply){"", reply_status, reply};
}

static inline void handle(struct http_request *r, void *userdata)
{
	struct kube_reply answer;

	(void)userdata;
	pthread_mutex_lock(&turn);
	answer = reply_at(http_request_path(r));
	snprintf(seen_authorization, sizeof(seen_authorization), "%.*s",
		SPAN_FMT(http_request_header(r, "authorization")));
	snprintf(seen_body, sizeof(seen_body), "%.*s", SPAN_FMT(http_request_body(r)));
	http_reply(r, &(struct http_answer){.status = answer.status, .body = span_of(answer.body)});
	pthread_mutex_unlock(&turn);
}

/* What was written before is seen by whoever takes the next turn. */
static inline void hand_over(void)
{
	pthread_mutex_lock(&turn);
	pthread_mutex_unlock(&turn);
}

static const struct http_route routes[] = {
	{"POST", "/apis", true, "application/json", handle, NULL},
	{"POST", "/long", true, "application/json", handle, NULL},
	{"GET", "/apis", true, NULL, handle, NULL},
	{"GET", "/api", true, NULL, handle, NULL},
	{"GET", "/version", false, NULL, handle, NULL},
	{0},
};

static inline void start_server(void)
{
	const struct test_cert_spec root = {"test-ca", NULL, NULL, 0};
	struct test_cert ca, cert;
	const struct test_cert_spec of_server = {"server", GNUTLS_KP_TLS_WWW_SERVER, &ca, 0};
	struct http_server_config config = {.name = "test",
		.listen = "127.0.0.1:0",
		.threads = 1,
		.max_connections = 20,
		.max_suspended = 4,
		.max_head_bytes = 32 << 10,
		.max_body_bytes = 100000,
		.max_inflight_bytes = 250000,
		.body_deadline_ms = 5000,
		.idle_timeout_s = 30,
		.routes = routes};
	struct err e;

	test_cert_make(&root, &ca);
	test_cert_make(&of_server, &cert);
	test_cert_write(&ca, file("ca.crt"), NULL);
	test_cert_write(&cert, file("server.crt"), file("server.key"));
	test_cert_free(&cert);
	test_cert_free(&ca);
	config.tls_cert_file = file("server.crt");
	config.tls_private_key_file = file("server.key");
	ck_assert_msg(http_server_start(&config, &server, &e) == 0, "%s", e.msg);
}

/* A kubeconfig as kubectl config view gives it; path: behind the server's address. */
static inline void put_kubeconfig(const char *path, const char *user)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 20);
	char pem[8192];
	FILE *f = fopen(file("ca.crt"), "re");
	size_t len;

	ck_assert_ptr_nonnull(f);
	len = fread(pem, 1, sizeof(pem), f);
	fclose(f);
	buf_printf(&b, "{\"clusters\":[{\"cluster\":{\"server\":\"https://%s",
		http_server_address(server));
	buf_add_str(&b, path);
	buf_add_str(&b, "\",\"certificate-authority-data\":\"");
	base64_put(&b, pem, len);
	buf_printf(&b, "\"}}],\"users\":[{\"user\":%s}]}", user);
	put_file("config.json", buf_str(&b), 0600);
}

static inline void kube_api_setup(void)
{
	char script[512];

	strcpy(dir, "/tmp/holdpoint-kubectl-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	start_server();
	arena = arena_new(1 << 16, 64 << 20);
	snprintf(script, sizeof(script), "#!/bin/sh\nexec cat '%s/config.json'\n", dir);
	put_file("kubectl", script, 0700);
	put_kubeconfig("", "{\"token\":\"of-alice\"}");
	reply_status = 201;
	memset(replies, 0, sizeof(replies));
}

static inline void kube_api_teardown(void)
{
	char command[128];

	http_server_stop(server, 0);
	arena_free(arena);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

/* Runs a program of ours; its exit code. What it printed, on either stream, is in out. */
static inline int run_program(const char *program, const char *arguments)
{
	char command[1024];
	size_t len;
	FILE *f;
	int status;

	snprintf(command, sizeof(command),
		"PATH=%s:$PATH no_proxy='*' " HOLDPOINT_BIN "/%s %s 2>&1 </dev/null", dir, program,
		arguments);
	hand_over();
	f = popen(command, "re");
	ck_assert_ptr_nonnull(f);
	len = fread(out, 1, sizeof(out) - 1, f);
	out[len] = 0;
	status = pclose(f);
	hand_over();
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static inline void has(const char *part)
{
	ck_assert_msg(strstr(out, part) != NULL, "no \"%s\" in:\n%s", part, out);
}

static inline void has_not(const char *part)
{
	ck_assert_msg(strstr(out, part) == NULL, "\"%s\" in:\n%s", part, out);
}

static inline void sent(const char *part)
{
	ck_assert_msg(strstr(seen_body, part) != NULL, "no \"%s\" in:\n%s", part, seen_body);
}

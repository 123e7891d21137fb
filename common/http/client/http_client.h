/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS requests, on libcurl: the only place that knows it.
 *
 * TLS 1.2 or later, the server's certificate verified unless told otherwise; no redirect is
 * followed; every request has a time limit; HTTP/1.1 without "Expect: 100-continue". Connections
 * are kept for the next request of the same client.
 *
 * Not for talking to more than one server at a time: a request blocks. Threads: a client, one at a
 * time.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"

struct http_client;

/* NULL: out of memory. */
struct http_client *http_client_new(void);
void http_client_free(struct http_client *c); /* NULL is fine */
DEFINE_CLEANUP(struct http_client *, http_client_free)

/* All zeroes but for url and total_ms is a GET with the system's certificate authorities. */
struct http_client_request {
	const char *url;	    /* https://… of any length */
	bool url_is_secret;	    /* must not stand in error messages, nor anything of it */
	const char *const *headers; /* "Name: value", NULL ends; NULL: none */
	const char *user_agent;	    /* NULL: holdpoint/VERSION */
	struct span body;	    /* absent: GET; else POST */

	const char *ca_file; /* whom to trust: a file, or PEM text */
	struct span ca_pem;
	const char *cert_file, *key_file; /* client certificate: files, or PEM texts */
	struct span cert_pem, key_pem;
	struct span tls_server_name; /* the certificate is checked for this name instead */
	bool insecure;		     /* any certificate will do */

	struct span bearer_token;
	struct span username, password;
	const char *proxy; /* NULL: what the environment says; "": none */
	bool plain_http;   /* http:// is fine too: for a daemon's own metrics */
	bool public_only;  /* an address that is not of the public internet is refused */

	unsigned connect_ms; /* 0: total_ms */
	unsigned total_ms;

	/* Called for each line of the answer's head, the line break included. May be NULL. */
	void (*header)(struct span line, void *userdata);
	/* Takes the body as it arrives, in place of ret_body: of an answer that goes on for long.
	 * -1 ends the request, which then has failed. May be NULL. */
	int (*take)(long status, struct span bytes, void *userdata);
	/* Asked about once a second, and when bytes arrive: true ends the request. May be NULL. */
	bool (*is_over)(void *userdata);
	void *userdata;
};

struct http_client_answer {
	long status;	       /* HTTP */
	int64_t retry_after_s; /* 0: the server does not say */
};

enum http_client_status {
	HTTP_CLIENT_ANSWERED,	 /* by any HTTP status */
	HTTP_CLIENT_UNREACHABLE, /* no connection, or it was lost, or time ran out: later, maybe */
	HTTP_CLIENT_PRIVATE,	 /* public_only, and the name leads elsewhere */
	HTTP_CLIENT_FAILED,	 /* a certificate, the URL, the answer's size, memory */
};

/*
 * Sends the request and waits for the answer, whose body is appended to ret_body up to its maximum
 * (NULL: ignored). What does not fit is an error, or is left out with cut_body. Errors: why;
 * ret_body then may hold a part.
 */
enum http_client_status http_client_send(struct http_client *c,
	const struct http_client_request *request, struct buf *ret_body, bool cut_body,
	struct http_client_answer *ret, struct err *e) _must_check_;

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTPS server for small JSON requests from API servers, on libmicrohttpd (TLS by GnuTLS).
 *
 * One epoll thread per core. A route's handler is called once the whole body is there; it must not
 * block. It either answers at once with http_reply() or calls http_suspend(), hands the request to
 * a worker, and the worker answers with http_reply() later, from any thread.
 *
 * Hostile input: a body limit (413 before it is read), a budget for all bytes in flight (503 with
 * Retry-After), a deadline for the body and one for the answer (the connection is cut), a limit on
 * connections and suspended requests; a head that two readers may read differently is 400
 * (http_head.c), and nothing is read behind a chunked body; unknown path 404; wrong method 405 with
 * Allow; wrong content type 415. Errors are JSON:
 * {"error":"…"}.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/metrics.h"

struct http_server;
struct http_request; /* one exchange; valid from the handler's call until http_reply() is called */

typedef void (*http_handler_fn)(struct http_request *req, void *userdata);

struct http_route {
	const char *method; /* "POST"; NULL ends the table */
	const char *path;   /* "/validate"; with `prefix` also everything under "path/" */
	bool prefix;
	const char *content_type; /* "application/json": parameters ignored; NULL: any */
	http_handler_fn handler;
	void *userdata;
};

#define HTTP_HEAD_BYTES ((size_t)8 << 10)

struct http_server_config {
	const char *name;	   /* for the log: "webhook", "metrics" */
	const char *listen;	   /* "127.0.0.1:8443", "[::]:8443", ":8443"; port 0 chooses one */
	const char *tls_cert_file; /* NULL: plain HTTP */
	const char *tls_private_key_file;
	const char
		*client_ca_file; /* when set, a client certificate of it (clientAuth) is required */
	unsigned threads;	 /* 0: one a core, at most 16 */
	unsigned max_connections;
	unsigned max_suspended;
	size_t max_head_bytes; /* request line and headers, about; 0: HTTP_HEAD_BYTES */
	size_t max_body_bytes;
	size_t max_inflight_bytes; /* all bodies being read or handled */
	/* From the first byte of the request to the last of its body; the same for the answer. */
	unsigned body_deadline_ms;
	unsigned idle_timeout_s; /* longer than the API server's 90 s: 120 */
	const struct http_route *routes;
	/*
	 * Health and metrics, which anybody may reach: not counted among the requests. A connection
	 * ends with its answer, and where they become many, the oldest makes room for the newest,
	 * so that nobody who holds connections keeps a probe out.
	 */
	bool side_listener;
};

/*
 * Listens and serves until http_server_stop(). Files are re-read when they change (certificate and
 * client CA swapped together, for new connections). Errors: one line that names the flag's value
 * (address in use, key does not fit the certificate, …). Threads: starts its own; SIGPIPE is
 * ignored process-wide.
 */
int http_server_start(const struct http_server_config *config, struct http_server **ret,
	struct err *e) _must_check_;

/* "127.0.0.1:43211": where it listens, with the port that was chosen. Owned by the server. */
const char *http_server_address(const struct http_server *s);

/* New requests are answered with Connection: close from now on; running ones go on. */
void http_server_drain(struct http_server *s);

/*
 * The first half of http_server_stop(), for who has to end something else in between: takes no new
 * connection, waits up to wait_ms until there is none left, and ends those on which nothing was
 * asked within a second of http_server_drain(). Blocks.
 */
void http_server_settle(struct http_server *s, unsigned wait_ms);

/* Does the same, then ends all connections and frees everything. A request that is still suspended
 * then is answered 503. NULL is fine. Blocks. */
void http_server_stop(struct http_server *s, unsigned wait_ms);

/* Its counters, for metrics_put(): connections, requests by code, refused, bytes in flight,
 * suspended. */
struct metric *const *http_server_metrics(size_t *ret_count);

/* ---- in a handler, and in a worker while the request is suspended ---- */

struct span http_request_body(const struct http_request *req); /* NUL follows the last byte */
/* Gives the body's memory back before the answer. Its bytes count against max_inflight_bytes until
 * then: what was made of it takes their place. */
void http_request_drop_body(struct http_request *req);
struct span http_request_path(const struct http_request *req); /* decoded, no query */
/* A query parameter's decoded value, or absent. In the handler, before http_suspend(), only. */
struct span http_request_query(const struct http_request *req, const char *name);
struct span http_request_header(const struct http_request *req, const char *name); /* likewise */
/* Common name of the verified client certificate, or absent. */
struct span http_request_client_name(const struct http_request *req);
/* Peer address without port, for metrics and log. */
struct span http_request_peer(const struct http_request *req);
/* CLOCK_MONOTONIC microseconds when the first bytes of the request were seen. */
uint64_t http_request_start_us(const struct http_request *req);
/* Memory that lives as long as the request. */
struct arena *http_request_arena(struct http_request *req);

/* Keeps the request open without an answer. In the handler only. -1: too many are suspended: answer
 * at once. */
int http_suspend(struct http_request *req) _must_check_;

/*
 * For a suspended request that will stay so for long: gives back its body and its arena, with
 * everything that was allocated in that, the path included. The arena may be used again.
 */
void http_request_release(struct http_request *req);

struct http_answer {
	unsigned status;
	const char *content_type; /* NULL: application/json */
	struct span body;	  /* copied */
	unsigned retry_after_s;	  /* 0: no Retry-After */
};

/* Answers. Exactly once per request; req must not be touched afterwards. */
void http_reply(struct http_request *req, const struct http_answer *answer);
/* Answers with {"error":"…"}. */
void http_reply_error(struct http_request *req, unsigned status, const char *fmt, ...)
	_printf_(3, 4);

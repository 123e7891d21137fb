/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the HTTP server share: http_server.c (start, stop), http_conn.c (connections),
 * http_lifetime.c (when requests and the server are freed), http_request.c (one exchange up to the
 * handler), http_head.c (headers), http_reply.c (answers, suspended requests), http_watchdog.c
 * (deadlines, clients that left, changed files), http_tls.c (certificates), http_transport.c (bytes
 * under TLS), http_listen.c, http_accept.c (new connections, until none is taken), http_metrics.c.
 *
 * Locking. Everything of a request belongs to libmicrohttpd's thread until http_suspend(), to the
 * worker until http_reply(), then to libmicrohttpd's thread again. http_server.conn_lock guards the
 * list of connections and with it the validity of their sockets; http_server.suspended_lock guards
 * the list of suspended requests and `abandoned`. Neither is taken while the other is held.
 */
#pragma once

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/http/http_server.h"

#define HTTP_NAME_MAX  256 /* of a client certificate */
#define HTTP_PEER_MAX  64
#define HTTP_CACHE_MAX 256 /* finished requests kept for the next ones */

/* ---- TLS: http_tls.c ---- */

struct http_tls;       /* the files, and what was loaded from them last */
struct http_tls_creds; /* one load, used by every connection that began with it */
struct http_conn;

int http_tls_new(const struct http_server_config *config, struct http_tls **ret, struct err *e);
void http_tls_free(struct http_tls *t);
/* Re-reads the files; keeps what there is, with a line in the log, when they do not fit. */
void http_tls_reload(struct http_tls *t);
/* Folders to watch: calls fn for each. */
void http_tls_each_folder(
	const struct http_tls *t, void (*fn)(void *arg, const char *folder), void *arg);
/* Makes a new session use the newest certificate and verify the client as configured. */
int http_tls_adopt(struct http_tls *t, struct http_conn *c, gnutls_session_t session);
void http_tls_creds_unref(struct http_tls_creds *creds);

/* ---- connections ---- */

struct http_conn {
	struct http_server *server;
	struct http_conn *prev, *next;
	struct http_tls_creds *creds;
	uint64_t id;
	int fd;
	_Atomic int refs; /* the connection itself, and each of its requests */
	/* When the connection is cut (CLOCK_MONOTONIC, microseconds), 0: not now. */
	_Atomic uint64_t deadline_us;
	_Atomic bool busy; /* a request's body is whole, its answer not yet out */
	bool ended;	   /* the watchdog's: by its client, when last looked at while idle */
	/* The rest belongs to libmicrohttpd's thread. */
	struct http_spill *spill; /* read too far: http_transport.c */
	bool body_follows;	  /* the next record is an answer's head */
	struct span held;	  /* that head, until the body comes */
	struct arena *held_arena;
	char *client_name;	  /* NULL when there is no verified certificate */
	bool cut;		  /* to make room; its socket is shut down */
	unsigned char first_byte; /* of what the client sent */
	bool refused;		  /* its certificate was, with this alert */
	bool handshake_failed;	  /* and that was said */
	gnutls_alert_description_t alert;
	char peer[HTTP_PEER_MAX];
};

/* Counts and lists it. NULL: no memory. */
struct http_conn *http_conn_new(struct http_server *s, struct MHD_Connection *mhd);
/* Cuts the oldest that waits for its client (else the oldest), unless there is room for more. */
void http_conn_make_room(struct http_server *s);
/* The socket is about to be closed: takes it off the list, and gives one reference back. */
void http_conn_end(struct http_conn *c);
void http_conn_unref(struct http_conn *c);
/* From now on a request must arrive, or an answer leave, within the time for a body. */
void http_conn_set_deadline(struct http_conn *c);

/* ---- http_handshake.c ---- */

/* NULL: the session is none of our servers'. */
struct http_conn *http_conn_of(gnutls_session_t session);

/* Does the program's gnutls_handshake() stand before the library's? */
bool http_handshake_is_watched(void);

/* ---- http_transport.c ---- */

struct http_spill;

void http_transport_adopt(struct http_conn *c, gnutls_session_t session);
/* The next thing sent is the head of an answer with a body: let it wait for that, in arena. */
void http_transport_expect_body(struct http_conn *c, struct arena *arena);
void http_transport_end_request(struct http_conn *c);
void http_transport_end(struct http_conn *c);

/* ---- requests ---- */

enum http_request_state {
	REQ_NEW,	/* the request line was seen */
	REQ_READING,	/* the body is being read */
	REQ_DISCARDING, /* the body is read and thrown away, then `refusal` is answered */
	REQ_HANDLING,	/* in the handler */
	REQ_SUSPENDED,	/* in the hands of a worker */
	REQ_ANSWERED,	/* `response` is there */
};

struct http_request {
	struct http_server *server;
	struct http_conn *conn;
	struct MHD_Connection *mhd;
	const struct http_route *route;
	_Atomic int refs; /* libmicrohttpd's, and the worker's while suspended */
	_Atomic int state;
	struct arena *arena;
	struct span path;
	char *body;
	size_t body_len, body_cap;
	size_t reserved; /* of the budget of bytes in flight */
	bool body_malloced;
	bool bad_uri;
	bool last;	  /* its answer ends the connection */
	bool suspended;	  /* http_suspend() was called; never reset */
	bool abandoned;	  /* answered by http_server_stop() instead of the worker */
	unsigned refusal; /* REQ_DISCARDING: the status that follows */
	uint64_t start_us;
	struct MHD_Response *response;
	unsigned status;
	bool body_follows; /* the answer has a body: its head may wait for that */
	_Atomic bool client_left;
	struct http_request *prev, *next; /* of the suspended, or (next) of the cached */
};

struct http_server {
	struct http_server_config config;
	struct MHD_Daemon *mhd;
	struct http_tls *tls;
	struct http_watchdog *watchdog;
	struct http_accept *accept; /* NULL: nothing is accepted any more */
	char address[96];
	_Atomic int refs;	    /* the owner's, and each abandoned request's */
	_Atomic bool draining;	    /* answers say Connection: close */
	_Atomic int64_t drained_ms; /* since when (CLOCK_MONOTONIC) */
	_Atomic size_t inflight_bytes;
	_Atomic unsigned open;	     /* connections */
	_Atomic unsigned on_the_way; /* connections that were accepted and are not open yet */
	_Atomic unsigned active;     /* requests from their first line to their end */
	_Atomic unsigned suspended;  /* not yet resumed */
	pthread_mutex_t conn_lock;
	struct http_conn *conns;
	pthread_mutex_t suspended_lock;
	struct http_request *suspended_list;
	pthread_mutex_t cache_lock;
	struct http_request *cache;
	unsigned cached;
};

/* ---- http_lifetime.c ---- */

/* A kept request or a new one, nothing set but its arena and server. NULL: no memory. */
struct http_request *http_request_new(struct http_server *s);
void http_request_unref(struct http_request *r);
/* Gives what it reserved of the budget of bytes in flight back. */
void http_request_release_bytes(struct http_request *r);
void http_server_unref(struct http_server *s);

/* ---- http_request.c ---- */

/* MHD_OPTION_URI_LOG_CALLBACK: a request begins. */
void *http_request_begin(void *server, const char *uri, struct MHD_Connection *mhd);
/* The access handler. */
enum MHD_Result http_request_step(void *server, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *data_len,
	void **request);
/* MHD_OPTION_NOTIFY_COMPLETED. */
void http_request_end(void *server, struct MHD_Connection *mhd, void **request,
	enum MHD_RequestTerminationCode why);

/* ---- http_reply.c ---- */

/* Hands r->response to libmicrohttpd. */
enum MHD_Result http_reply_queue(struct http_request *r);
/* Answers every suspended request with 503 in place of its worker. How many are still suspended. */
unsigned http_abandon_suspended(struct http_server *s);

/* ---- heads: http_head.c ---- */

/* Whether what this libmicrohttpd repairs in a head can be seen here; false: it must refuse itself.
 */
bool http_head_shows_repairs(void);

struct http_framing {
	unsigned content_lengths, transfer_encodings;
	struct span content_type;
	struct span content_encoding; /* the last one that is not identity */
	uint64_t length;
	bool length_bad;
	bool last; /* no other request may follow on the connection */
};

/* Reads what decides whether and how the body is read. NULL, or why the request is refused. */
const char *http_head_read(struct MHD_Connection *mhd, const char *method, const char *url,
	const char *version, struct http_framing *ret);

/* ---- watchdog, listen, accept ---- */

int http_watchdog_start(struct http_server *s, struct err *e);
void http_watchdog_stop(struct http_server *s);
int http_listen(const char *address, char *ret_bound, size_t cap, struct err *e);
/* Accepts on listen_fd until http_accept_stop(), which closes it; after a failure it is not. */
int http_accept_start(struct http_server *s, int listen_fd, struct err *e);
/* Returns when everything that the kernel had accepted is in libmicrohttpd's hands. */
void http_accept_stop(struct http_server *s);
/* Connections: those that are open, and those that libmicrohttpd's threads have not seen yet. */
static inline unsigned http_accept_count(const struct http_server *s)
{
	return atomic_load(&s->open) + atomic_load(&s->on_the_way);
}
/* libmicrohttpd has told of a connection that was accepted: it is no longer on the way. */
void http_accept_arrived(struct http_server *s);

/* ---- counters, in http_metrics.c ---- */

enum http_refusal {
	HTTP_REFUSED_CONNECTIONS,
	HTTP_REFUSED_TOO_LARGE,
	HTTP_REFUSED_BUDGET,
	HTTP_REFUSED_DEADLINE,
	HTTP_REFUSED_FRAMING,
	HTTP_REFUSED_SUSPENDED,
	HTTP_REFUSED_CERTIFICATE,
	HTTP_REFUSED_HANDSHAKE,
	HTTP_REFUSED_NOT_TLS,
	HTTP_REFUSED_BY_CLIENT,
};

void http_count_connection(const struct http_server *s, int n);
void http_count_reply(const struct http_server *s, unsigned status, uint64_t us);
void http_count_refusal(const struct http_server *s, enum http_refusal why);
void http_count_bytes(const struct http_server *s, int64_t n);
void http_count_suspended(const struct http_server *s, int n);
void http_count_client_left(const struct http_server *s);
void http_count_reload(bool ok);
void http_set_expiry(int64_t unix_seconds);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start and end of a server. libmicrohttpd runs one epoll thread a core and calls into
 * http_request.c; http_watchdog.c watches over deadlines and files.
 *
 * Stopping, in this order: each answer ends its connection, no new connections, wait for what runs
 * and for who may be about to ask, answer what is still suspended with 503, let those answers out,
 * end what is left. libmicrohttpd aborts when it is stopped with a suspended connection, so nothing
 * may be suspended then.
 */
#include "common/http/http_server.h"

#include <gnutls/abstract.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/http_internal.h"

#define THREADS_MAX	16
#define LAST_ANSWERS_MS 1000 /* at stop, for what was answered last to go out */
#define IDLE_GRACE_MS	1000 /* while draining, for a client that holds a connection to use it */
#define OTHER_FILES	256  /* descriptors besides connections */
#define PRIORITY	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* ---- connections ---- */

static void end_connection(struct http_conn *c)
{
	http_transport_end(c);
	http_conn_end(c);
}

/* Called before the handshake, and when libmicrohttpd is done with the connection. */
static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = arg;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context)
			end_connection(*context);
		*context = NULL;
		return;
	}
	struct http_conn *c = http_conn_new(s, mhd);
	*context = c;
	http_accept_arrived(s);
	if (!s->tls)
		return;
	gnutls_session_t session =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
	/* Without credentials of ours the handshake fails: libmicrohttpd's own set is empty. */
	if (!c)
		return;
	http_tls_adopt(s->tls, c, session);
	http_transport_adopt(c, session);
}

/* libmicrohttpd wants a certificate or this; each session gets ours in on_connection(). */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *ca, int ca_count,
	const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **pcert,
	unsigned *pcert_count, gnutls_privkey_t *key)
{
	(void)session, (void)ca, (void)ca_count, (void)algorithms, (void)algorithm_count;
	(void)pcert, (void)pcert_count, (void)key;
	return -1;
}

static void log_library(void *arg, const char *fmt, va_list args)
{
	const struct http_server *s = arg;
	char text[LOG_STRING_MAX];
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = 0;
	log_debug("http_library", LOG_STR("server", s->config.name), LOG_STR("message", text));
}

/* ---- start ---- */

static unsigned thread_count(unsigned wanted)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (wanted == 0)
		wanted = cores > 0 ? (unsigned)cores : 1;
	return wanted > THREADS_MAX ? THREADS_MAX : wanted;
}

static void raise_file_limit(unsigned connections)
{
	struct rlimit files;
	rlim_t wanted = (rlim_t)connections + OTHER_FILES;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= wanted)
		return;
	files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < wanted)
		log_warn("file_limit_too_low", LOG_INT("limit", files.rlim_cur),
			LOG_INT("wanted", wanted));
}

static int start_daemon(struct http_server *s, struct err *e)
{
	const struct http_server_config *c = &s->config;
	const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG |
			       MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;
	const unsigned threads = thread_count(c->threads);
	const size_t head_bytes = c->max_head_bytes ? c->max_head_bytes : HTTP_HEAD_BYTES;
	const struct MHD_OptionItem options[] = {
		{MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 0, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, (intptr_t)c->max_connections * threads, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, c->idle_timeout_s, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)head_bytes, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (intptr_t)head_bytes / 2, NULL},
		{MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)http_request_begin, s},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)http_request_end, s},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
		{MHD_OPTION_END, 0, NULL}};

	/* The certificate callback is not understood within an array. */
	if (s->tls)
		s->mhd = MHD_start_daemon(flags | MHD_USE_TLS, 0, NULL, NULL, http_request_step, s,
			MHD_OPTION_EXTERNAL_LOGGER, log_library, s, MHD_OPTION_ARRAY, options,
			MHD_OPTION_HTTPS_CERT_CALLBACK, no_certificate, MHD_OPTION_HTTPS_PRIORITIES,
			PRIORITY, MHD_OPTION_END);
	else
		s->mhd = MHD_start_daemon(flags, 0, NULL, NULL, http_request_step, s,
			MHD_OPTION_EXTERNAL_LOGGER, log_library, s, MHD_OPTION_ARRAY, options,
			MHD_OPTION_END);
	if (!s->mhd)
		return err_set(e, "cannot start the HTTP server on %s", c->listen);
	return 0;
}

static int start(struct http_server *s, struct err *e)
{
	const struct http_server_config *c = &s->config;

	if (!c->tls_cert_file != !c->tls_private_key_file)
		return err_set(e, "a TLS certificate and its private key must be given together");
	if (c->client_ca_file && !c->tls_cert_file)
		return err_set(e, "a client CA needs a TLS certificate of our own");
	if (c->tls_cert_file && http_tls_new(c, &s->tls, e) < 0)
		return -1;
	raise_file_limit(c->max_connections);
	int fd = http_listen(c->listen, s->address, sizeof(s->address), e);
	if (fd < 0)
		return -1;
	if (start_daemon(s, e) < 0 || http_watchdog_start(s, e) < 0 ||
		http_accept_start(s, fd, e) < 0) {
		close(fd);
		return -1;
	}
	return 0;
}

int http_server_start(
	const struct http_server_config *config, struct http_server **ret, struct err *e)
{
	struct http_server *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, "out of memory");
	signal(SIGPIPE, SIG_IGN);
	s->config = *config;
	atomic_store(&s->refs, 1);
	pthread_mutex_init(&s->conn_lock, NULL);
	pthread_mutex_init(&s->suspended_lock, NULL);
	pthread_mutex_init(&s->cache_lock, NULL);
	if (start(s, e) < 0) {
		http_server_stop(s, 0);
		return -1;
	}
	if (s->tls && !http_handshake_is_watched())
		log_warn("tls_failures_not_told",
			LOG_STR("hint",
				"handshakes that fail leave no trace: GnuTLS is linked in a "
				"way that this program does not know"));
	if (!http_head_shows_repairs())
		log_warn("http_heads_checked_by_library_alone",
			LOG_STR("libmicrohttpd", MHD_get_version()),
			LOG_STR("hint", "heads are checked here with libmicrohttpd 0.9.75 only; "
					"run the test unit/http_hostile with this one"));
	log_info("listening", LOG_STR("server", config->name), LOG_STR("address", s->address));
	*ret = s;
	return 0;
}

const char *http_server_address(const struct http_server *s)
{
	return s->address;
}

/* ---- stop ---- */

void http_server_drain(struct http_server *s)
{
	int64_t never = 0;

	(void)atomic_compare_exchange_strong(&s->drained_ms, &never, monotonic_ms());
	atomic_store(&s->draining, true);
}

static void wait_for_zero(_Atomic unsigned *count, unsigned wait_ms)
{
	for (unsigned waited = 0; atomic_load(count) > 0 && waited < wait_ms; waited += 2)
		usleep(2000);
}

/*
 * As if their clients had ended them: libmicrohttpd answers what it can still read of each, takes
 * leave and closes it. Who is in a handshake, a request or an answer is left alone.
 */
static void end_idle(struct http_server *s)
{
	pthread_mutex_lock(&s->conn_lock);
	for (struct http_conn *c = s->conns; c; c = c->next)
		if (!atomic_load(&c->busy) && atomic_load(&c->deadline_us) == 0)
			shutdown(c->fd, SHUT_RD);
	pthread_mutex_unlock(&s->conn_lock);
}

void http_server_settle(struct http_server *s, unsigned wait_ms)
{
	const int64_t until = monotonic_ms() + wait_ms;
	int64_t grace_ends;

	http_server_drain(s);
	grace_ends = atomic_load(&s->drained_ms) + IDLE_GRACE_MS;
	http_accept_stop(s);
	while (http_accept_count(s) > 0 && monotonic_ms() < until) {
		if (monotonic_ms() >= grace_ends)
			end_idle(s);
		usleep(2000);
	}
}

static void stop_daemon(struct http_server *s, unsigned wait_ms)
{
	http_server_settle(s, wait_ms);
	/* A worker that is just answering holds its request for a moment longer. */
	while (http_abandon_suspended(s) > 0)
		usleep(1000);
	wait_for_zero(&s->active, LAST_ANSWERS_MS);
	MHD_stop_daemon(s->mhd);
}

void http_server_stop(struct http_server *s, unsigned wait_ms)
{
	if (!s)
		return;
	if (s->mhd)
		stop_daemon(s, wait_ms);
	http_watchdog_stop(s);
	http_tls_free(s->tls);
	s->tls = NULL;
	http_server_unref(s);
}

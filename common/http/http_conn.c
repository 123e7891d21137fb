/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: made before the handshake, counted and listed while it is open, freed when the
 * last of its requests has let go of it.
 */
#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/http/http_internal.h"

static void name_peer(struct http_conn *c, struct MHD_Connection *mhd)
{
	const struct sockaddr *a =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	socklen_t len =
		a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	if (getnameinfo(a, len, c->peer, sizeof(c->peer), NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(c->peer, sizeof(c->peer), "unknown");
	/* IPv4 through an IPv6 socket is still IPv4 to people. */
	if (strncmp(c->peer, "::ffff:", 7) == 0)
		memmove(c->peer, c->peer + 7, strlen(c->peer + 7) + 1);
}

void http_conn_unref(struct http_conn *c)
{
	const int refs = atomic_fetch_sub(&c->refs, 1);

	assert(refs > 0);
	if (refs > 1)
		return;
	http_tls_creds_unref(c->creds);
	free(c->client_name);
	free(c);
}

void http_conn_set_deadline(struct http_conn *c)
{
	atomic_store(&c->deadline_us,
		monotonic_us() + (uint64_t)c->server->config.body_deadline_ms * 1000);
}

struct http_conn *http_conn_new(struct http_server *s, struct MHD_Connection *mhd)
{
	static _Atomic uint64_t next_id = 1;
	struct http_conn *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->server = s;
	c->id = atomic_fetch_add(&next_id, 1);
	c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	atomic_store(&c->refs, 1);
	/* Handshake and first line must come in the time that a body has. */
	atomic_store(&c->deadline_us, monotonic_us() + (uint64_t)s->config.body_deadline_ms * 1000);
	name_peer(c, mhd);
	pthread_mutex_lock(&s->conn_lock);
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	pthread_mutex_unlock(&s->conn_lock);
	atomic_fetch_add(&s->open, 1);
	http_count_connection(s, 1);
	return c;
}

void http_conn_make_room(struct http_server *s)
{
	const unsigned reserve = s->config.max_connections / 4 + 1;
	struct http_conn *oldest = NULL, *idle = NULL, *chosen;

	pthread_mutex_lock(&s->conn_lock);
	if (http_accept_count(s) + reserve > s->config.max_connections) {
		for (struct http_conn *c = s->conns; c; c = c->next) { /* the newest is first */
			if (c->cut)
				continue;
			oldest = c;
			if (!atomic_load(&c->busy))
				idle = c;
		}
		chosen = idle ? idle : oldest;
		if (chosen && chosen != s->conns) {
			chosen->cut = true;
			shutdown(chosen->fd, SHUT_RDWR);
		}
	}
	pthread_mutex_unlock(&s->conn_lock);
}

void http_conn_end(struct http_conn *c)
{
	struct http_server *s = c->server;

	pthread_mutex_lock(&s->conn_lock);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	pthread_mutex_unlock(&s->conn_lock);
	atomic_fetch_sub(&s->open, 1);
	http_count_connection(s, -1);
	http_conn_unref(c);
}

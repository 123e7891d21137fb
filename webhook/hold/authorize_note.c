/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/authorize_note.h"

#include <pthread.h>

#include "common/base/clock.h"
#include "common/base/log.h"

/* The API server may act on one answer for a while, and asks about everything done in somebody's
 * name: noted once in this time, well within the ten minutes for which the database minds it. */
#define NOTED_FOR_MS 60000
#define NOTED_MAX    256

struct noted {
	char name[240];
	int64_t until_ms;
};

struct authorize_notes {
	const char *cluster;
	_Atomic bool direct;
	pthread_mutex_t lock;
	struct noted noted[NOTED_MAX]; /* by hash */
};

static const struct pg_stmt learn = {.name = "kubernetes_approvals_in",
	.sql = "SELECT holdpoint.kubernetes_approvals_in(p_cluster => $1) = 'direct' AS direct",
	.param_count = 1};
static const struct pg_stmt put = {.name = "authorize_asked",
	.sql = "SELECT holdpoint.authorize_asked(p_cluster => $1, p_kind => $2, p_username => $3)",
	.param_count = 3};

struct authorize_notes *authorize_notes_new(const char *cluster)
{
	struct authorize_notes *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->cluster = cluster;
	pthread_mutex_init(&n->lock, NULL);
	return n;
}

void authorize_notes_free(struct authorize_notes *n)
{
	if (!n)
		return;
	pthread_mutex_destroy(&n->lock);
	free(n);
}

void authorize_notes_set_direct(struct authorize_notes *n, bool direct)
{
	n->direct = direct;
}

void authorize_notes_learn(struct authorize_notes *n, struct pg_conn *conn)
{
	const struct span cluster = span_of(n->cluster);
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct err e;

	if (pg_exec(conn, &learn, &cluster, &rows, NULL, &e) == PG_OK)
		authorize_notes_set_direct(n, pg_result_bool_of(rows, 0, "direct"));
}

/* ---- what is asked ---- */

static bool starts_with(struct span s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && memcmp(s.ptr, prefix, len) == 0;
}

/* Whose name the verb is about: its resource says of what kind. Absent: nobody's. */
static struct span acted_as(const struct policy_request *q, struct arena *arena)
{
	if (!starts_with(q->verb, "impersonate") || starts_with(q->verb, "impersonate-on:") ||
		q->name.len == 0)
		return (struct span){0};
	if (span_eq_str(q->resource, "users"))
		return q->name;
	if (span_eq_str(q->resource, "serviceaccounts"))
		return arena_printf(arena, "system:serviceaccount:%.*s:%.*s",
			SPAN_FMT(q->namespace_), SPAN_FMT(q->name));
	if (span_eq_str(q->resource, "nodes"))
		return arena_printf(arena, "system:node:%.*s", SPAN_FMT(q->name));
	return (struct span){0};
}

static struct noted *place_of(struct authorize_notes *n, struct span username)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < username.len; i++)
		h = (h ^ (unsigned char)username.ptr[i]) * UINT64_C(1099511628211);
	return &n->noted[h % NOTED_MAX];
}

static bool is_noted(struct authorize_notes *n, struct span username)
{
	struct noted *p = place_of(n, username);
	bool noted;

	pthread_mutex_lock(&n->lock);
	noted = span_eq_str(username, p->name) && monotonic_ms() < p->until_ms;
	pthread_mutex_unlock(&n->lock);
	return noted;
}

static void keep(struct authorize_notes *n, struct span username)
{
	struct noted *p = place_of(n, username);

	if (username.len >= sizeof(p->name))
		return; /* noted each time */
	pthread_mutex_lock(&n->lock);
	memcpy(p->name, username.ptr, username.len);
	p->name[username.len] = '\0';
	p->until_ms = monotonic_ms() + NOTED_FOR_MS;
	pthread_mutex_unlock(&n->lock);
}

bool authorize_notes_wants(struct authorize_notes *n, const struct policy_request *q,
	struct arena *arena, struct authorize_note *ret)
{
	*ret = (struct authorize_note){0};
	if (!n->direct || !request_is_access(q))
		return false;
	if (span_eq_str(q->verb, "create") && span_eq_str(q->api_group, "holdpoint.dev") &&
		(span_eq_str(q->resource, "holdreviews") ||
			span_eq_str(q->resource, "holdstops")) &&
		q->subresource.len == 0)
		*ret = (struct authorize_note){"review", q->username};
	else
		*ret = (struct authorize_note){"impersonate", acted_as(q, arena)};
	if (ret->username.len == 0 || (*ret->kind == 'i' && is_noted(n, ret->username)))
		*ret = (struct authorize_note){0};
	return ret->kind != NULL;
}

int authorize_notes_put(
	struct authorize_notes *n, struct pg_conn *conn, const struct authorize_note *note)
{
	const struct span params[] = {span_of(n->cluster), span_of(note->kind), note->username};
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct err e = {.msg = "the database is unreachable"};

	if (!conn || pg_exec(conn, &put, params, &rows, NULL, &e) != PG_OK) {
		log_warn("authorize_not_noted", LOG_STR("kind", note->kind),
			LOG_SPAN("user", note->username), LOG_STR("error", e.msg));
		return -1;
	}
	if (!authorize_note_may_be_lost(note))
		keep(n, note->username);
	return 0;
}

bool authorize_note_may_be_lost(const struct authorize_note *note)
{
	return *note->kind == 'r'; /* then the approval waits for its audit event */
}

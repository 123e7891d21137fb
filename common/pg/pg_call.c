/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/pg_call_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/metrics.h"

enum { M_SILENCES };

struct metric pg_call_metrics[] = {
	[M_SILENCES] = {.name = "holdpoint_database_silences_total",
		.type = METRIC_COUNTER,
		.help = "Connections given up since PostgreSQL did not answer in time."},
	{.name = NULL},
};

/* So often is looked whether there is need to hurry. */
#define LOOK_MS 250

/* How long to wait on, of `waited` ms; 0: for long enough. */
static int wait_on_ms(const struct pg_call *l, int64_t waited)
{
	int64_t silence = l->silence_ms ? l->silence_ms : INT64_MAX;

	if (l->hurry && atomic_load(l->hurry) && silence > PG_HURRY_MS)
		silence = PG_HURRY_MS;
	if (waited >= silence)
		return 0;
	return silence - waited < LOOK_MS ? (int)(silence - waited) : LOOK_MS;
}

/* Waits for the socket; false: nothing happened on it for as long as the server may be silent. */
static bool wait_for_socket(struct pg_call *l, bool unsent)
{
	struct pollfd fd = {
		.fd = PQsocket(l->pg), .events = (short)(unsent ? POLLIN | POLLOUT : POLLIN)};
	const int64_t since = monotonic_ms();
	int n, ms;

	if (fd.fd < 0)
		return true; /* closed: libpq says why */
	do {
		ms = wait_on_ms(l, monotonic_ms() - since);
		n = poll(&fd, 1, ms);
	} while ((n == 0 && ms > 0) || (n < 0 && errno == EINTR));
	if (n != 0)
		return true;
	l->silent = true;
	metric_add(&pg_call_metrics[M_SILENCES], 1);
	return false;
}

/* Until a result can be taken without waiting; false: the server is silent. */
static bool wait_for_result(struct pg_call *l)
{
	for (;;) {
		const int unsent = PQflush(l->pg);

		if (unsent < 0 || (unsent == 0 && !PQisBusy(l->pg)))
			return true;
		if (!wait_for_socket(l, unsent > 0))
			return false;
		if (!PQconsumeInput(l->pg))
			return true;
	}
}

static bool begins_copy(const PGresult *res)
{
	const ExecStatusType s = PQresultStatus(res);

	return s == PGRES_COPY_IN || s == PGRES_COPY_OUT || s == PGRES_COPY_BOTH;
}

static bool is_failure(const PGresult *res)
{
	return PQresultStatus(res) == PGRES_FATAL_ERROR;
}

PGresult *pg_call_result(struct pg_call *l, int sent)
{
	PGresult *kept = NULL, *res;

	if (!sent || l->silent)
		return NULL;
	while (wait_for_result(l) && (res = PQgetResult(l->pg))) {
		if (kept && is_failure(kept)) {
			PQclear(res);
		} else {
			PQclear(kept);
			kept = res;
		}
		if (begins_copy(kept))
			return kept;
	}
	if (!l->silent)
		return kept;
	PQclear(kept);
	return NULL;
}

bool pg_call_flush(struct pg_call *l)
{
	int unsent = -1;

	while (!l->silent && (unsent = PQflush(l->pg)) > 0)
		if (!wait_for_socket(l, true) || !PQconsumeInput(l->pg))
			return false;
	return unsent == 0;
}

bool pg_call_end_copy(struct pg_call *l)
{
	int queued = 0;

	while (!l->silent && (queued = PQputCopyEnd(l->pg, NULL)) == 0)
		if (!wait_for_socket(l, true))
			return false;
	return queued == 1 && pg_call_flush(l);
}

struct span pg_call_error(const struct pg_call *l)
{
	const char *message = PQerrorMessage(l->pg);

	if (l->silent)
		return SPAN("no answer in time; is PostgreSQL or its disk stuck?");
	return (struct span){message, strcspn(message, "\r\n")};
}

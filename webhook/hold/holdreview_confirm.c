/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/holdreview_confirm.h"

#include "common/base/log.h"

#define AT_ONCE 100 /* of reviews that wait; confirm_reviews' own default */
#define ROUNDS	20  /* so that a flood of reviews in a borrowed name does not delay an approver's */

static const struct pg_stmt confirm = {.name = "confirm_reviews",
	.sql = "SELECT cluster, hold_id, who, action, state, why FROM holdpoint.confirm_reviews()"};

static const char *const state_names[] = {"confirmed", "refused", "lapsed", NULL};

static struct metric metrics[] = {
	{.name = "holdpoint_webhook_reviews_total",
		.help = "HoldReviews by what the API server's audit event said: confirmed, refused "
			"(somebody else made it, or it was not created) or lapsed (no event came).",
		.type = METRIC_COUNTER,
		.label = "state",
		.label_values = state_names},
	{.name = NULL},
};

struct metric *const *holdreview_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

static void report(const struct pg_result *rows, int row)
{
	const char *state = pg_result_str_of(rows, row, "state");
	bool confirmed = strcmp(state, "confirmed") == 0;

	for (unsigned i = 0; state_names[i]; i++)
		if (strcmp(state, state_names[i]) == 0)
			metric_add_at(&metrics[0], i, 1);
	LOG_EVENT_(confirmed ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
		confirmed ? "hold_review_confirmed" : "hold_review_not_confirmed",
		LOG_STR("cluster", pg_result_str_of(rows, row, "cluster")),
		LOG_INT("hold", pg_result_int_of(rows, row, "hold_id")),
		LOG_STR("approver", pg_result_str_of(rows, row, "who")),
		LOG_STR("decision", pg_result_str_of(rows, row, "action")),
		LOG_STR("error", confirmed ? NULL : pg_result_str_of(rows, row, "why")));
}

/* How many wait no more; -1: they could not be looked after. */
static int confirm_some(struct pg_conn *conn)
{
	_cleanup_(pg_result_freep) struct pg_result *rows = NULL;
	struct err e;

	if (pg_exec(conn, &confirm, NULL, &rows, NULL, &e) != PG_OK) {
		log_warn("hold_reviews_not_looked_after", LOG_STR("error", e.msg));
		return -1;
	}
	for (int i = 0; i < pg_result_rows(rows); i++)
		report(rows, i);
	return pg_result_rows(rows);
}

void holdreview_confirm(struct pg_conn *conn)
{
	for (int round = 0; round < ROUNDS && confirm_some(conn) >= AT_ONCE; round++)
		;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The daemons themselves, where --metrics-url leads to them: ready, and which of their alarms ring.
 */
#include <stdio.h>

#include "cli/doctor/doctor_internal.h"
#include "common/http/client/http_client.h"

#define METRICS_MAX (16u << 20)

/* What must be 0. */
static const struct alarm {
	const char *metric; /* the line up to its value, without labels: any */
	enum doctor_status status;
	const char *what, *mend;
} alarms[] = {
	{"holdpoint_webhook_policy_stale", DOCTOR_FAIL,
		"the files of --policy have an error: an older set is in force",
		"holdpoint policy check FILES"},
	{"holdpoint_webhook_records_dropped_total", DOCTOR_WARN,
		"decision records were lost since it started",
		"read decision_records_dropped in its log; --require-evidence denies what cannot "
		"be "
		"recorded"},
	{"holdpoint_webhook_rules_unasked", DOCTOR_FAIL,
		"rules are in force that no API server asks about", "holdpoint policy check FILES"},
	{"holdpoint_audit_spool_refused_batches", DOCTOR_FAIL,
		"batches of audit events lie in the spool that the database refuses",
		"read its log: kubectl -n holdpoint-system logs statefulset/holdpoint-auditsink"},
	{"holdpoint_audit_spool_damaged_batches", DOCTOR_FAIL,
		"batches of the spool are damaged: their events are lost",
		"read audit_spool_damaged in its log, and docs/audit.md#the-spool"},
};

static int fetch(
	struct doctor *d, const char *base, const char *path, struct buf *body, long *status)
{
	struct http_client *client = http_client_new();
	const struct http_client_request request = {.url = doctor_text(d, "%s%s", base, path),
		.total_ms = 5000,
		.proxy = "",
		.plain_http = true};
	struct http_client_answer answer;
	struct err e = {0};
	int rc = client && http_client_send(client, &request, body, false, &answer, &e) ==
					 HTTP_CLIENT_ANSWERED
			 ? 0
			 : -1;

	http_client_free(client);
	if (rc < 0)
		doctor_fail(d,
			"start it with --metrics-listen: kubectl -n holdpoint-system get pods",
			"%s: %s", base, e.msg);
	else
		*status = answer.status;
	return rc;
}

/* The sum of the values of all lines of a metric. */
static double sum_of(const char *text, const char *metric)
{
	size_t len = strlen(metric);
	double sum = 0;

	for (const char *line = text; line && *line;) {
		const char *end = strchr(line, '\n'), *value;

		if (strncmp(line, metric, len) == 0 && (line[len] == ' ' || line[len] == '{')) {
			value = line[len] == ' ' ? line + len : strchr(line, '}');
			if (value && (!end || value < end))
				sum += strtod(value + 1, NULL);
		}
		line = end ? end + 1 : NULL;
	}
	return sum;
}

static void look_at_metrics(struct doctor *d, const char *url, const char *text)
{
	size_t before = d->count;

	for (size_t i = 0; i < ARRAY_LEN(alarms); i++) {
		double n = sum_of(text, alarms[i].metric);

		if (n > 0)
			doctor_say(d, alarms[i].status, alarms[i].mend, "%s: %s (%s %.0f)", url,
				alarms[i].what, alarms[i].metric, n);
	}
	if (d->count == before)
		doctor_ok(d, "%s: ready, and no alarm rings", url);
}

static void look_at(struct doctor *d, const char *url)
{
	_cleanup_(buf_free) struct buf ready = BUF_INIT(65536), text = BUF_INIT(METRICS_MAX);
	long status = 0;

	if (fetch(d, url, "/readyz", &ready, &status) < 0)
		return;
	if (status != 200) {
		buf_str(&ready);
		doctor_fail(d,
			"read its log: kubectl -n holdpoint-system logs deploy/holdpoint-webhook, "
			"or statefulset/holdpoint-auditsink",
			"%s is not ready: %.*s", url,
			(int)strcspn(ready.ptr ? ready.ptr : "", "\n"), ready.ptr ? ready.ptr : "");
		return;
	}
	if (fetch(d, url, "/metrics", &text, &status) == 0 && buf_str(&text))
		look_at_metrics(d, url, text.ptr);
}

void doctor_check_daemons(struct doctor *d)
{
	if (d->options.metrics_urls.count == 0)
		doctor_skip(d, "not looked at: give --metrics-url");
	for (size_t i = 0; i < d->options.metrics_urls.count; i++)
		look_at(d, d->options.metrics_urls.items[i]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The server's counters. A side listener (health, metrics) is not counted among the requests. */
#include "common/http/http_internal.h"

static const char *const codes[] = {"200", "400", "401", "403", "404", "405", "413", "415", "429",
	"500", "503", "504", "other", NULL};
#define CODE_OTHER (ARRAY_LEN(codes) - 2)

static const char *const reasons[] = {[HTTP_REFUSED_CONNECTIONS] = "connections",
	[HTTP_REFUSED_TOO_LARGE] = "too_large",
	[HTTP_REFUSED_BUDGET] = "bytes_in_flight",
	[HTTP_REFUSED_DEADLINE] = "deadline",
	[HTTP_REFUSED_FRAMING] = "framing",
	[HTTP_REFUSED_SUSPENDED] = "suspended",
	[HTTP_REFUSED_CERTIFICATE] = "client_certificate",
	[HTTP_REFUSED_HANDSHAKE] = "handshake",
	[HTTP_REFUSED_NOT_TLS] = "not_tls",
	[HTTP_REFUSED_BY_CLIENT] = "by_client",
	NULL};

static const char *const results[] = {"ok", "failed", NULL};
static struct metric_histogram seconds;

enum {
	M_OPEN,
	M_CONNECTIONS,
	M_REQUESTS,
	M_SECONDS,
	M_REFUSED,
	M_BYTES,
	M_SUSPENDED,
	M_LEFT,
	M_RELOADS,
	M_EXPIRY
};

static struct metric metrics[] = {
	[M_OPEN] = {.name = "holdpoint_http_connections",
		.type = METRIC_GAUGE,
		.help = "Open connections."},
	[M_CONNECTIONS] = {.name = "holdpoint_http_connections_total",
		.type = METRIC_COUNTER,
		.help = "Connections accepted."},
	[M_REQUESTS] = {.name = "holdpoint_http_requests_total",
		.type = METRIC_COUNTER,
		.label = "code",
		.label_values = codes,
		.help = "Requests answered, by status."},
	[M_SECONDS] = {.name = "holdpoint_http_request_seconds",
		.type = METRIC_HISTOGRAM,
		.histogram = &seconds,
		.help = "From a request's first line to its answer."},
	[M_REFUSED] = {.name = "holdpoint_http_refused_total",
		.type = METRIC_COUNTER,
		.label = "reason",
		.label_values = reasons,
		.help = "Requests and connections refused at a limit of the server."},
	[M_BYTES] = {.name = "holdpoint_http_inflight_bytes",
		.type = METRIC_GAUGE,
		.help = "Bytes of bodies that are being read or handled."},
	[M_SUSPENDED] = {.name = "holdpoint_http_suspended_requests",
		.type = METRIC_GAUGE,
		.help = "Requests that wait for a worker or for a decision."},
	[M_LEFT] = {.name = "holdpoint_http_clients_left_total",
		.type = METRIC_COUNTER,
		.help = "Clients that closed while their request was suspended."},
	[M_RELOADS] = {.name = "holdpoint_http_tls_reloads_total",
		.type = METRIC_COUNTER,
		.label = "result",
		.label_values = results,
		.help = "Changed certificate files read again."},
	[M_EXPIRY] = {.name = "holdpoint_http_tls_certificate_expiry_timestamp_seconds",
		.type = METRIC_GAUGE,
		.help = "When the certificate in use ends, as Unix time."},
	{0},
};

struct metric *const *http_server_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};
	*ret_count = ARRAY_LEN(tables);
	return tables;
}

static unsigned code_place(unsigned status)
{
	for (unsigned i = 0; i < CODE_OTHER; i++)
		if ((unsigned)(codes[i][0] - '0') * 100 + (unsigned)(codes[i][1] - '0') * 10 +
				(unsigned)(codes[i][2] - '0') ==
			status)
			return i;
	return CODE_OTHER;
}

void http_count_connection(const struct http_server *s, int n)
{
	if (s->config.side_listener)
		return;
	metric_add(&metrics[M_OPEN], n);
	if (n > 0)
		metric_add(&metrics[M_CONNECTIONS], n);
}

void http_count_reply(const struct http_server *s, unsigned status, uint64_t us)
{
	if (s->config.side_listener)
		return;
	metric_add_at(&metrics[M_REQUESTS], code_place(status), 1);
	metric_observe_us(&metrics[M_SECONDS], us);
}

void http_count_refusal(const struct http_server *s, enum http_refusal why)
{
	if (!s->config.side_listener)
		metric_add_at(&metrics[M_REFUSED], why, 1);
}

void http_count_bytes(const struct http_server *s, int64_t n)
{
	if (!s->config.side_listener)
		metric_add(&metrics[M_BYTES], n);
}

void http_count_suspended(const struct http_server *s, int n)
{
	if (!s->config.side_listener)
		metric_add(&metrics[M_SUSPENDED], n);
}

void http_count_client_left(const struct http_server *s)
{
	if (!s->config.side_listener)
		metric_add(&metrics[M_LEFT], 1);
}

void http_count_reload(bool ok)
{
	metric_add_at(&metrics[M_RELOADS], ok ? 0 : 1, 1);
}

void http_set_expiry(int64_t unix_seconds)
{
	metric_set(&metrics[M_EXPIRY], unix_seconds);
}

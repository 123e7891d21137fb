/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of a log to the audit events in it, by each way in which clouds write them. */
#include <stdio.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#include "cli/import/import_source.h"
#include "cli/import/import_unwrap.h"
#include "support/run_tests.h"

#define ID(n)	 "\"auditID\":\"5b1e0000-0000-4000-8000-00000000000" #n "\""
#define EVENT(n) "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"," ID(n) "}"
#define ITEM(n)	 "{\"level\":\"Metadata\"," ID(n) ",\"stage\":\"ResponseComplete\"}"
#define Q(n)                                                                                       \
	"{\\\"kind\\\":\\\"Event\\\",\\\"apiVersion\\\":\\\"audit.k8s.io/"                         \
	"v1\\\",\\\"auditID\\\":\\\"q" #n "\\\"}"
#define CUT_Q(n)                                                                                   \
	"{\\\"kind\\\":\\\"Event\\\",\\\"apiVersion\\\":\\\"audit.k8s.io/"                         \
	"v1\\\",\\\"auditID\\\":\\\"q" #n "\\\",\\\"us"
#define CRI "2026-11-26T10:00:00.123456789Z stdout "

/* What a log holds: whole events, cut ones, other records, and those that cannot be read. */
static const struct shape {
	const char *what, *text;
	unsigned events, cut, others, unreadable;
} shapes[] = {
	{"nothing", "", 0, 0, 0, 0},
	{"blank lines", "\n \r\n\t\n", 0, 0, 0, 0},
	{"lines", EVENT(1) "\n" EVENT(2) "\n", 2, 0, 0, 0},
	{"no end of the last line", EVENT(1) "\n" EVENT(2), 2, 0, 0, 0},
	{"CRLF and a byte order mark", "\xef\xbb\xbf" EVENT(1) "\r\n" EVENT(2) "\r\n", 2, 0, 0, 0},
	{"no lines between them", EVENT(1) EVENT(2) EVENT(3), 3, 0, 0, 0},
	{"indented", "{\n \"kind\": \"Event\",\n \"apiVersion\": \"audit.k8s.io/v1\"\n}\n", 1, 0, 0,
		0},
	{"without kind, as in lists", ITEM(1) "\n", 1, 0, 0, 0},
	{"an EventList", "{\"kind\":\"EventList\",\"items\":[" ITEM(1) ",\n" ITEM(2) "]}", 2, 0, 0,
		0},
	{"an array", "[" EVENT(1) "," ITEM(2) "]", 2, 0, 0, 0},
	{"an array of texts", "[\"" Q(1) "\",\"" Q(2) "\"]", 2, 0, 0, 0},
	{"elements of a list that was cut out", EVENT(1) ",\n" EVENT(2) ",\n", 2, 0, 0, 0},
	/* Azure */
	{"AKS, text", "{\"category\":\"kube-audit\",\"properties\":{\"log\":\"" Q(1) "\\n\"}}", 1,
		0, 0, 0},
	{"AKS, object", "{\"category\":\"kube-audit-admin\",\"properties\":{\"log\":" EVENT(1) "}}",
		1, 0, 0, 0},
	{"AKS, Event Hubs",
		"{\"records\":[{\"category\":\"kube-audit\",\"properties\":{\"log\":\"" Q(
			1) "\"}},{\"category\":\"guard\",\"properties\":{\"log\":\"I1126 "
			   "token\"}}]}",
		1, 0, 1, 0},
	{"AKS, cut at 16 KiB",
		"{\"category\":\"kube-audit\",\"properties\":{\"log\":\"" CUT_Q(1) "\"}}", 0, 1, 0,
		0},
	{"AKS, another category",
		"{\"category\":\"kube-apiserver\",\"properties\":{\"log\":\"I1126 started\"}}", 0,
		0, 1, 0},
	/* Amazon */
	{"EKS, subscription",
		"{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{\"id\":\"1\",\"message\":\"" Q(
			1) "\"},{\"id\":\"2\",\"message\":\"" Q(2) "\"}]}",
		2, 0, 0, 0},
	{"EKS, subscription's control message",
		"{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[{\"id\":\"\",\"message\":"
		"\"CWL CONTROL MESSAGE\"}]}",
		0, 0, 1, 0},
	{"EKS, filter-log-events",
		"{\"events\":[{\"logStreamName\":\"kube-apiserver-audit-1\",\"message\":\"" Q(
			1) "\"}],\"searchedLogStreams\":[]}",
		1, 0, 0, 0},
	{"EKS, the authenticator's stream beside",
		"{\"events\":[{\"message\":\"time=\\\"2026\\\" level=info\"},{\"message\":\"" Q(
			1) "\"}]}",
		1, 0, 1, 0},
	{"EKS, Insights",
		"{\"results\":[[{\"field\":\"@timestamp\",\"value\":\"2026\"},{\"field\":\"@"
		"message\",\"value\":\"" Q(1) "\"}]],\"status\":\"Complete\"}",
		1, 0, 0, 0},
	{"EKS, export to S3", "2026-11-26T10:00:00.010Z " EVENT(1) "\n", 1, 0, 0, 0},
	{"EKS, cut with a marker",
		EVENT(1) "\n{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/"
			 "v1\",\"requestObject\":{\"da[Truncated...]\n" EVENT(2) "\n",
		2, 1, 0, 0},
	/* Collectors */
	{"Fluent Bit, text", "{\"date\":1.5,\"log\":\"" Q(1) "\"}", 1, 0, 0, 0},
	{"Fluent Bit, merged", "{\"log\":\"" Q(1) "\",\"log_processed\":" EVENT(1) "}", 1, 0, 0, 0},
	{"Docker",
		"{\"log\":\"" Q(1) "\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-26T10:00:00Z\"}",
		1, 0, 0, 0},
	{"Vector, Logstash", "{\"@timestamp\":\"x\",\"message\":\"" Q(1) "\"}", 1, 0, 0, 0},
	{"journald", "{\"MESSAGE\":\"" Q(1) "\"}", 1, 0, 0, 0},
	{"Elasticsearch", "{\"hits\":{\"hits\":[{\"_source\":{\"message\":\"" Q(1) "\"}}]}}", 1, 0,
		0, 0},
	{"Elastic Agent", "{\"_source\":{\"kubernetes\":{\"audit\":" ITEM(1) "}}}", 1, 0, 0, 0},
	{"Splunk's export", "{\"preview\":false,\"result\":{\"_raw\":\"" Q(1) "\"}}", 1, 0, 0, 0},
	{"Splunk's collector", "{\"event\":" EVENT(1) ",\"sourcetype\":\"kube:audit\"}", 1, 0, 0,
		0},
	{"OpenTelemetry",
		"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":"
		"\"" Q(1) "\"}}]}]}]}",
		1, 0, 0, 0},
	{"Loki, pushed",
		"{\"streams\":[{\"stream\":{},\"values\":[[\"1700000000000000000\",\"" Q(
			1) "\"]]}]}",
		1, 0, 0, 0},
	{"Loki, asked",
		"{\"data\":{\"result\":[{\"values\":[[\"1700000000000000000\",\"" Q(1) "\"]]}]}}",
		1, 0, 0, 0},
	{"CRI", CRI "F " EVENT(1) "\n" CRI "F I1126 10:00:00 1 main.go:1] started\n", 1, 0, 1, 0},
	{"CRI, split",
		CRI "P {\"kind\":\"Event\",\"apiVersion\":\"audit.\n" CRI
		    "P k8s.io/v1\",\"audit\n" CRI "F ID\":\"a\"}\n" CRI "F " EVENT(2) "\n",
		2, 0, 0, 0},
	{"a node's name before", "master-0.example.com " EVENT(1) "\n", 1, 0, 0, 0},
	{"syslog", "<14>Nov 26 10:00:00 host kube-apiserver[1]: " EVENT(1) "\n", 1, 0, 0, 0},
	/* What is something else. */
	{"an Event of core/v1", "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"message\":\"pulled\"}",
		0, 0, 1, 0},
	{"a Pod", "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"}}", 0, 0, 0,
		1},
	{"a list of pods", "{\"kind\":\"List\",\"items\":[{\"kind\":\"Pod\"},{\"kind\":\"Pod\"}]}",
		0, 0, 0, 1},
	{"CSV", "time,verb\n2026,get\n", 0, 0, 0, 2},
	{"YAML", "apiVersion: audit.k8s.io/v1\nkind: Policy\n", 0, 0, 0, 2},
	{"a number", "17\n", 0, 0, 0, 1},
	{"an array of numbers", "[1,2]", 0, 0, 0, 1},
	{"JSON that ends early", "{\"a\":{\"b\":1\n" EVENT(1) "\n", 1, 0, 0, 1},
	{"wrappers without end",
		"{\"log\":{\"log\":{\"log\":{\"log\":{\"log\":{\"log\":{\"log\":{\"log\":{\"log\":{"
		"}}}}}}}}}}",
		0, 0, 0, 1},
	{"half a surrogate pair", "{\"log\":\"\\ud800\"}", 0, 0, 0, 1},
	{"an event with half a surrogate pair",
		"{\"log\":\"{\\\"auditID\\\":\\\"\\\\ud800\\\",\\\"stage\\\":\\\"x\\\","
		"\\\"level\\\":\\\"y\\\"}\"}",
		1, 0, 0, 0},
};

static struct arena *arena;
static char path[] = "/tmp/holdpoint-import.XXXXXX";

static void setup(void)
{
	memset(path + strlen(path) - 6, 'X', 6);
	close(mkstemp(path));
	arena = arena_new(1 << 16, (size_t)1 << 30);
}

static void teardown(void)
{
	unlink(path);
	arena_free(arena);
}

static void write_log(const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

struct sums {
	unsigned events, cut, others, unreadable;
	size_t bytes; /* of the events */
};

static int read_log(struct sums *ret, struct err *e)
{
	struct import_source *source _cleanup_(import_source_closep) = NULL;
	struct import_records *records _cleanup_(import_records_freep) = NULL;
	uint64_t at = 0;

	*ret = (struct sums){0};
	if (import_source_open(path, &source, e) < 0)
		return -1;
	records = import_records_new(source);
	for (;;) {
		struct import_record r;
		struct import_found found;

		arena_reset(arena);
		if (import_records_next(records, arena, &r, e) < 0 ||
			import_unwrap(&r, arena, &found, e) < 0)
			return -1;
		if (r.kind == IMPORT_END)
			return 0;
		ck_assert_uint_ge(r.from, at);
		ck_assert_uint_gt(r.to, r.from);
		at = r.to;
		for (size_t i = 0; i < found.count; i++) {
			ret->events += !found.events[i].cut;
			ret->cut += found.events[i].cut;
			ret->bytes += found.events[i].text.len;
		}
		ret->others += (unsigned)found.others;
		ret->unreadable += found.unreadable != NULL;
	}
}

static void expect(
	const char *what, unsigned events, unsigned cut, unsigned others, unsigned unreadable)
{
	struct err e = {0};
	struct sums s;

	ck_assert_msg(read_log(&s, &e) == 0, "%s: %s", what, e.msg);
	ck_assert_msg(s.events == events && s.cut == cut && s.others == others &&
			      s.unreadable == unreadable,
		"%s: %u events, %u cut, %u others, %u unreadable", what, s.events, s.cut, s.others,
		s.unreadable);
}

START_TEST(import__each_shape)
{
	const struct shape *s = &shapes[_i];

	write_log(s->text, strlen(s->text));
	expect(s->what, s->events, s->cut, s->others, s->unreadable);
}
END_TEST

/* ---- compressed ---- */

static size_t gzip(const char *text, Bytef *out, size_t room)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
		.avail_in = (uInt)strlen(text),
		.next_out = out,
		.avail_out = (uInt)room};

	ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

START_TEST(import__gzip)
{
	Bytef packed[4096] = {0};
	size_t first = gzip(EVENT(1) "\n", packed, sizeof(packed)),
	       all = first + gzip(EVENT(2) "\n", packed + first, sizeof(packed) - first);
	struct sums s;
	struct err e = {0};

	write_log(packed, all);
	expect("two members", 2, 0, 0, 0);
	write_log(packed, all + 512);
	expect("padded", 2, 0, 0, 0);
	for (size_t len = 2; len < all; len++) {
		if (len == first)
			continue;
		write_log(packed, len);
		ck_assert_msg(read_log(&s, &e) < 0, "cut at %zu", len);
	}
	packed[first / 2] ^= 1;
	write_log(packed, all);
	ck_assert_int_lt(read_log(&s, &e), 0);
}
END_TEST

START_TEST(import__zstd)
{
	static const char one[] = EVENT(1) "\n";
	char packed[4096];
	size_t first = ZSTD_compress(packed, sizeof(packed), one, strlen(one), 3), all;
	struct sums s;
	struct err e = {0};

	memcpy(packed + first, packed, first);
	all = 2 * first;
	write_log(packed, all);
	expect("two frames", 2, 0, 0, 0);
	for (size_t len = 4; len < all; len++) {
		if (len == first)
			continue;
		write_log(packed, len);
		ck_assert_msg(read_log(&s, &e) < 0, "cut at %zu", len);
	}
}
END_TEST

/* ---- large ---- */

/* Records larger than what is read at once, and ends of lines on each side of where that ends. */
START_TEST(import__records_across_what_is_read_at_once)
{
	const size_t mib = (size_t)1 << 20;

	for (int shift = -3; shift <= 3; shift++) {
		size_t len = mib + (size_t)(shift + 8);
		struct buf log _cleanup_(buf_free) = BUF_INIT(16 * mib);
		struct sums s;
		struct err e = {0};

		for (int i = 0; i < 3; i++) {
			buf_add_str(&log, "{\"auditID\":\"");
			memset(buf_extend(&log, len - 50), 'x', len - 50);
			buf_add_str(&log, "\",\"stage\":\"\",\"level\":\"\"}");
			buf_add_str(&log, i == 1 ? "\r\n" : "\n");
		}
		write_log(buf_span(&log).ptr, log.len);
		ck_assert_int_eq(read_log(&s, &e), 0);
		ck_assert_uint_eq(s.events, 3);
		ck_assert_uint_eq(s.unreadable, 0);
	}
}
END_TEST

/* Lines that begin and never end must not be read again and again. */
START_TEST(import__many_broken_lines)
{
	struct buf log _cleanup_(buf_free) = BUF_INIT((size_t)64 << 20);
	struct sums s;
	struct err e = {0};

	for (int i = 0; i < 200000; i++)
		buf_add_str(&log, i % 2 ? "{\"auditID\":\"never ends\n" : "{\"auditID\":[[[\n");
	write_log(buf_span(&log).ptr, log.len);
	ck_assert_int_eq(read_log(&s, &e), 0);
	ck_assert_uint_eq(s.cut, 200000);
}
END_TEST

/* ---- Google Cloud ---- */

#define AUDIT_LOG "\"@type\":\"type.googleapis.com/google.cloud.audit.AuditLog\""

static const struct mapped {
	const char *entry, *event; /* event: what it must hold, one after the other, by | */
} mapped[] = {
	{"{\"insertId\":\"i1\",\"timestamp\":\"2026-11-26T10:00:00Z\",\"labels\":{\"authorization."
	 "k8s.io/decision\":\"allow\"},"
	 "\"protoPayload\":{" AUDIT_LOG
	 ",\"serviceName\":\"k8s.io\",\"methodName\":\"io.k8s.core.v1.secrets.create\","
	 "\"resourceName\":\"core/v1/namespaces/shop/secrets/"
	 "db\",\"authenticationInfo\":{\"principalEmail\":\"a@x\"},"
	 "\"requestMetadata\":{\"callerIp\":\"1.2.3.4\",\"callerSuppliedUserAgent\":\"kubectl/"
	 "v1.32\"},"
	 "\"request\":{\"@type\":\"core.k8s.io/"
	 "v1.Secret\",\"data\":{\"a\":\"Yg==\"}},\"status\":{\"code\":0}}}",
		"\"level\":\"Request\"|\"auditID\":\"i1\"|\"stage\":\"ResponseComplete\"|"
		"\"requestURI\":\"/api/v1/namespaces/shop/secrets/db\"|"
		"\"verb\":\"create\"|\"user\":{\"username\":\"a@x\"}|\"sourceIPs\":[\"1.2.3.4\"]|"
		"\"userAgent\":\"kubectl/v1.32\"|"
		"\"objectRef\":{\"resource\":\"secrets\",\"namespace\":\"shop\",\"name\":\"db\","
		"\"apiVersion\":\"v1\"}|\"code\":200|"
		"\"requestObject\":{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"data\":{\"a\":\"Yg="
		"=\"}}|"
		"\"stageTimestamp\":\"2026-11-26T10:00:00Z\"|\"authorization.k8s.io/"
		"decision\":\"allow\""},
	{"{\"operation\":{\"id\":\"o1\",\"first\":true},\"insertId\":\"i1\",\"timestamp\":\"t\","
	 "\"protoPayload\":{" AUDIT_LOG
	 ",\"serviceName\":\"k8s.io\",\"methodName\":\"io.k8s.core.v1.pods.exec.create\","
	 "\"resourceName\":\"core/v1/namespaces/shop/pods/web-1/exec\","
	 "\"status\":{\"code\":7,\"message\":\"denied by RBAC\"}}}",
		"\"level\":\"Metadata\"|\"auditID\":\"o1\"|\"stage\":\"ResponseStarted\"|"
		"\"resource\":\"pods\"|\"name\":\"web-1\"|\"subresource\":\"exec\"|"
		"\"message\":\"denied by RBAC\"|\"code\":403"},
	{"{\"insertId\":\"i2\",\"timestamp\":\"t\",\"protoPayload\":{\"serviceName\":\"k8s.io\","
	 "\"methodName\":\"io.k8s.authorization.rbac.v1.clusterroles.update\","
	 "\"resourceName\":\"rbac.authorization.k8s.io/v1/clusterroles/"
	 "admin\",\"authorizationInfo\":[{\"granted\":false}],"
	 "\"response\":{\"@type\":\"core.k8s.io/"
	 "v1.Status\",\"kind\":\"Status\",\"reason\":\"Conflict\",\"code\":409}}}",
		"\"level\":\"RequestResponse\"|\"requestURI\":\"/apis/rbac.authorization.k8s.io/v1/"
		"clusterroles/admin\"|\"resource\":\"clusterroles\"|\"name\":\"admin\"|"
		"\"apiGroup\":\"rbac.authorization.k8s.io\"|\"reason\":\"Conflict\"|\"code\":409"},
	{"{\"insertId\":\"i3\",\"timestamp\":\"t\",\"protoPayload\":{\"serviceName\":\"k8s.io\","
	 "\"methodName\":\"io.k8s.core.v1.namespaces.delete\",\"resourceName\":\"core/v1/"
	 "namespaces/shop\"}}",
		"\"verb\":\"delete\"|\"objectRef\":{\"resource\":\"namespaces\",\"namespace\":"
		"\"shop\",\"name\":\"shop\",\"apiVersion\":\"v1\"}"},
	{"{\"insertId\":\"i4\",\"timestamp\":\"t\",\"protoPayload\":{\"serviceName\":\"k8s.io\","
	 "\"methodName\":\"io.k8s.get\",\"resourceName\":\"openapi\"}}",
		"\"requestURI\":\"/openapi\"|\"verb\":\"get\"|\"responseStatus\""},
	{"{\"insertId\":\"i5\",\"timestamp\":\"t\",\"protoPayload\":{\"serviceName\":\"k8s.io\","
	 "\"methodName\":\"io.k8s.core.v1.pods.list\",\"resourceName\":\"core/v1/namespaces/shop/"
	 "pods\","
	 "\"authenticationInfo\":{\"principalEmail\":\"a@x\",\"authoritySelector\":\"system:"
	 "admin\"}}}",
		"\"user\":{\"username\":\"a@x\"}|\"impersonatedUser\":{\"username\":\"system:"
		"admin\"}|\"resource\":\"pods\",\"namespace\":\"shop\",\"apiVersion\""},
};

START_TEST(import__a_cloud_audit_log_is_mapped)
{
	const struct mapped *m = &mapped[_i];
	struct import_records *records _cleanup_(import_records_freep) =
		import_records_of(span_of(m->entry));
	struct json_limits limits = {1 << 20, 100, 10000, false, false};
	struct import_record r;
	struct import_found found;
	struct json_doc d;
	struct err e = {0};
	char wanted[2048], *save = NULL;
	const char *at;

	ck_assert_int_eq(import_records_next(records, arena, &r, &e), 0);
	ck_assert_int_eq(import_unwrap(&r, arena, &found, &e), 0);
	ck_assert_uint_eq(found.count, 1);
	ck_assert(found.formats == 1u << IMPORT_CLOUD_AUDIT);
	at = found.events[0].text.ptr;
	ck_assert_int_eq(json_read(at, found.events[0].text.len, &limits, arena, &d, NULL), 0);
	snprintf(wanted, sizeof(wanted), "%s", m->event);
	for (char *part = strtok_r(wanted, "|", &save); part; part = strtok_r(NULL, "|", &save)) {
		at = strstr(at, part);
		ck_assert_msg(at, "%s not in %s", part, found.events[0].text.ptr);
	}
}
END_TEST

START_TEST(import__entries_that_are_none_of_kubernetes)
{
	static const char *const others =
		"{\"protoPayload\":{\"serviceName\":\"container.googleapis.com\",\"methodName\":"
		"\"x\"}}\n"
		"{\"protoPayload\":{\"serviceName\":\"k8s.io\",\"methodName\":\"x\"}}\n";

	write_log(others, strlen(others));
	expect("another service's, and one without an id", 0, 0, 1, 1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("import");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, import__each_shape, 0, ARRAY_LEN(shapes));
	tcase_add_test(t, import__gzip);
	tcase_add_test(t, import__zstd);
	tcase_add_test(t, import__records_across_what_is_read_at_once);
	tcase_add_test(t, import__many_broken_lines);
	tcase_add_loop_test(t, import__a_cloud_audit_log_is_mapped, 0, ARRAY_LEN(mapped));
	tcase_add_test(t, import__entries_that_are_none_of_kubernetes);
	return run_tests(t);
}

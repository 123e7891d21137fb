/* SPDX-License-Identifier: Apache-2.0 */
/* Where secrets hide in texts, texts in texts, audit events and URIs. */
#include "support/run_tests.h"
#include "unit/mask_cases.h"

START_TEST(mask__texts)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"x\":\"postgres://u:" S "@db:5432/x\"}"},
		{GONE, "", "{\"x\":\"postgres:\\/\\/u:" S "@db:5432/x\"}"},
		{GONE, "", "{\"x\":\"amqp://u:a/" S "@db\"}"},
		{GONE, "", "{\"x\":\"https://" S "@github.com/o/r\"}"},
		{GONE, "", "{\"x\":\"root:" S "@tcp(db:3306)/x\"}"},
		{GONE, "", "{\"x\":\"host=db user=x password=" S " sslmode=off\"}"},
		{GONE, "", "{\"x\":\"Server=db;Password=" S ";Encrypt=true\"}"},
		{GONE, "", "{\"x\":\"https://h/cb?code=1&access_token=" S "&x=1\"}"},
		{GONE, "", "{\"x\":\"a: b\\npassword: " S "\\nc: d\"}"},
		{GONE, "",
			"{\"x\":\"the key is "
			"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABaHVudGVy"
			"MnNlY3JldAAAAA== and nothing else\"}"},
		{GONE, "", "{\"x\":\"password: one two " S "\\nc: d\"}"},
		{GONE, "", "{\"x\":\"password: |\\n  " S "\\nc: d\"}"},
		{GONE, "", "{\"x\":\"credentials:\\n  a: b\\n  c: " S "\\nd: e\"}"},
		{GONE, "", "{\"x\":\"tokens:\\n- a\\n- " S "\\nd: e\"}"},
		{GONE, "", "{\"x\":\"env:\\n- name: DB_PASSWORD\\n  value: " S "\\n\"}"},
		{GONE, "", "{\"x\":\"kind: Secret\\nstringData:\\n  foo: " S "\\n\"}"},
		{GONE, "",
			"{\"x\":\"---\\napiVersion: v1\\nkind: 'Secret'\\nstringData: {foo: " S
			"}\\n\"}"},
		{GONE, "",
			"{\"x\":\"{\\\"kind\\\":\\\"Secret\\\",\\\"data\\\":{\\\"k\\\":\\\"" B64
			"\"}"},
		{GONE, "", "{\"x\":\"{\\\"a\\\":1,\\\"password\\\":\\\"" S "\\\",\"}"},
		{GONE, "", "{\"x\":\"<user><password>" S "</password></user>\"}"},
		{GONE, "",
			"{\"x\":\"<property><name>db.password</name><value>" S
			"</value></property>\"}"},
		{GONE, "", "{\"x\":\"ALTER USER x WITH PASSWORD '" S "'\"}"},
		{GONE, "", "{\"x\":\"CREATE USER x IDENTIFIED BY '" S "'\"}"},
		{GONE, "", "{\"x\":\"see " JWT " here\"}"},
		{GONE, "",
			"{\"x\":\"-----BEGIN RSA PRIVATE KEY-----\\n" S
			"\\n-----END RSA PRIVATE KEY-----\"}"},
		{GONE, "", "{\"x\":\"-----BEGIN PRIVATE KEY-----\\n" S "\"}"},
		{GONE, "", "{\"x\":\"token ghp_0123456789abcdefghijklmnopqrstuvwxyz used\"}"},
		{GONE, "", "{\"x\":\"Authorization: Basic " B64 "\"}"},
		{GONE, "", "{\"x\":\"got Bearer " S "12345678 instead\"}"},
		{GONE, "", "{\"ghp_0123456789abcdefghijklmnopqrstuvwxyz\":\"x\"}"},
		{GONE, "",
			"{\"message\":\"spec.password: Invalid value: \\\"" S "\\\": too short\"}"},
		{GONE, "",
			"{\"message\":\"error found in #10 byte of ...|ssword\\\":\\\"" S
			"|...\"}"},
		{GONE, "secrets",
			"{\"kind\":\"Status\",\"message\":\"data[x]: Invalid value: " S "\"}"},
		{GONE, "", "{\"kind\":\"PodProxyOptions\",\"path\":\"/reset/" S "?u=1\"}"},
		{GONE, "", "{\"x\":\"machine h login u password " S "\\n\"}"},
		{GONE, "", "{\"x\":\"port 1\\nrequirepass " S "\\n\"}"},
		{GONE, "", "{\"message\":\"invalid password \\\"" S "\\\" given\"}"},
		{GONE, "", "{\"causes\":[{\"message\":\"Invalid value: \\\"" S "\\\": bad\"}]}"},
		{GONE, "", "{\"x\":\"'password': " S "\\n\"}"},
		{GONE, "",
			"{\"p\":[{\"ParameterKey\":\"DbPassword\",\"ParameterValue\":\"" S "\"}]}"},
		{GONE, "", "{\"x\":\"u:$apr1$" S "\"}"},
		{SAME, "", "{\"message\":\"the password is wrong; password rules apply\"}"},
		{SAME, "", "{\"message\":\"secrets \\\"db\\\" not found\"}"},
		{SAME, "secrets",
			"{\"kind\":\"Status\",\"message\":\"secrets \\\"db\\\" not found\"}"},
		{SAME, "",
			"{\"x\":\"registry.example.com:5000/"
			"app:1.2@sha256:0123456789abcdef0123456789abcdef01"
			"23456789abcdef0123456789abcdef\"}"},
		{SAME, "",
			"{\"x\":\"https://host:8080/path@v1\",\"y\":\"ssh://git@github.com/o/r\"}"},
		{SAME, "",
			"{\"x\":\"2026-11-23T00:17:32.624451Z\",\"y\":\"system:serviceaccount:kube:"
			"token-x\"}"},
		{SAME, "",
			"{\"x\":\"-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END "
			"CERTIFICATE-----\\n\"}"},
		{SAME, "",
			"{\"x\":\"RBAC: allowed by ClusterRoleBinding \\\"a\\\" of ClusterRole "
			"\\\"b\\\"\"}"},
		{SAME, "", "{\"x\":\"uses basic authentication and a bearer token\"}"},
		{SAME, "", "{\"x\":\"a basic well-known way\"}"},
		{SAME, "", "{\"x\":\"the password policy v2-draft applies\"}"},
		{SAME, "", "{\"x\":\"kind: SecretStore\\nname: x\\n\"}"},
		{SAME, "",
			"{\"x\":\"fc73fe2c-1917-466f-b604-54bbbb19fbc8\",\"y\":\"checkout-"
			"7d4b9c8f5-x2k4z\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

START_TEST(mask__texts_in_texts)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"x\":\"" ESC_KIND "\"}"},
		{GONE, "", "{\"x\":\"  " ESC_KIND "\\n\"}"},
		{GONE, "", "{\"x\":\"[" ESC_KIND "]\"}"},
		{GONE, "",
			"{\"x\":\"{\\\"y\\\":\\\"{\\\\\\\"password\\\\\\\":\\\\\\\"" S
			"\\\\\\\"}\\\"}\"}"},
		{GONE, "", "{\"x\":\"{\\\"password\\\":123456,\\\"token\\\":\\\"" S "\\\"}\"}"},
		/* base64 of {"password":"hunter2secret"} */
		{GONE, "", "{\"x\":\"eyJwYXNzd29yZCI6Imh1bnRlcjJzZWNyZXQifQ==\"}"},
		{GONE, "", "{\"x\":\"eyJwYXNzd29yZCI6Imh1bnRlcjJzZWNyZXQifQ\"}"},
		{GONE, "", "{\"x\":\"v=eyJwYXNzd29yZCI6Imh1bnRlcjJzZWNyZXQifQ;\"}"},
		{GONE, "", "{\"x\":\"data:text/plain;base64,cGFzc3dvcmQ9aHVudGVyMnNlY3JldA==\"}"},
		{GONE, "", "{\"x\":\"cGFzc3dvcmQ9aHVu\\ndGVyMnNlY3JldA==\\n\"}"},
		/* base64 of that again */
		{GONE, "", "{\"x\":\"ZXlKd1lYTnpkMjl5WkNJNkltaDFiblJsY2pKelpXTnlaWFFpZlE9PQ==\"}"},
		/* hex and percent escapes of password=hunter2secret */
		{GONE, "", "{\"x\":\"70617373776f72643d68756e74657232736563726574\"}"},
		{GONE, "", "{\"x\":\"%7B%22password%22%3A%22hunter2secret%22%7D\"}"},
		{GONE, "", "{\"x\":\"a=1%26password%3Dhunter2secret\"}"},
		{SAME, "", "{\"x\":\"{\\\"replicas\\\":3,\\\"app\\\":\\\"web\\\"}\"}"},
		{SAME, "",
			"{\"x\":\"eyJyZXBsaWNhcyI6M30=\",\"y\":\"{not json}\",\"z\":\"{{ .Values.x "
			"}}\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* ---- events and URIs ---- */

static void mask_event(const char *json, struct buf *out, struct mask_result *r)
{
	struct json_doc d;

	arena_reset(arena);
	read_doc(span_of(json), arena, &d);
	mask_audit_event(masker, &d, JSON_ROOT, arena, out, r);
	ck_assert_ptr_nonnull(buf_str(out));
}

START_TEST(mask__events)
{
	static const char *const events[] = {
		"{\"objectRef\":{\"resource\":\"secrets\"},\"requestObject\":{\"data\":{\"k\":"
		"\"" B64 "\"}}}",
		"{\"objectRef\":{\"resource\":\"secrets\"},\"responseObject\":[{\"op\":\"add\","
		"\"path\":\"/x\","
		"\"value\":\"" S "\"}]}",
		"{\"requestURI\":\"/api/v1/namespaces/x/secrets/"
		"y\",\"requestObject\":{\"data\":{\"k\":\"" B64 "\"}}}",
		"{\"objectRef\":{\"resource\":\"secrets\"},\"responseStatus\":{\"message\":\"x " S
		"\"}}",
		"{\"objectRef\":{\"resource\":\"secrets\"},\"annotations\":{\"patch.webhook."
		"admission.k8s.io/"
		"round_0_index_0\":\"{\\\"patch\\\":[{\\\"op\\\":\\\"add\\\",\\\"path\\\":\\\"/"
		"data/k\\\","
		"\\\"value\\\":\\\"" B64 "\\\"}]}\"}}",
		"{\"annotations\":{\"patch.webhook.admission.k8s.io/"
		"round_0_index_0\":\"{\\\"patch\\\":[{"
		"\\\"op\\\":\\\"add\\\",\\\"path\\\":\\\"/spec/token\\\",\\\"value\\\":\\\"" S
		"\\\"}]}\"}}",
		"{\"user\":{\"username\":\"x\",\"extra\":{\"k\":[\"" S "\"]}}}",
		"{\"impersonatedUser\":{\"extra\":{\"k\":[\"" S "\"]}}}",
		"{\"userAgent\":\"x (token=" S ")\"}",
		"{\"auditID\":\"" JWT "\"}",
		"{\"requestURI\":\"/api/v1/namespaces/x/pods/y/exec?command=echo&command=" S "\"}",
		"{\"requestURI\":\"/api/v1/namespaces/x/pods/y/"
		"exec?command=sh\\u0026command=-c\\u0026command="
		"echo+%68unter2secret\"}",
		"{\"requestURI\":\"/api/v1/namespaces/x/pods/y/exec?c%6fmmand=echo&c%6fmmand=" S
		"\"}",
		"{\"requestURI\":\"/api/v1/namespaces/x/services/y/proxy/a/" S "/b?x=1\"}",
		"{\"requestURI\":\"/api/v1/namespaces/x/services/y:80/proxy/a?limit=" S "\"}",
		"{\"requestURI\":\"/api/v1/pods?foo=" S "\"}",
		"{\"requestURI\":\"/api/v1/pods?" JWT "\"}",
		"{\"requestURI\":\"/api/v1/pods?labelSelector=password%3Dhunter2secret\"}",
		"{\"requestURI\":\"/x#access_token=" S "\"}",
		"{\"foo\":{\"objectRef\":{\"resource\":\"secrets\"},\"requestObject\":" SECRET "}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
		struct mask_result r;

		mask_event(events[i], &out, &r);
		expect_gone(buf_span(&out), S, events[i]);
		expect_gone(buf_span(&out), JWT, events[i]);
		ck_assert_uint_gt(r.masked, 0);
		ck_assert(!r.whole);
	}
}
END_TEST

START_TEST(mask__uris_that_stay)
{
	static const char *const uris[] = {"/api/v1/namespaces/prod/secrets?limit=500&timeout=2s",
		"/api/v1/pods?labelSelector=app%3Dweb%2Ctier+in+%28a%2Cb%29&watch=true",
		"/apis/apps/v1/namespaces/x/deployments/y?fieldManager=kubectl-patch&dryRun=All",
		("/api/v1/namespaces/x/pods/y/"
		 "exec?command=ls&command=-la&command=%2Ftmp&container=c"),
		"/api/v1/namespaces/x/services/y/proxy/metrics/cadvisor", "/healthz?verbose=true",
		"/openapi/v2?timeout=32s", "/"};

	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
		struct mask_result r;

		arena_reset(arena);
		mask_text(masker, span_of(uris[i]), arena, &out, &r);
		ck_assert_str_eq(buf_str(&out), uris[i]);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("mask_text");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, mask__texts);
	tcase_add_test(tc, mask__texts_in_texts);
	tcase_add_test(tc, mask__events);
	tcase_add_test(tc, mask__uris_that_stay);
	return run_tests(tc);
}

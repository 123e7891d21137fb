/*
 * Where secrets hide, one case a place. In the cases the secret is always "hunter2secret" (or
 * base64 of it); GONE: it is not left in any form; SAME: nothing is masked.
 */
#include <zlib.h>

#include "common/crypto.h"
#include "support/mask_support.h"
#include "support/run_tests.h"
#include "support/secret_search.h"

#define S   "hunter2secret"
#define B64 "aHVudGVyMnNlY3JldA=="
#define JWT "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJlLWJ5dGVz"

enum verdict { GONE, SAME };

struct mask_case {
	enum verdict verdict;
	const char *resource; /* "secrets", "pods/exec" or "" */
	const char *json;
};

static struct masker *masker;
static struct arena *arena;

static void setup(void)
{
	masker = new_masker(MASK_TEST_KEY, NULL);
	arena = arena_new(1 << 16, 256 << 20);
}

static void teardown(void)
{
	arena_free(arena);
	masker_free(masker);
}

static struct mask_target target_of(const char *resource)
{
	const char *slash = strchr(resource, '/');
	size_t len = slash ? (size_t)(slash - resource) : strlen(resource);

	return (struct mask_target){{"", 0}, {resource, len}, span_of(slash ? slash + 1 : "")};
}

static void expect_gone(struct span out, const char *secret, const char *input)
{
	const char *form = secret_found(out, span_of(secret));
	struct json_doc d;

	ck_assert_msg(!form, "%s is still there (%s): %s\nof %s", secret, form, out.ptr, input);
	read_doc(out, arena, &d); /* what comes out is JSON again */
}

static void check_case(const struct mask_case *c)
{
	static const char *const secrets[] = {S, JWT, "ghp_0123456789abcdefghijklmnopqrstuvwxyz"};
	_cleanup_(buf_free) struct buf out = BUF_INIT(16 << 20);
	struct span in = span_of(c->json);
	struct mask_result r;
	struct json_doc d;

	arena_reset(arena);
	read_doc(in, arena, &d);
	mask_object(masker, &d, JSON_ROOT, target_of(c->resource), arena, &out, &r);
	ck_assert_ptr_nonnull(buf_str(&out));
	if (c->verdict == SAME) {
		ck_assert_msg(span_eq(buf_span(&out), in), "masked for nothing: %s\nof %s", out.ptr,
			c->json);
		ck_assert_uint_eq(r.masked, 0);
		return;
	}
	ck_assert_msg(r.masked > 0, "nothing masked in %s", c->json);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		expect_gone(buf_span(&out), secrets[i], c->json);
}

static void check_cases(const struct mask_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_case(&cases[i]);
}
#define CHECK_CASES(cases) check_cases((cases), ARRAY_LEN(cases))

#define SECRET	 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"k\":\"" B64 "\"}}"
#define ESC_KIND "{\\\"kind\\\":\\\"Secret\\\",\\\"stringData\\\":{\\\"k\\\":\\\"" S "\\\"}}"

START_TEST(mask__secret_bodies)
{
	static const struct mask_case cases[] = {
		{GONE, "", SECRET},
		{GONE, "secrets", "{\"data\":{\"k\":\"" B64 "\"}}"},
		{GONE, "secrets", "{\"stringData\":{\"k\":\"" S "\"}}"},
		{GONE, "", "{\"data\":{\"k\":\"" B64 "\"},\"metadata\":{},\"kind\":\"Secret\"}"},
		{GONE, "",
			"{\"Kind\":\"Secret\",\"apiVersion\":\"v1\",\"Data\":{\"k\":\"" B64 "\"}}"},
		{GONE, "", "{\"kind\":\"secret\",\"data\":{\"k\":\"" B64 "\"}}"},
		{GONE, "", "{\"\\u006bind\":\"S\\u0065cret\",\"d\\u0061ta\":{\"k\":\"" B64 "\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"kind\":\"Secret\",\"data\":{\"k\":\"" B64
			"\"}}"},
		{GONE, "",
			"{\"kind\":\"Secret\",\"kind\":\"ConfigMap\",\"data\":{\"k\":\"" B64
			"\"}}"},
		{GONE, "", "{\"stringData\":{\"k\":\"" S "\"}}"},
		{GONE, "", "{\"type\":\"Opaque\",\"data\":{\"k\":\"" B64 "\"}}"},
		{GONE, "", "{\"type\":\"helm.sh/release.v1\",\"data\":{\"k\":\"" B64 "\"}}"},
		{GONE, "", "{\"kind\":\"Secret\",\"data\":\"" S "\"}"},
		{GONE, "", "{\"kind\":\"Secret\",\"data\":[\"" S "\"]}"},
		{GONE, "", "{\"kind\":\"Secret\",\"data\":{\"k\":{\"x\":\"" S "\"}}}"},
		{GONE, "", "{\"kind\":\"Secret\",\"data\":{\"k\":7777777}}"},
		{GONE, "", "{\"kind\":\"Secret\",\"spec\":{\"x\":\"" S "\"}}"},
		{GONE, "", "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"x\":\"" S "\"}"},
		{GONE, "",
			"{\"kind\":\"Secret\",\"metadata\":{\"annotations\":{\"a\":\"" S "\"}}}"},
		{GONE, "", "{\"kind\":\"Secret\",\"metadata\":{\"foo\":\"" S "\"}}"},
		{GONE, "", "{\"kind\":\"Secret\",\"metadata\":\"" S "\"}"},
		{GONE, "", "{\"kind\":\"Secret\",\"type\":{\"x\":\"" S "\"},\"data\":{}}"},
		{GONE, "", "{\"a\":[{\"b\":" SECRET "}]}"},
		{SAME, "",
			"{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"name\":\"db\",\"namespace\":"
			"\"x\"}"},
		{SAME, "",
			"{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"type\":\"Opaque\","
			"\"immutable\":true,"
			"\"metadata\":{\"name\":\"db\",\"namespace\":\"prod\",\"uid\":\"u\","
			"\"labels\":"
			"{\"owner\":\"helm\"},\"annotations\":{},\"managedFields\":[{\"manager\":"
			"\"x\","
			"\"fieldsV1\":{\"f:data\":{\".\":{},\"f:password\":{}}}}]},\"data\":{\"k\":"
			"\"\"}}"},
		{SAME, "secrets",
			"{\"kind\":\"Status\",\"status\":\"Failure\",\"details\":{\"name\":\"db\","
			"\"kind\":\"secrets\"},\"code\":404}"},
		{SAME, "secrets",
			"{\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

START_TEST(mask__secret_lists_and_tables)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"kind\":\"SecretList\",\"items\":[{\"data\":{\"k\":\"" B64 "\"}}]}"},
		{GONE, "", "{\"items\":[{\"data\":{\"k\":\"" B64 "\"}}],\"kind\":\"SecretList\"}"},
		{GONE, "", "{\"kind\":\"secretlist\",\"items\":[{\"data\":{\"k\":\"" B64 "\"}}]}"},
		{GONE, "", "{\"kind\":\"List\",\"items\":[" SECRET "]}"},
		{GONE, "", "{\"kind\":\"FooList\",\"items\":[{},{\"x\":" SECRET "}]}"},
		{GONE, "secrets", "{\"kind\":\"List\",\"items\":[{\"data\":{\"k\":\"" B64 "\"}}]}"},
		{GONE, "secrets", "{\"items\":[{\"data\":{\"k\":\"" B64 "\"}}]}"},
		{GONE, "secrets",
			"{\"kind\":\"Table\",\"columnDefinitions\":[{\"name\":\"Name\"}],\"rows\":["
			"{\"cells\":"
			"[\"db\"],\"object\":{\"data\":{\"k\":\"" B64 "\"}}}]}"},
		{GONE, "secrets",
			"{\"kind\":\"Table\",\"columnDefinitions\":[],\"rows\":[{\"object\":{"
			"\"kind\":"
			"\"PartialObjectMetadata\",\"metadata\":{\"annotations\":{\"x\":\"" S
			"\"}}}}]}"},
		{GONE, "",
			"{\"kind\":\"Table\",\"columnDefinitions\":[],\"rows\":[{\"object\":" SECRET
			"}]}"},
		{GONE, "",
			"{\"kind\":\"Table\",\"columnDefinitions\":[{\"name\":\"Name\"},{\"name\":"
			"\"Password\"}],\"rows\":[{\"cells\":[\"x\",\"" S "\"]}]}"},
		{GONE, "", "{\"kind\":\"WatchEvent\",\"type\":\"ADDED\",\"object\":" SECRET "}"},
		{GONE, "secrets",
			"{\"type\":\"MODIFIED\",\"kind\":\"WatchEvent\",\"object\":{\"data\":{"
			"\"k\":\"" B64 "\"}}}"},
		{SAME, "secrets",
			"{\"kind\":\"Table\",\"columnDefinitions\":[{\"name\":\"Name\"},{\"name\":"
			"\"Data\"}],"
			"\"rows\":[{\"cells\":[\"db\",2,\"5d\"],\"object\":{\"kind\":"
			"\"PartialObjectMetadata\",\"metadata\":{\"name\":\"db\"}}}]}"},
	};

	CHECK_CASES(cases);
}
END_TEST

START_TEST(mask__patches)
{
	static const struct mask_case cases[] = {
		{GONE, "secrets", "[{\"op\":\"add\",\"path\":\"/data/k\",\"value\":\"" B64 "\"}]"},
		{GONE, "secrets",
			"[{\"op\":\"add\",\"path\":\"/data\",\"value\":{\"k\":\"" B64 "\"}}]"},
		{GONE, "secrets",
			"[{\"value\":{\"data\":{\"k\":\"" B64
			"\"}},\"op\":\"add\",\"path\":\"\"}]"},
		{GONE, "secrets", "[{\"op\":\"test\",\"path\":\"/x\",\"foo\":\"" S "\"}]"},
		{GONE, "", "[{\"op\":\"add\",\"path\":\"/data/DB_PASSWORD\",\"value\":\"" S "\"}]"},
		{GONE, "",
			"[{\"op\":\"add\",\"path\":\"/spec/credentials\",\"value\":{\"a\":\"" S
			"\"}}]"},
		{GONE, "",
			"[{\"op\":\"add\",\"path\":\"/spec/x/y\",\"value\":{\"token\":\"" S
			"\"}}]"},
		{GONE, "",
			"[{\"op\":\"replace\",\"path\":\"/spec/containers/0/env/0/"
			"value\",\"value\":\"" S "\"}]"},
		{GONE, "",
			"[{\"op\":\"add\",\"path\":\"/spec/containers/0/env/"
			"-\",\"value\":{\"name\":"
			"\"DB_PASS\",\"value\":\"" S "\"}}]"},
		{GONE, "",
			"[{\"op\":\"add\",\"path\":\"/spec/containers/0/command\",\"value\":[\"x\","
			"\"--password\",\"" S "\"]}]"},
		{GONE, "",
			"[{\"op\":\"add\",\"path\":\"/stringData\",\"value\":{\"k\":\"" S "\"}}]"},
		{GONE, "",
			"[{\"op\":\"add\",\"path\":\"/metadata/annotations/"
			"kubectl.kubernetes.io~1last-"
			"applied-configuration\",\"value\":\"" ESC_KIND "\"}]"},
		{GONE, "", "[{\"op\":\"add\",\"path\":\"\",\"value\":" SECRET "}]"},
		{GONE, "",
			"{\"patch\":[{\"op\":\"add\",\"path\":\"/a/p\\u0061ssword\",\"value\":\"" S
			"\"}]}"},
		{SAME, "secrets", "[{\"op\":\"remove\",\"path\":\"/data/password\"}]"},
		{SAME, "", "[{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":5}]"},
		{SAME, "",
			"[{\"op\":\"add\",\"path\":\"/metadata/labels/app\",\"value\":\"web\"}]"},
		{SAME, "",
			"[{\"op\":\"add\",\"path\":\"/spec/volumes/0/secret/"
			"secretName\",\"value\":\"db\"}]"},
	};

	CHECK_CASES(cases);
}
END_TEST

START_TEST(mask__names)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"password\":\"" S "\"}"},
		{GONE, "", "{\"p\\u0061ssword\":\"" S "\"}"},
		{GONE, "", "{\"DB_PASSWORD\":\"" S "\"}"},
		{GONE, "", "{\"dbPassword2\":\"" S "\"}"},
		{GONE, "", "{\"db-passwd\":\"" S "\"}"},
		{GONE, "", "{\"rootpw\":{\"x\":1},\"dbpwd\":\"" S "\"}"},
		{GONE, "", "{\"example.com/api-token\":\"" S "\"}"},
		{GONE, "", "{\"clientSecret\":\"" S "\"}"},
		{GONE, "", "{\"credentials\":{\"a\":[{\"b\":\"" S "\"}]}}"},
		{GONE, "", "{\"tokens\":[\"" S "\"]}"},
		{GONE, "", "{\"auths\":{\"reg\":{\"auth\":\"" S "\"}}}"},
		{GONE, "", "{\"spec\":{\"secretKey\":\"" S "\"}}"},
		{GONE, "", "{\"pin\":123456,\"token\":\"" S "\"}"},
		{GONE, "",
			"{\"contrase\xc3\xb1"
			"a\":\"" S "\"}"},
		{GONE, "", "{\".dockerconfigjson\":\"" S "\"}"},
		{GONE, "", "{\"tls.key\":\"" S "\"}"},
		{GONE, "", "{\"env\":[{\"name\":\"DB_PASS\",\"value\":\"" S "\"}]}"},
		{GONE, "", "{\"env\":[{\"value\":\"" S "\",\"name\":\"DB_PASS\"}]}"},
		{GONE, "",
			"{\"httpHeaders\":[{\"name\":\"Authorization\",\"value\":\"Bearer " S
			"\"}]}"},
		{GONE, "", "{\"httpHeaders\":[{\"name\":\"Cookie\",\"value\":\"sid=" S "\"}]}"},
		{GONE, "", "{\"params\":[{\"key\":\"api-key\",\"values\":[\"" S "\"]}]}"},
		{GONE, "", "{\"files\":[{\"path\":\"/root/.pgpass\",\"content\":\"" S "\"}]}"},
		{GONE, "", "{\"extra\":{\"scopes.example.com\":[\"" S "\"]}}"},
		{GONE, "",
			"{\"openAPIV3Schema\":{\"properties\":{\"password\":{\"type\":\"string\","
			"\"default\":\"" S "\"}}}}"},
		{GONE, "",
			"{\"metadata\":{\"managedFields\":[{\"fieldsV1\":{\"f:spec\":{\"f:tokens\":"
			"{\"v:\\\"" S "\\\"\":{}}}}}]}}"},
		{GONE, "",
			"{\"managedFields\":[{\"fieldsV1\":{\"k:{\\\"password\\\":\\\"" S
			"\\\"}\":{}}}]}"},
		{GONE, "",
			"{\"managedFields\":[{\"fieldsV1\":{\"k:{\\\"name\\\":\\\"x://u:" S
			"@h\\\"}\":{}}}]}"},
		{GONE, "",
			"{\"managedFields\":[{\"fieldsV1\":{\"f:ghp_"
			"0123456789abcdefghijklmnopqrstuvwxyz"
			"\":{}}}]}"},
		{SAME, "",
			"{\"managedFields\":[{\"fieldsV1\":{\"k:{\\\"containerPort\\\":80,"
			"\\\"protocol\\\":"
			"\\\"TCP\\\"}\":{\".\":{}},\"k:{\\\"name\\\":\\\"app\\\"}\":{\"f:env\":{}}}"
			"}]}"},
		{GONE, "", "{\"auth\":\"q8Zr2LmX9vTt4KcPw7hunter2secret\"}"},
		{SAME, "",
			"{\"secretName\":\"db\",\"tokenTTL\":\"1h\",\"passwordFile\":\"/run/pw\"}"},
		{SAME, "", "{\"max_tokens\":4096,\"automountServiceAccountToken\":true}"},
		{SAME, "",
			"{\"volumes\":[{\"name\":\"s\",\"secret\":{\"secretName\":\"db\",\"items\":"
			"[{\"key\":\"k\",\"path\":\"p\",\"mode\":256}],\"defaultMode\":420}}]}"},
		{SAME, "",
			"{\"env\":[{\"name\":\"DB_PASSWORD\",\"valueFrom\":{\"secretKeyRef\":{"
			"\"name\":"
			"\"db\",\"key\":\"password\"}}}]}"},
		{SAME, "", "{\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"$(OTHER_VAR)\"}]}"},
		{SAME, "",
			"{\"imagePullSecrets\":[{\"name\":\"regcred\"}],\"secrets\":[{\"name\":"
			"\"x\"}]}"},
		{SAME, "",
			"{\"sources\":[{\"serviceAccountToken\":{\"path\":\"token\","
			"\"expirationSeconds\":"
			"3607}}]}"},
		{SAME, "",
			"{\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\","
			"\"tokenreviews\"],"
			"\"verbs\":[\"get\"]}]}"},
		{SAME, "", "{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\"}"},
		{SAME, "",
			"{\"openAPIV3Schema\":{\"properties\":{\"password\":{\"type\":\"string\","
			"\"description\":\"The password of the user\"}}}}"},
		{SAME, "", "{\"password\":\"\",\"token\":null,\"secret\":false}"},
		{SAME, "",
			"{\"extra\":{\"authentication.kubernetes.io/"
			"credential-id\":[\"JTI=ea2e7260-255d-"
			"4362-afe4-38bd6d4993a2\"]}}"},
	};

	CHECK_CASES(cases);
}
END_TEST

START_TEST(mask__commands)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"args\":[\"--password\",\"" S "\"]}"},
		{GONE, "", "{\"args\":[\"--db-password=" S "\"]}"},
		{GONE, "", "{\"args\":[\"-token\",\"" S "\"]}"},
		{GONE, "", "{\"command\":[\"mysql\",\"-p" S "\"]}"},
		{GONE, "", "{\"command\":[\"mysql\",\"-p\",\"" S "\"]}"},
		{GONE, "", "{\"command\":[\"curl\",\"-u\",\"admin:" S "\",\"https://x\"]}"},
		{GONE, "", "{\"command\":[\"sh\",\"-c\",\"PGPASSWORD=" S " psql\"]}"},
		{GONE, "", "{\"command\":[\"sh\",\"-c\",\"export PGPASSWORD='" S "'; psql\"]}"},
		{GONE, "",
			"{\"command\":[\"sh\",\"-c\",\"mysql -u root -p" S " -e 'show tables'\"]}"},
		{GONE, "", "{\"command\":[\"sh\",\"-c\",\"curl -u admin:" S " https://x\"]}"},
		{GONE, "",
			"{\"command\":[\"sh\",\"-c\",\"curl -H \\\"Authorization: Bearer " S
			"\\\" https://x\"]}"},
		{GONE, "", "{\"command\":[\"sh\",\"-c\",\"vault login --token \\\"" S "\\\"\"]}"},
		{GONE, "", "{\"command\":[\"sh\",\"-c\",\"redis-cli -a " S " ping\"]}"},
		{GONE, "",
			"{\"lifecycle\":{\"postStart\":{\"exec\":{\"command\":[\"x\",\"--api-key\","
			"\"" S "\"]}}}}"},
		{GONE, "pods/exec",
			"{\"kind\":\"PodExecOptions\",\"command\":[\"login\",\"" S "\"]}"},
		{GONE, "", "{\"kind\":\"PodExecOptions\",\"command\":[\"login\",\"" S "\"]}"},
		{GONE, "pods/exec",
			"{\"command\":[\"sh\",\"-c\",\"echo " S " | passwd --stdin root\"]}"},
		{GONE, "pods/exec",
			"{\"command\":[\"sh\",\"-c\",\"psql -c \\\"ALTER USER x PASSWORD '" S
			"'\\\"\"]}"},
		{GONE, "pods/exec", "{\"command\":[\"mysql\",\"-p" S "\"]}"},
		{GONE, "pods/exec", "{\"command\":[\"env\",\"X=" S "\",\"y\"]}"},
		{SAME, "pods/exec",
			"{\"command\":[\"sh\",\"-c\",\"cat /var/log/app.log | grep -i error\"]}"},
		{SAME, "pods/exec", "{\"command\":[\"tar\",\"-xmf\",\"-\",\"-C\",\"/tmp\"]}"},
		{SAME, "pods/exec", "{\"command\":[\"psql\",\"-c\",\"drop table orders\"]}"},
		{SAME, "pods/exec", "{\"command\":[\"/bin/bash\"]}"},
		{SAME, "",
			"{\"args\":[\"--leader-elect\",\"--v=2\",\"--token-ttl=1h\",\"--port="
			"8080\"]}"},
		{SAME, "", "{\"command\":[\"mkdir\",\"-p\",\"/data/x1\"]}"},
	};

	CHECK_CASES(cases);
}
END_TEST

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
		"/api/v1/namespaces/x/pods/y/"
		"exec?command=ls&command=-la&command=%2Ftmp&container=c",
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

/* ---- marks, keys ---- */

static void mask_json(struct masker *m, const char *json, struct buf *out)
{
	struct mask_result r;
	struct json_doc d;

	arena_reset(arena);
	buf_reset(out);
	read_doc(span_of(json), arena, &d);
	mask_object(m, &d, JSON_ROOT, (struct mask_target){0}, arena, out, &r);
	ck_assert_ptr_nonnull(buf_str(out));
}

START_TEST(mask__marks)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
	uint8_t mac[SHA256_LEN];
	char want[128];

	hmac_sha256(MASK_TEST_KEY, strlen(MASK_TEST_KEY), S, strlen(S), mac);
	snprintf(want, sizeof(want),
		"{\"token\":\"[masked hmac-sha256:%02x%02x%02x%02x%02x%02x%02x%02x len:13]\"}",
		mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], mac[6], mac[7]);
	mask_json(masker, "{\"token\":\"" S "\"}", &out);
	ck_assert_str_eq(buf_str(&out), want);
	/* However it is spelled, the same value has the same mark. */
	mask_json(masker, "{\"token\":\"h\\u0075nter2secret\"}", &out);
	ck_assert_str_eq(buf_str(&out), want);
	/* Masking what is masked changes nothing. */
	mask_json(masker, want, &out);
	ck_assert_str_eq(buf_str(&out), want);
}
END_TEST

START_TEST(mask__data_and_string_data_have_one_pseudonym)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
	const char *first, *second;

	mask_json(masker,
		"{\"kind\":\"Secret\",\"data\":{\"k\":\"" B64 "\"},\"stringData\":{\"k\":\"" S
		"\"}}",
		&out);
	first = strstr(buf_str(&out), "[masked");
	second = strstr(first + 1, "[masked");
	ck_assert_ptr_nonnull(second);
	ck_assert_int_eq(strncmp(first, second, 40), 0);
}
END_TEST

START_TEST(mask__numbers_and_objects_become_strings)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
	struct json_doc d;

	mask_json(masker, "{\"pin\":123456,\"n\":{\"kind\":\"Secret\",\"data\":[1]}}", &out);
	read_doc(buf_span(&out), arena, &d);
	ck_assert_int_eq(json_type(&d, json_get_str(&d, JSON_ROOT, "pin")), JSON_STRING);
	/* … in a string with their quotes escaped */
	mask_json(masker, "{\"x\":\"{\\\"a\\\":\\\"{\\\\\\\"pin\\\\\\\":123456}\\\"}\"}", &out);
	read_doc(buf_span(&out), arena, &d);
	ck_assert_ptr_null(strstr(buf_str(&out), "123456"));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "\\\\\\\"[masked"));
}
END_TEST

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

START_TEST(mask__keys_rotate)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20), both = BUF_INIT(1 << 20);
	struct masker *old = new_masker("k1: " KEY_A "\n", NULL);
	struct masker *new = new_masker("# newest first\n\nk2: " KEY_B "\nk1: " KEY_A "\n", NULL);
	char mark[128];

	mask_json(old, "\"Bearer " S "12345678\"", &out);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "[masked hmac-sha256:k1:"));
	snprintf(mark, sizeof(mark), "%s", strstr(buf_str(&out), "[masked"));
	*(strchr(mark, ']') + 1) = '\0';
	mask_json(new, "\"Bearer " S "12345678\"", &out);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "[masked hmac-sha256:k2:"));
	/* The old mark is found again under the old key. */
	mask_put_pseudonyms(new, SPAN(S "12345678"), &both);
	ck_assert_ptr_nonnull(strstr(buf_str(&both), mark));
	ck_assert_int_eq(strncmp(buf_str(&both), "[masked hmac-sha256:k2:", 23), 0);
	masker_free(old);
	masker_free(new);
}
END_TEST

START_TEST(mask__bad_key_files)
{
	static const struct {
		const char *text, *says;
	} cases[] = {{"short", "32 to 1024 bytes"}, {"k1: " KEY_A "\nk1: " KEY_B "\n", "twice"},
		{"k1: zz", "neither hex nor base64"}, {"k1: abcd", "32 to 1024 bytes"},
		{"k1: " KEY_A "\nK 2: " KEY_B "\n", "key id"}, {"k1: " KEY_A "\nfoo\n", "line 2"}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char path[] = "/tmp/holdpoint-mask-key.XXXXXX";
		struct masker *m = NULL;
		struct err e;

		put_file(path, cases[i].text);
		ck_assert_int_eq(masker_new(path, NULL, &m, &e), -1);
		ck_assert_ptr_null(m);
		ck_assert_msg(strstr(e.msg, cases[i].says) && strstr(e.msg, path), "%s", e.msg);
		unlink(path);
	}
}
END_TEST

START_TEST(mask__random_key_differs)
{
	_cleanup_(buf_free) struct buf a = BUF_INIT(1 << 20), b = BUF_INIT(1 << 20);
	struct masker *m = NULL, *n = NULL;
	struct err e;

	ck_assert_int_eq(masker_new(NULL, NULL, &m, &e), 0);
	ck_assert_int_eq(masker_new(NULL, NULL, &n, &e), 0);
	mask_json(m, "{\"token\":\"" S "\"}", &a);
	mask_json(n, "{\"token\":\"" S "\"}", &b);
	ck_assert_str_ne(buf_str(&a), buf_str(&b));
	masker_free(m);
	masker_free(n);
}
END_TEST

/* ---- bounds ---- */

static void expect_whole(const char *json, const char *gone)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(64 << 20);
	struct mask_result r;
	struct json_doc d;

	ck_assert_ptr_nonnull(strstr(json, gone));
	arena_reset(arena);
	read_doc(span_of(json), arena, &d);
	mask_object(masker, &d, JSON_ROOT, (struct mask_target){0}, arena, &out, &r);
	ck_assert(r.whole);
	ck_assert_ptr_null(secret_found(buf_span(&out), span_of(gone)));
	read_doc(buf_span(&out), arena, &d);
}

START_TEST(mask__too_deep_is_masked_whole)
{
	_cleanup_(buf_free) struct buf deep = BUF_INIT(1 << 20);

	for (int i = 0; i < 9000; i++)
		buf_add_str(&deep, i % 2 ? "[" : "{\"a\":");
	buf_add_str(&deep, "\"" S "\"");
	for (int i = 9000; i-- > 0;)
		buf_add_str(&deep, i % 2 ? "]" : "}");
	expect_whole(buf_str(&deep), S);
}
END_TEST

static void put_base64_of(struct buf *out, struct span in)
{
	base64_put(out, in.ptr, in.len);
}

START_TEST(mask__too_many_layers_are_masked_whole)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 20), json = BUF_INIT(1 << 20);
	char begin[40];

	buf_add_str(&text, "password=" S " and more");
	for (int i = 0; i < 12; i++) {
		_cleanup_(buf_free) struct buf next = BUF_INIT(1 << 20);

		put_base64_of(&next, buf_span(&text));
		buf_reset(&text);
		buf_add_span(&text, buf_span(&next));
	}
	buf_printf(&json, "{\"x\":\"%s\"}", buf_str(&text));
	snprintf(begin, sizeof(begin), "%s", buf_str(&text));
	expect_whole(buf_str(&json), begin);
}
END_TEST

/* 100 MB of zeros in 100 KB of gzip: its beginning, and nothing of the rest, is looked at. */
START_TEST(mask__gzip_bombs_are_masked_whole)
{
	_cleanup_(buf_free) struct buf json = BUF_INIT(1 << 20);
	_cleanup_(freep) char *zeros = calloc(1, 1 << 20);
	z_stream z = {0};
	char *packed = malloc(1 << 20);

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = (Bytef *)packed;
	z.avail_out = 1 << 20;
	for (int i = 0; i < 100; i++) {
		z.next_in = (Bytef *)zeros;
		z.avail_in = 1 << 20;
		ck_assert_int_eq(
			deflate(&z, i < 99 ? Z_NO_FLUSH : Z_FINISH), i < 99 ? Z_OK : Z_STREAM_END);
	}
	deflateEnd(&z);
	buf_add_str(&json, "{\"x\":\"");
	put_base64_of(&json, (struct span){packed, z.total_out});
	buf_add_str(&json, "\"}");
	expect_whole(buf_str(&json), "H4sI");
	free(packed);
}
END_TEST

/* Without room to work nothing passes: the whole object becomes one mark. */
START_TEST(mask__no_memory_masks_everything)
{
	_cleanup_(arena_freep) struct arena *all = arena_new(1 << 16, 1 << 20);
	static const char json[] =
		"{\"a\":\"x\\n\",\"password\":\"" S "\",\"b\":[\"y\\n\",\"z\\n\"]}";
	struct json_doc d;

	read_doc(SPAN(json), all, &d);
	for (size_t room = 0; room < 600; room += 8) {
		_cleanup_(arena_freep) struct arena *small = arena_new(16, 16 + room);
		_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
		struct mask_result r;
		struct json_doc masked;

		mask_object(masker, &d, JSON_ROOT, (struct mask_target){0}, small, &out, &r);
		ck_assert_ptr_nonnull(buf_str(&out));
		ck_assert_ptr_null(secret_found(buf_span(&out), SPAN(S)));
		read_doc(buf_span(&out), all, &masked);
	}
}
END_TEST

/* ---- explain, rules ---- */

static void collect(void *userdata, const char *rule, struct span pointer)
{
	buf_printf(userdata, "%s %.*s\n", rule, SPAN_FMT(pointer));
}

START_TEST(mask__explain_says_rule_and_place)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20), said = BUF_INIT(1 << 20);

	masker_set_explain(masker, collect, &said);
	mask_json(masker,
		"{\"a\":[{\"password\":\"" S "\"}],\"b\":\"{\\\"c\\\":{\\\"kind\\\":\\\"Secret\\\","
		"\\\"data\\\":{\\\"k\\\":\\\"" B64 "\\\"}}}\",\"d/e\":\"x://u:" S "@h\"}",
		&out);
	masker_set_explain(masker, NULL, NULL);
	ck_assert_str_eq(buf_str(&said), "field-name /a/0/password\n"
					 "secret-data /b#/c/data/k\n"
					 "text-userinfo /d~1e\n");
}
END_TEST

START_TEST(mask__counts_by_rule)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20), text = BUF_INIT(1 << 20);
	struct metric *const *tables;
	int64_t before;
	size_t n;

	tables = mask_metrics(&n);
	ck_assert_uint_eq(n, 1);
	metrics_put(&text, tables, n);
	ck_assert_ptr_nonnull(
		strstr(buf_str(&text), "holdpoint_mask_values_total{rule=\"secret-data\"}"));
	ck_assert_ptr_null(strstr(buf_str(&text), "none"));
	before = tables[0][0].value[0];
	mask_json(masker, SECRET, &out);
	ck_assert_int_eq(tables[0][0].value[0], before + 1);
}
END_TEST

#define DOCS HOLDPOINT_SOURCE_DIR "/docs/masking.md"

/* The table in the documentation is the one in the code. HOLDPOINT_UPDATE_DOCS=1 writes it. */
START_TEST(mask__documentation_is_current)
{
	_cleanup_(buf_free) struct buf want = BUF_INIT(1 << 20), rules = BUF_INIT(1 << 20);
	struct span docs = get_file(DOCS);
	const char *begin = strstr(docs.ptr, "<!-- rules: begin");
	const char *end = strstr(docs.ptr, "<!-- rules: end -->");

	ck_assert(begin && end);
	begin = strchr(begin, '\n') + 1;
	mask_put_rules_markdown(&rules);
	buf_add(&want, docs.ptr, (size_t)(begin - docs.ptr));
	buf_add_span(&want, buf_span(&rules));
	buf_add_str(&want, end);
	if (getenv("HOLDPOINT_UPDATE_DOCS")) {
		FILE *f = fopen(DOCS, "we");

		ck_assert(f && fwrite(want.ptr, 1, want.len, f) == want.len);
		fclose(f);
	} else {
		ck_assert_msg(
			span_eq(buf_span(&want), docs), "run HOLDPOINT_UPDATE_DOCS=1 test_mask");
	}
	free((char *)docs.ptr);
}
END_TEST

/* ---- configuration ---- */

static const char config[] =
	"names: [\"*_licence\", acme-*]\n"
	"keep: [tokenizer, \"*-token-review\"]\n"
	"paths:\n"
	"- {group: example.com, resource: backups, path: /spec/target/material}\n"
	"- {kind: Backup, path: \"/spec/targets/*/where\"}\n"
	"- {resource: widgets, path: \"/**/inner\"}\n"
	"tokens:\n"
	"- {prefix: acme_, min_length: 20}\n"
	"exec_words: program-only\n";

START_TEST(mask__own_rules)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"site_licence\":\"" S "\"}"},
		{GONE, "", "{\"ACME-thing\":\"" S "\"}"},
		{GONE, "",
			"{\"kind\":\"Backup\",\"apiVersion\":\"example.com/"
			"v1\",\"spec\":{\"target\":"
			"{\"material\":\"" S "\"}}}"},
		{GONE, "", "{\"kind\":\"Backup\",\"spec\":{\"targets\":[{\"where\":\"" S "\"}]}}"},
		{GONE, "",
			"{\"kind\":\"List\",\"items\":[{\"kind\":\"Backup\",\"spec\":{\"targets\":"
			"[{\"where\":{\"a\":\"" S "\"}}]}}]}"},
		{GONE, "",
			"{\"x\":\"{\\\"kind\\\":\\\"Backup\\\",\\\"spec\\\":{\\\"targets\\\":[{"
			"\\\"where"
			"\\\":\\\"" S "\\\"}]}}\"}"},
		{GONE, "widgets", "{\"spec\":{\"a\":[{\"inner\":\"" S "\"}]}}"},
		{GONE, "widgets", "{\"items\":[{\"spec\":{\"inner\":\"" S "\"}}]}"},
		{GONE, "", "{\"x\":\"see acme_" S "0123\"}"},
		{GONE, "pods/exec", "{\"command\":[\"ls\",\"" S "\"]}"},
		{SAME, "", "{\"tokenizer\":\"standard\",\"a-token-review\":\"x\"}"},
		{SAME, "", "{\"kind\":\"Other\",\"spec\":{\"targets\":[{\"where\":\"x\"}]}}"},
		{SAME, "", "{\"x\":\"acme_short\"}"},
	};
	struct masker *usual = masker;

	masker = new_masker(MASK_TEST_KEY, config);
	CHECK_CASES(cases);
	masker_free(masker);
	masker = usual;
}
END_TEST

START_TEST(mask__bad_configuration)
{
	static const struct {
		const char *text, *says;
	} cases[] = {{"names: x\n", "line 1: expected a list"}, {"foo: []\n", "unknown field"},
		{"names: [\"*\"]\n", "matches everything"},
		{"paths: [{path: /x}]\n", "say resource or kind"},
		{"paths: [{kind: X}]\n", "path is missing"},
		{"paths: [{kind: X, path: x}]\n", "begins with '/'"},
		{"paths: [{kind: X, path: /x, y: z}]\n", "unknown field"},
		{"tokens: [{prefix: a}]\n", "two or more"},
		{"tokens: [{prefix: abc, min_length: -1}]\n", "min_length"},
		{"exec_words: maybe\n", "keep-plain or program-only"},
		{"names: [a]\nnames: [b]\n", "twice"}, {"names: [\n", "line"},
		{"- a\n", "expected fields"}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char path[] = "/tmp/holdpoint-mask-config.XXXXXX";
		struct masker *m = NULL;
		struct err e;

		put_file(path, cases[i].text);
		ck_assert_int_eq(masker_new(NULL, path, &m, &e), -1);
		ck_assert_msg(strstr(e.msg, cases[i].says) && strstr(e.msg, path), "%s", e.msg);
		unlink(path);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, mask__secret_bodies);
	tcase_add_test(tc, mask__secret_lists_and_tables);
	tcase_add_test(tc, mask__patches);
	tcase_add_test(tc, mask__names);
	tcase_add_test(tc, mask__commands);
	tcase_add_test(tc, mask__texts);
	tcase_add_test(tc, mask__texts_in_texts);
	tcase_add_test(tc, mask__events);
	tcase_add_test(tc, mask__uris_that_stay);
	tcase_add_test(tc, mask__marks);
	tcase_add_test(tc, mask__data_and_string_data_have_one_pseudonym);
	tcase_add_test(tc, mask__numbers_and_objects_become_strings);
	tcase_add_test(tc, mask__keys_rotate);
	tcase_add_test(tc, mask__bad_key_files);
	tcase_add_test(tc, mask__random_key_differs);
	tcase_add_test(tc, mask__too_deep_is_masked_whole);
	tcase_add_test(tc, mask__too_many_layers_are_masked_whole);
	tcase_add_test(tc, mask__gzip_bombs_are_masked_whole);
	tcase_add_test(tc, mask__no_memory_masks_everything);
	tcase_add_test(tc, mask__explain_says_rule_and_place);
	tcase_add_test(tc, mask__counts_by_rule);
	tcase_add_test(tc, mask__documentation_is_current);
	tcase_add_test(tc, mask__own_rules);
	tcase_add_test(tc, mask__bad_configuration);
	return run_tests(tc);
}

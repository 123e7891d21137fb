/* SPDX-License-Identifier: Apache-2.0 */
/* Where secrets hide in objects, one case a place. */
#include "support/run_tests.h"
#include "unit/mask_cases.h"

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
			"[{\"op\":\"add\",\"path\":\"/spec/containers/0/args/1\",\"value\":\"" S
			"\"}]"},
		{SAME, "", "[{\"op\":\"add\",\"path\":\"/spec/x/1\",\"value\":\"release7notes\"}]"},
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

int main(void)
{
	TCase *tc = tcase_create("mask");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, mask__secret_bodies);
	tcase_add_test(tc, mask__secret_lists_and_tables);
	tcase_add_test(tc, mask__patches);
	tcase_add_test(tc, mask__names);
	tcase_add_test(tc, mask__commands);
	return run_tests(tc);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* More places where secrets hide: what an attacker, or a tool, would think of next. */
#include "support/run_tests.h"
#include "unit/mask_cases.h"

/* Which program a one-letter option is for may stand in `command` or `image` beside `args`. */
START_TEST(mask_hiding__programs_named_beside_their_arguments)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"args\":[\"-p\","
			"\"hunter2secret\"],\"command\":[\"mysql\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"mysql\"],"
			"\"args\":[\"-u\",\"root\",\"-phunter2secret\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"docker.io/"
			"library/mysql:8\",\"args\":[\"-h\",\"db\",\"-phunter2secret\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"mariadb@sha256:"
			"00\",\"args\":[\"-p\",\"hunter2secret\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"redis-cli\"],"
			"\"args\":[\"-a\",\"hunter2secret\",\"ping\"]}]}}"},
		{SAME, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"mkdir\"],"
			"\"args\":[\"-p\",\"/data/x1\"]}]}}"},
		{SAME, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"acme/"
			"login-service:1\",\"args\":[\"-p\",\"8080\",\"-port=80\"]}]}}"},
		{SAME, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"mysql-exporter-"
			"of-acme/web\",\"args\":[\"-p\",\"8080\"]}]}}"},
		{SAME, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"mysql:8\","
			"\"args\":[\"-v\"]},{\"image\":\"web\",\"args\":[\"-p\",\"8080\"]}]}}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* A user and a password in one word. */
START_TEST(mask_hiding__users_with_their_password)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"curl\",\"--"
			"user\",\"u:hunter2secret\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"curl\",\"--"
			"user=u:hunter2secret\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"curl\",\"-U\","
			"\"u:hunter2secret\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"sh\",\"-c\","
			"\"curl --user u:hunter2secret https://h\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"sh\",\"-c\","
			"\"curl --proxy-user 'u:hunter2secret' https://h\"]}]}}"},
		{SAME, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"chown\",\"--"
			"user\",\"x\"]}]}}"},
		{SAME, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"docker\","
			"\"run\",\"--user\",\"1000:1000\",\"x\"]}]}}"},
		{SAME, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"docker\","
			"\"run\",\"-u\",\"1000:1000\",\"x\"]}]}}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* kubectl's own way to make a Secret. */
START_TEST(mask_hiding__literals_of_secrets)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"kubectl\","
			"\"create\",\"secret\",\"generic\",\"x\",\"--from-literal=k="
			"hunter2secret\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"kubectl\","
			"\"create\",\"secret\",\"generic\",\"x\",\"--from-literal\",\"k="
			"hunter2secret\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"sh\",\"-c\","
			"\"kubectl create secret generic x --from-literal=k=hunter2secret\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"sh\",\"-c\","
			"\"echo hunter2secret | docker login -u x --password-stdin\"]}]}}"},
		{GONE, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"sh\",\"-c\","
			"\"printf '%s' hunter2secret|helm registry login --password-stdin "
			"h\"]}]}}"},
		{SAME, "",
			"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"command\":[\"sh\",\"-c\","
			"\"cat /run/x | docker login -u x --password-stdin\"]}]}}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* What the API server says of a value that it refuses. */
START_TEST(mask_hiding__validation_errors_quote_values)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"message\":\"X \\\"n\\\" is invalid: spec.password: Invalid value: "
			"\\\"hunter2secret\\\": too short\"}"},
		{GONE, "",
			"{\"message\":\"X \\\"n\\\" is invalid: spec.token: Unsupported value: "
			"\\\"hunter2secret\\\": supported values: \\\"a\\\"\"}"},
		{GONE, "",
			"{\"message\":\"X \\\"n\\\" is invalid: spec.apiKeys[0]: Duplicate value: "
			"\\\"hunter2secret\\\"\"}"},
		{GONE, "",
			"{\"message\":\"X \\\"n\\\" is invalid: [spec.name: Invalid value: "
			"\\\"a\\\": b, spec.password: Invalid value: \\\"hunter2secret\\\": c]\"}"},
		{GONE, "",
			"{\"message\":\"login of \\\"x\\\" failed: password: hunter2secret "
			"\\\"quoted\\\" refused\"}"},
		{GONE, "", "{\"message\":\"spec.db.password: Not found: \\\"hunter2secret\\\"\"}"},
		{SAME, "",
			"{\"message\":\"Pod \\\"web\\\" is invalid: spec.containers[0].name: "
			"Duplicate value: \\\"app\\\"\"}"},
		{SAME, "",
			"{\"message\":\"Service \\\"web\\\" is invalid: spec.type: Unsupported "
			"value: \\\"x\\\": supported values: \\\"ClusterIP\\\"\"}"},
		{SAME, "",
			"{\"message\":\"pods \\\"web\\\" is forbidden: exceeded quota: q, "
			"requested: pods=1\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* Custom resources named after the Secret that they make. */
START_TEST(mask_hiding__resources_that_make_secrets)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"kind\":\"ExternalSecret\",\"spec\":{\"target\":{\"template\":{\"data\":"
			"{\"k\":\"pw hunter2secret\"}}}}}"},
		{GONE, "",
			"{\"kind\":\"PushSecret\",\"spec\":{\"template\":{\"data\":{\"k\":"
			"\"hunter2secret\"}}}}"},
		{GONE, "",
			"{\"kind\":\"SealedSecret\",\"spec\":{\"template\":{\"data\":{\"k\":"
			"\"hunter2secret\"}}}}"},
		{GONE, "",
			"{\"kind\":\"SopsSecret\",\"spec\":{\"secretTemplates\":[{\"name\":\"x\","
			"\"data\":{\"k\":\"hunter2secret\"}}]}}"},
		{SAME, "",
			"{\"kind\":\"ExternalSecret\",\"spec\":{\"data\":[{\"secretKey\":\"x\","
			"\"remoteRef\":{\"key\":\"prod/"
			"db\",\"property\":\"p\"}}],\"secretStoreRef\":{\"name\":\"s\",\"kind\":"
			"\"SecretStore\"}}}"},
		{SAME, "",
			"{\"kind\":\"SealedSecret\",\"spec\":{\"encryptedData\":{\"x\":"
			"\"AgBy3i4OJSWK\"}}}"},
		{SAME, "",
			"{\"kind\":\"Certificate\",\"spec\":{\"secretName\":\"tls\","
			"\"secretTemplate\":{\"labels\":{\"a\":\"b\"}},\"privateKey\":{"
			"\"algorithm\":\"RSA\",\"size\":2048,\"rotationPolicy\":\"Always\"}}}"},
		{SAME, "",
			"{\"kind\":\"Issuer\",\"spec\":{\"acme\":{\"privateKeySecretRef\":{"
			"\"name\":\"x\"},\"server\":\"https://acme.example.com/directory\"}}}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* A token that a terminal or an editor broke. */
START_TEST(mask_hiding__tokens_in_pieces)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"x\":\"eyJhbGciOiJSUzI1NiJ9 eyJpc3MiOiJrdWJlcm5ldGVzIn0 "
			"c2lnbmF0dXJlLWJ5dGVz\"}"},
		{GONE, "",
			"{\"x\":\"eyJhbGciOiJSUzI1NiJ9.\\neyJpc3MiOiJrdWJlcm5ldGVzIn0."
			"\\nc2lnbmF0dXJlLWJ5dGVz\"}"},
		{GONE, "",
			"{\"x\":\"a: eyJhbGciOiJSUzI1NiJ9\\n  eyJpc3MiOiJrdWJlcm5ldGVzIn0\\n  "
			"c2lnbmF0dXJlLWJ5dGVz\\nb: c\"}"},
		{GONE, "",
			"{\"x\":"
			"\"eyJhbGciOiJSUzI1NiJ9\\\\neyJpc3MiOiJrdWJlcm5ldGVzIn0\\\\nc2lnbmF0dXJlLWJ"
			"5dGVz\"}"},
		{GONE, "",
			"{\"x\":\"token eyJhbGciOiJSUzI1NiJ9. eyJpc3MiOiJrdWJlcm5ldGVzIn0. "
			"c2lnbmF0dXJlLWJ5dGVz end\"}"},
		{SAME, "", "{\"x\":\"eyJhbGciOiJSUzI1NiJ9\"}"},
		{SAME, "", "{\"x\":\"see eyJhbGciOiJSUzI1NiJ9 and so on\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* Private keys that are not PEM. */
START_TEST(mask_hiding__keys_of_other_tools)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"x\":\"PuTTY-User-Key-File-3: ssh-ed25519\\nPrivate-Lines: "
			"1\\nhunter2secret\\nPrivate-MAC: 0\\n\"}"},
		{GONE, "",
			"{\"x\":\"-----BEGIN PGP PRIVATE KEY BLOCK-----\\nhunter2secret\\n-----END "
			"PGP PRIVATE KEY BLOCK-----\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* Names and values as other languages write them. */
START_TEST(mask_hiding__text_formats)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"password = "
			"\\\"\\\"\\\"\\nhunter2secret\\\"\\\"\\\"\\n\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"password = "
			"'''hunter2secret'''\\nx = 1\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"spring.datasource.password "
			"hunter2secret\\nx y\\n\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"define('DB_PASSWORD', "
			"'hunter2secret');\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"System.setProperty(\\\"db."
			"password\\\", \\\"hunter2secret\\\");\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"put(\\\"apiKey\\\", "
			"\\\"hunter2secret\\\")\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"jdbc:oracle:thin:scott/"
			"hunter2secret@//h:1521/x\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"{\\\"a\\\":\\\"https:\\\\/\\\\/"
			"user:hunter2secret@h/\\\", x\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"CONFIG="
			"ZGI6CiAgcGFzc3dvcmQ6IGh1bnRlcjJzZWNyZXQ=\\nA=b\\n\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"config: "
			"eyJ0b2tlbiI6ICJodW50ZXIyc2VjcmV0In0=\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":"
			"\"0x70617373776f72643d68756e74657232736563726574\"}}"},
		{GONE, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":"
			"\"\\\\x70617373776f72643d68756e74657232736563726574\"}}"},
		{SAME, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"required: [\\\"password\\\", "
			"\\\"username\\\"]\"}}"},
		{SAME, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"print(\\\"password\\\", x)\"}}"},
		{SAME, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"jdbc:oracle:thin:@//h:1521/"
			"x\"}}"},
		{SAME, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"CONFIG="
			"registryexamplecomcheckoutversion\\n\"}}"},
		{SAME, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":\"ID=59977105-6e0d-40e7-b81c-"
			"b55406b06bed\"}}"},
		{SAME, "",
			"{\"kind\":\"ConfigMap\",\"data\":{\"x\":"
			"\"0x0000000000000000000000000000000000000000\"}}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* Passwords that nobody escaped, and hooks that are passwords. */
START_TEST(mask_hiding__urls)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"u\":\"postgres://u:a'hunter2secret@h/db\"}"},
		{GONE, "", "{\"u\":\"postgres://u:a^hunter2secret@h/db\"}"},
		{GONE, "", "{\"u\":\"postgres://u:a\\\"hunter2secret@h/db\"}"},
		{GONE, "", "{\"u\":\"see postgres://u:a|hunter2secret@h/db for it\"}"},
		{GONE, "",
			"{\"u\":\"https://acme.webhook.office.com/webhookb2/"
			"hunter2secrethunter2secrethunter2secret@x/IncomingWebhook/"
			"hunter2secret\"}"},
		{GONE, "",
			"{\"u\":\"https://api.telegram.org/"
			"bot123456789:hunter2secrethunter2secrethunter2secret/sendMessage\"}"},
		{SAME, "", "{\"u\":\"https://example.com:8443/x?y='a@b'\"}"},
		{SAME, "", "{\"u\":\"mail 'a@b' via https://example.com\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* Paths that the API server reads unescaped. */
START_TEST(mask_hiding__uris)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"requestURI\":\"/api/v1/namespaces/x/services/y/%70roxy/"
			"hunter2secret\"}"},
		{GONE, "",
			"{\"requestURI\":\"/%61pi/v1/namespaces/x/services/y/proxy/a/"
			"hunter2secret?b=c\"}"},
		{GONE, "",
			"{\"requestURI\":\"/api/v1/namespaces/x/services/y/"
			"%70roxy?limit=hunter2secret\"}"},
		{GONE, "",
			"{\"requestURI\":\"/api/v1/namespaces/x/pods/y/"
			"exec?c%6fmmand=PASS%3Dhunter2secret\"}"},
		{SAME, "", "{\"requestURI\":\"/api/v1/namespaces/x/configmaps/a%20b?limit=500\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* More names that say secret. */
START_TEST(mask_hiding__names)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"sessionid\":\"hunter2secret\"}"},
		{GONE, "", "{\"session_id2\":\"hunter2secret\"}"},
		{GONE, "", "{\"basicAuth\":\"hunter2secret\"}"},
		{GONE, "", "{\"aesKey\":\"hunter2secret\"}"},
		{GONE, "", "{\"heslo\":\"hunter2secret\"}"},
		{GONE, "", "{\"wachtwoord\":\"hunter2secret\"}"},
		{GONE, "", "{\"salasana\":\"hunter2secret\"}"},
		{GONE, "", "{\"hasło\":\"hunter2secret\"}"},
		{GONE, "", "{\"lösenord\":\"hunter2secret\"}"},
		{GONE, "", "{\"密码\":\"hunter2secret\"}"},
		{GONE, "", "{\"пароль\":\"hunter2secret\"}"},
		{GONE, "", "{\"sifre\":\"hunter2secret\"}"},
		{GONE, "", "{\"adgangskode\":\"hunter2secret\"}"},
		{SAME, "", "{\"sessionAffinity\":\"x\"}"},
		{SAME, "", "{\"keyboard\":\"x\"}"},
		{SAME, "", "{\"passenger\":\"x\"}"},
		{SAME, "", "{\"compass\":\"x\"}"},
		{SAME, "", "{\"tokenizer_config_name\":\"x\"}"},
		{SAME, "", "{\"cookiecutterVersion\":\"x\"}"},
		{SAME, "", "{\"haslocation\":\"x\"}"},
		{SAME, "", "{\"ifrequest\":\"x\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, mask_hiding__programs_named_beside_their_arguments);
	tcase_add_test(tc, mask_hiding__users_with_their_password);
	tcase_add_test(tc, mask_hiding__literals_of_secrets);
	tcase_add_test(tc, mask_hiding__validation_errors_quote_values);
	tcase_add_test(tc, mask_hiding__resources_that_make_secrets);
	tcase_add_test(tc, mask_hiding__tokens_in_pieces);
	tcase_add_test(tc, mask_hiding__keys_of_other_tools);
	tcase_add_test(tc, mask_hiding__text_formats);
	tcase_add_test(tc, mask_hiding__urls);
	tcase_add_test(tc, mask_hiding__uris);
	tcase_add_test(tc, mask_hiding__names);
	return run_tests(tc);
}

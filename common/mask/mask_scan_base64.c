/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 in the middle of a text, told by how it begins or by what stands before it: what it
 * decodes to is looked into. */
#include "common/mask/mask_layers_internal.h"
#include "common/mask/mask_scan_internal.h"

/* The length of the run of base64 from here on, which is walked once. */
static size_t base64_run_len(struct scan *s)
{
	if (s->at >= s->base64_end) {
		s->base64_end = s->at + mask_tail_len(scan_at(s), scan_end(s), TAIL_BASE64);
		s->base64_tried = 0;
	}
	return s->base64_end - s->at;
}

/* Was the same beginning, cut the same way, looked into already from further ahead in this run? It
 * holds nothing new then, and is not decoded once for each place in it. */
static bool base64_is_known(struct scan *s, size_t len, size_t beginning)
{
	uint32_t bit = 1u << (len % 4 + 4 * beginning);
	bool known = s->base64_tried & bit;

	s->base64_tried |= bit;
	return known;
}

/* Decodes a run; the scan goes on behind it when there was something in it. */
static int look_into(struct scan *s, size_t off, size_t len)
{
	size_t count = s->f->edit_count;

	if (mask_base64_run(s->f, off, len) < 0)
		return -1;
	if (s->f->edit_count > count)
		s->at = off + len;
	return 0;
}

/* Base64 of "{"…, of "---" (PEM), of gzip, of base64 of "{", of private keys without their
 * head, in the middle of a text. */
int scan_base64(struct scan *s)
{
	static const struct span beginnings[] = {SPAN("eyJ"), SPAN("eyA"), SPAN("LS0t"),
		SPAN("H4sI"), SPAN("ZXlK"), SPAN("b3BlbnNzaC1r"), SPAN("MII"), SPAN("MHc")};
	const char *p = scan_at(s), *end = scan_end(s);
	size_t n, off = s->at, i = 0;

	while (i < ARRAY_LEN(beginnings) && !begins(p, end, beginnings[i]))
		i++;
	if (i == ARRAY_LEN(beginnings))
		return 0;
	n = base64_run_len(s);
	if (begins(p, end, SPAN("eyJ")) && p + n < end && p[n] == '.') {
		if (n >= 10 && mask_tail_len(p + n + 1, end, TAIL_BASE64) >= 4)
			return masked(s, off, mask_wrapped_jwt_len(p, end), RULE_TEXT_JWT);
	}
	if (n >= 10 && mask_broken_jwt_len(p, end, n) > 0)
		return masked(s, off, mask_broken_jwt_len(p, end, n), RULE_TEXT_JWT);
	if (n < 20 || base64_is_known(s, n, i))
		return 0;
	return look_into(s, off, n);
}

/* b64decode("…"), atob('…'), FromBase64String("…"): s->at is the bracket. */
int scan_decoder(struct scan *s)
{
	const char *text = s->f->text.ptr, *p = scan_at(s);
	size_t off = s->at + 2, n;

	if (!mask_is_decoder(text + s->begin, p))
		return 0;
	n = mask_tail_len(text + off, scan_end(s), TAIL_BASE64);
	if (n < 16)
		return 0;
	return look_into(s, off, n);
}

bool mask_is_decoder(const char *begin, const char *p)
{
	static const struct span names[] = {SPAN("b64decode"), SPAN("base64_decode"), SPAN("atob"),
		SPAN("frombase64string"), SPAN("decode64"), SPAN("from_base64"),
		SPAN("decodestring"), SPAN("urlsafe_b64decode"), SPAN("base64decode"),
		SPAN("decodebase64"), SPAN("b64dec"), SPAN("un_base64"), SPAN("unbase64")};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if ((size_t)(p - begin) >= names[i].len &&
			strncasecmp(p - names[i].len, names[i].ptr, names[i].len) == 0)
			return true;
	}
	return false;
}

int scan_data_uri(struct scan *s)
{
	size_t off = s->at + 8, n;

	if (!begins(scan_at(s), scan_end(s), SPAN(";base64,")))
		return 0;
	n = mask_tail_len(s->f->text.ptr + off, scan_end(s), TAIL_BASE64);
	if (n == 0)
		return 0;
	return look_into(s, off, n);
}

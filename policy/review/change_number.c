/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of JSON by value, however they are written. */
#include "policy/review/change.h"

/* Splits a number into its digits without zeros around them and a power of ten. */
struct decimal {
	bool negative;
	bool huge; /* the exponent does not fit */
	const char *digits;
	size_t len;  /* bytes from the first digit that counts to the last, the point included */
	int64_t exp; /* of the last digit that counts */
};

static int exponent_of(const char *p, const char *end, int64_t *ret)
{
	bool negative = false;
	int64_t v = 0;

	if (p < end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	for (; p < end; p++) {
		if (v > INT64_MAX / 100)
			return -1;
		v = v * 10 + (*p - '0');
	}
	*ret = negative ? -v : v;
	return 0;
}

static struct decimal decimal_of(struct span text)
{
	const char *p = text.ptr, *end = text.ptr + text.len, *mantissa_end, *point = NULL;
	struct decimal d = {0};

	if (p < end && *p == '-') {
		d.negative = true;
		p++;
	}
	for (mantissa_end = p; mantissa_end < end && (*mantissa_end | 0x20) != 'e'; mantissa_end++)
		if (*mantissa_end == '.')
			point = mantissa_end;
	if (mantissa_end < end && exponent_of(mantissa_end + 1, end, &d.exp) != 0)
		d.huge = true;
	d.exp -= point ? mantissa_end - point - 1 : 0;
	while (p < mantissa_end && (*p == '0' || *p == '.'))
		p++;
	while (mantissa_end > p && (mantissa_end[-1] == '0' || mantissa_end[-1] == '.')) {
		d.exp += *--mantissa_end == '0';
	}
	d.digits = p;
	d.len = (size_t)(mantissa_end - p);
	if (d.len == 0)
		d = (struct decimal){.digits = "0", .len = 1};
	return d;
}

void change_put_number(struct buf *out, struct span text)
{
	struct decimal d = decimal_of(text);

	if (d.huge) {
		buf_add_span(out, text);
		return;
	}
	if (d.negative)
		buf_add_char(out, '-');
	for (size_t i = 0; i < d.len; i++)
		if (d.digits[i] != '.')
			buf_add_char(out, d.digits[i]);
	buf_printf(out, "e%lld", (long long)d.exp);
}

bool change_numbers_equal(struct span a, struct span b)
{
	struct decimal x = decimal_of(a), y = decimal_of(b);
	size_t i = 0, j = 0;

	if (x.huge || y.huge)
		return span_eq(a, b);
	if (x.negative != y.negative || x.exp != y.exp)
		return false;
	for (;;) {
		if (i < x.len && x.digits[i] == '.')
			i++;
		if (j < y.len && y.digits[j] == '.')
			j++;
		if (i == x.len || j == y.len)
			return i == x.len && j == y.len;
		if (x.digits[i++] != y.digits[j++])
			return false;
	}
}

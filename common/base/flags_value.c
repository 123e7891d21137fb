/* SPDX-License-Identifier: Apache-2.0 */
/* Go durations and sizes with a suffix, read and written: the values of flags. */
#include "common/base/flags_value.h"

#include <stdio.h>

static const struct unit {
	const char *name;
	uint64_t nanoseconds;
} duration_units[] = {
	/* longest first where one begins like another */
	{"ns", 1}, {"us", 1000}, {"µs", 1000}, {"ms", 1000000}, {"s", 1000000000},
	{"m", 60000000000}, {"h", 3600000000000},
	{"d", 86400000000000}, /* not in Go, but what people write for retention and searches */
};

static const struct suffix {
	const char *name;
	int64_t factor;
} size_suffixes[] = {
	{"Ti", INT64_C(1) << 40},
	{"Gi", INT64_C(1) << 30},
	{"Mi", INT64_C(1) << 20},
	{"Ki", INT64_C(1) << 10},
	{"T", INT64_C(1000000000000)},
	{"G", INT64_C(1000000000)},
	{"M", INT64_C(1000000)},
	{"k", INT64_C(1000)},
	{"", 1},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "12.5": whole part and millionths. Returns the bytes read, 0 if there is no number. */
static size_t read_decimal(struct span s, uint64_t *ret_whole, uint64_t *ret_millionths)
{
	uint64_t whole = 0, fraction = 0, scale = 1000000;
	size_t i = 0, digits = 0;

	for (; i < s.len && is_digit(s.ptr[i]); i++, digits++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, (uint64_t)(s.ptr[i] - '0'), &whole))
			return 0;
	if (i < s.len && s.ptr[i] == '.')
		for (i++; i < s.len && is_digit(s.ptr[i]); i++, digits++) {
			scale /= 10;
			fraction += scale * (uint64_t)(s.ptr[i] - '0');
		}
	*ret_whole = whole;
	*ret_millionths = fraction;
	return digits > 0 ? i : 0;
}

/* The longest unit that s begins with. */
static const struct unit *read_unit(struct span s)
{
	const struct unit *best = NULL;
	for (size_t i = 0; i < ARRAY_LEN(duration_units); i++) {
		size_t len = strlen(duration_units[i].name);
		if (len <= s.len && memcmp(s.ptr, duration_units[i].name, len) == 0 &&
			(!best || len > strlen(best->name)))
			best = &duration_units[i];
	}
	return best;
}

int duration_parse_ms(struct span s, int64_t *ret_ms)
{
	uint64_t total = 0;

	if (span_eq_str(s, "0")) {
		*ret_ms = 0;
		return 0;
	}
	if (s.len == 0)
		return -1;
	while (s.len > 0) {
		uint64_t whole, millionths, part;
		size_t n = read_decimal(s, &whole, &millionths);
		s = (struct span){s.ptr + n, s.len - n};
		const struct unit *u = n > 0 ? read_unit(s) : NULL;
		if (!u || __builtin_mul_overflow(whole, u->nanoseconds, &part) ||
			__builtin_add_overflow(total, part, &total))
			return -1;
		total += (uint64_t)((__uint128_t)millionths * u->nanoseconds / 1000000);
		s.ptr += strlen(u->name);
		s.len -= strlen(u->name);
	}
	if (total > INT64_MAX)
		return -1;
	*ret_ms = (int64_t)(total / 1000000);
	return 0;
}

int bytes_parse(struct span s, int64_t *ret)
{
	int64_t n = 0;
	size_t i = 0;

	for (; i < s.len && is_digit(s.ptr[i]); i++)
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, s.ptr[i] - '0', &n))
			return -1;
	if (i == 0)
		return -1;
	struct span suffix = {s.ptr + i, s.len - i};
	for (size_t k = 0; k < ARRAY_LEN(size_suffixes); k++) {
		if (!span_eq_str(suffix, size_suffixes[k].name))
			continue;
		if (__builtin_mul_overflow(n, size_suffixes[k].factor, &n))
			return -1;
		*ret = n;
		return 0;
	}
	return -1;
}

void duration_put(struct buf *out, int64_t ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} parts[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

	if (ms == 0)
		buf_add_str(out, "0s");
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (ms >= parts[i].ms)
			buf_printf(out, "%lld%s", (long long)(ms / parts[i].ms), parts[i].name);
		ms %= parts[i].ms;
	}
}

void bytes_put(struct buf *out, int64_t bytes)
{
	for (size_t i = 0; i < ARRAY_LEN(size_suffixes); i++) {
		const struct suffix *s = &size_suffixes[i];
		if (bytes == 0 || bytes % s->factor != 0)
			continue;
		buf_printf(out, "%lld%s", (long long)(bytes / s->factor), s->name);
		return;
	}
	buf_printf(out, "%lld", (long long)bytes);
}

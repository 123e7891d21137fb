/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order and hashes of single values: numbers across their types, strings by code point. Equality,
 * which looks into lists and maps, is compare.c.
 */
#include <math.h>
#include <pthread.h>
#include <sys/random.h>

#include "policy/cel/value_internal.h"

static int cmp_int(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int cmp_uint(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int cmp_double(double a, double b)
{
	return isnan(a) || isnan(b) ? CEL_UNORDERED : (a > b) - (a < b);
}

/* The reference compares what is within an int's range as doubles, so 2^63 equals the largest. */
static int cmp_int_double(int64_t a, double b)
{
	if (isnan(b))
		return CEL_UNORDERED;
	if (b < -0x1p63)
		return 1;
	if (b > 0x1p63)
		return -1;
	return cmp_double((double)a, b);
}

static int cmp_uint_double(uint64_t a, double b)
{
	if (isnan(b))
		return CEL_UNORDERED;
	if (b < 0)
		return 1;
	if (b > 0x1p64)
		return -1;
	return cmp_double((double)a, b);
}

static int cmp_int_uint(int64_t a, uint64_t b)
{
	return a < 0 ? -1 : cmp_uint((uint64_t)a, b);
}

static int negated(int order)
{
	return order == CEL_UNORDERED ? order : -order;
}

static int cmp_numbers(struct cel_value a, struct cel_value b)
{
	switch (a.kind) {
	case CEL_INT:
		return b.kind == CEL_INT    ? cmp_int(a.i, b.i)
		       : b.kind == CEL_UINT ? cmp_int_uint(a.i, b.u)
					    : cmp_int_double(a.i, b.d);
	case CEL_UINT:
		return b.kind == CEL_INT    ? negated(cmp_int_uint(b.i, a.u))
		       : b.kind == CEL_UINT ? cmp_uint(a.u, b.u)
					    : cmp_uint_double(a.u, b.d);
	default:
		return b.kind == CEL_INT    ? negated(cmp_int_double(b.i, a.d))
		       : b.kind == CEL_UINT ? negated(cmp_uint_double(b.u, a.d))
					    : cmp_double(a.d, b.d);
	}
}

static int cmp_bytes(struct cel_value a, struct cel_value b)
{
	uint32_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.s, b.s, n) : 0;

	return order ? (order > 0) - (order < 0) : cmp_uint(a.n, b.n);
}

bool cel_order(struct cel_value a, struct cel_value b, int *ret)
{
	if (cel_is_number(a) && cel_is_number(b)) {
		*ret = cmp_numbers(a, b);
		return true;
	}
	if (a.kind != b.kind)
		return false;
	switch (a.kind) {
	case CEL_STRING: /* UTF-8 orders like code points */
	case CEL_BYTES:
		*ret = cmp_bytes(a, b);
		return true;
	case CEL_BOOL:
		*ret = cmp_int(a.b, b.b);
		return true;
	case CEL_DURATION:
		*ret = cmp_int(a.i, b.i);
		return true;
	case CEL_TIMESTAMP:
		*ret = a.i != b.i ? cmp_int(a.i, b.i) : cmp_uint(a.n, b.n);
		return true;
	default:
		return false;
	}
}

/* ---- hashing ---- */

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keys come from requests: without a secret, somebody could choose keys that all collide. One for
 * the process, never changed once made: maps are compared and looked up without knowing where they
 * were built. */
static uint64_t seeds[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void make_seeds(void)
{
	if (getrandom(seeds, sizeof seeds, 0) != (ssize_t)sizeof seeds)
		abort();
	seeds[0] |= 1;
	seeds[1] |= 1;
}

/* Numbers that are equal hash alike: by value. Several large ints are equal to one double. */
static uint64_t number_bits(struct cel_value v)
{
	double d = v.kind == CEL_INT ? (double)v.i : v.kind == CEL_UINT ? (double)v.u : v.d;
	uint64_t bits;

	if (d == 0)
		d = 0; /* -0 */
	memcpy(&bits, &d, sizeof bits);
	return bits;
}

uint64_t cel_hash_key(struct cel_value v)
{
	pthread_once(&seed_once, make_seeds);
	uint64_t h = seeds[0], word = 0;

	if (cel_is_number(v))
		return fold(number_bits(v) ^ h, seeds[1]);
	if (v.kind == CEL_BOOL)
		return fold(h + v.b, seeds[1]);
	for (uint32_t i = 0; i < v.n; i += 8) {
		word = 0;
		memcpy(&word, v.s + i, v.n - i < 8 ? v.n - i : 8);
		h = fold(h ^ word, seeds[1]);
	}
	return fold(h ^ v.n, seeds[1]);
}

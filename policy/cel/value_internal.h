/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values from the inside: how they are represented, errors as values, lists and maps, and the state
 * of one evaluation. For the engine and its functions.
 */
#pragma once

#include "common/base/utf8.h"
#include "policy/cel/cel.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* How deep equality, display and conversion follow lists within lists. */
#define CEL_MAX_VALUE_DEPTH 200

struct cel_node;

struct cel_ev {
	struct cel_run *run;
	struct cel_value *slots;
	struct cel_value *locals;
	const struct cel_program *prog;
};

enum cel_rep {
	CEL_REP_NONE,  /* scalars */
	CEL_REP_JSON,  /* p: json_doc, n: json_ref */
	CEL_REP_ARRAY, /* list: p: const struct cel_value *, n of them */
	CEL_REP_PAIRS, /* map: p: struct cel_pairs */
	CEL_REP_IP,    /* opaque … */
	CEL_REP_CIDR,
	CEL_REP_URL,
	CEL_REP_QUANTITY,
	CEL_REP_SEMVER,
	CEL_REP_FORMAT,
};

struct cel_pairs {
	uint32_t count;
	uint32_t mask;		    /* slots of index - 1, or 0 for none */
	const struct cel_value *kv; /* key, value, key, value */
	const uint32_t *index;	    /* entry + 1, by cel_hash_key() */
};

enum cel_err_code {
	CEL_E_TEXT, /* text */
	CEL_E_KEY,  /* a: the key */
	CEL_E_OVERLOAD,
	CEL_E_LIMIT, /* text */
};

struct cel_err_info {
	uint8_t code;
	uint8_t kinds[4], kind_reps[4], kind_count;
	const struct cel_node *at;
	const struct cel_program *prog;
	struct span text;
	struct cel_value a;
};

/* value.c */
struct cel_value cel_err_text(struct cel_ev *ev, const struct cel_node *n, const char *text);
struct cel_value cel_err_fmt(struct cel_ev *ev, const struct cel_node *n, const char *fmt, ...)
	_printf_(3, 4);
struct cel_value cel_err_key(struct cel_ev *ev, const struct cel_node *n, struct cel_value key);
struct cel_value cel_err_overload(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *args, uint32_t count);
struct cel_value cel_err_memory(void);
struct cel_value cel_err_depth(void);
/* Why cel_string_room() or cel_new_array() gave nothing. */
struct cel_value cel_err_room(struct cel_ev *ev);
struct cel_value cel_type_value(const char *name);
const char *cel_kind_name(unsigned kind, unsigned rep);

/* When the slice is used up: the same out of the next one. */
bool cel_charge_later(struct cel_run *run, uint64_t cost);

/* Takes cost off the budget; false when it is used up: return cel_err_cost(). */
static inline bool cel_charge(struct cel_ev *ev, uint64_t cost)
{
	if (unlikely(ev->run->cost_left < cost))
		return cel_charge_later(ev->run, cost);
	ev->run->cost_left -= cost;
	return true;
}
struct cel_value cel_err_cost(void);
/* Before a step that may turn out to cost so much, which is charged afterwards: the same. */
bool cel_may_take(struct cel_ev *ev, uint64_t worst);

/* How many bytes memcmp() looks at for a cost of one. */
#define TEXT_COMPARED_A_UNIT 64

static inline bool cel_is_error(struct cel_value v)
{
	return v.kind == CEL_ERROR;
}

static inline bool cel_is_number(struct cel_value v)
{
	return v.kind >= CEL_INT && v.kind <= CEL_DOUBLE;
}

static inline struct cel_value cel_array(const struct cel_value *items, uint32_t n)
{
	return (struct cel_value){.kind = CEL_LIST, .rep = CEL_REP_ARRAY, .n = n, .p = items};
}

/* collection.c: lists and maps */
struct cel_value *cel_new_array(struct cel_ev *ev, size_t n); /* NULL: arena full */
bool cel_map_find(struct cel_value map, struct cel_value key, struct cel_value *ret,
	struct arena *a); /* key of a kind that cannot be one: false */
bool cel_map_find_str(
	struct cel_value map, struct span key, struct cel_value *ret, struct arena *a);
bool cel_map_has_str(struct cel_value map, struct span key);
bool cel_list_at(struct cel_value list, uint64_t i, struct cel_value *ret, struct arena *a);
/* A map out of pairs; *ret_dup the first key that comes twice, if any (then 1). -1: arena full. */
int cel_map_build(const struct cel_value *kv, uint32_t count, struct arena *a,
	struct cel_value *ret, struct cel_value *ret_dup);
bool cel_is_key(struct cel_value v);

/* compare.c */
/* 1 equal, 0 not, -1 too deep or too dear */
int cel_eq(struct cel_ev *ev, struct cel_value a, struct cel_value b, unsigned depth);

/* scalar.c */
/* *ret < 0, 0, > 0; false when they cannot be ordered; NaN: *ret is CEL_UNORDERED */
#define CEL_UNORDERED 2
bool cel_order(struct cel_value a, struct cel_value b, int *ret);
uint64_t cel_hash_key(struct cel_value v);

/* text.c: numbers and strings as text */
/* The shortest digits of a finite double, scientific below min_exp and above max_exp. */
void cel_put_double(struct buf *out, double d, int min_exp, int max_exp);
/* As the reference's string(): scientific for exponents below -4 and from 6 up; NaN, +Inf, -Inf. */
void cel_put_double_text(struct buf *out, double d);
/* v for people, much as one would write it in an expression, cut with "…" after max bytes. */
void cel_put_display_in(struct buf *out, struct cel_value v, size_t max, struct arena *a);

/* timestamp.c */
#define CEL_NANOS 1000000000

struct cel_civil {
	int64_t year;
	int month, day; /* from 1 */
	int hour, minute, second;
	int weekday, yearday; /* from 0 */
};

bool cel_timestamp_ok(int64_t seconds);
void cel_civil_from_seconds(int64_t seconds, struct cel_civil *ret);
bool cel_timestamp_parse(struct span s, struct cel_value *ret);
bool cel_duration_parse(struct span s, struct cel_value *ret);
void cel_put_timestamp(struct buf *out, struct cel_value v);
void cel_put_duration(struct buf *out, struct cel_value v);

/* What can be done with an opaque value: what its p points to begins with a pointer to this. */
struct cel_opaque {
	bool (*equal)(struct cel_value a, struct cel_value b); /* of one representation */
	void (*put)(struct buf *out, struct cel_value v);
};

static inline const struct cel_opaque *cel_opaque(struct cel_value v)
{
	return *(const struct cel_opaque *const *)v.p;
}

/* What was collected in a buffer in the arena. */
struct cel_value cel_string_from(struct cel_ev *ev, struct buf *b);
/* Room for a string of len bytes, or NULL: arena or budget ended (charges). */
char *cel_string_room(struct cel_ev *ev, size_t len);

/* ---- for tests: policies do not ask for these ---- */

/* CEL's ==, heterogeneous across numbers. */
bool cel_equal(struct cel_value a, struct cel_value b, struct arena *arena);
/* cel_put_display_in() with memory of its own. */
void cel_put_display(struct buf *out, struct cel_value v, size_t max);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CEL, the Common Expression Language, for any C program.
 *
 * An environment declares variables; an expression is compiled in it into a program (parsed,
 * checked, resolved: every mistake found at load, with line and column); a program is evaluated
 * over values that the caller supplies lazily, typically JSON documents read by common/json/json.h,
 * which are looked at in place. The language is that of github.com/google/cel-spec (langdef.md)
 * without protobuf messages; what functions there are is handed in, see cel_function_at().
 *
 * Evaluation allocates from the caller's arena only, within a cost budget. Data flow:
 *	source -> lexer -> parser (AST, macros) -> check (types, names) -> program -> eval -> value
 * Not for: partial evaluation with unknowns, messages, user-defined functions.
 *
 * Threads: a program is immutable, any number of threads may evaluate it; an environment may be
 * shared once all variables are declared; a run belongs to one thread at a time.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/json/json.h"

/* ---- values ---- */

enum cel_kind {
	CEL_UNSET, /* not a value: a slot nobody has asked for yet */
	CEL_ERROR,
	CEL_NULL,
	CEL_BOOL,
	CEL_INT,
	CEL_UINT,
	CEL_DOUBLE,
	CEL_STRING, /* UTF-8 */
	CEL_BYTES,
	CEL_TIMESTAMP,
	CEL_DURATION,
	CEL_LIST,
	CEL_MAP,
	CEL_TYPE,
	CEL_OPTIONAL,
	CEL_OPAQUE, /* quantity, ip, cidr, url, semver */
};

/* 16 bytes, passed by value; what it points to lives in the run's arena, the program or the
 * caller's documents. Look inside scalars; use the functions below for the rest. */
struct cel_value {
	uint8_t kind; /* enum cel_kind */
	uint8_t rep;  /* of a list, map or opaque: which representation */
	uint16_t unused;
	uint32_t n; /* bytes of a string, nanoseconds of a timestamp, json_ref, … */
	union {
		bool b;
		int64_t i; /* int; seconds of a timestamp; nanoseconds of a duration */
		uint64_t u;
		double d;
		const char *s; /* string, bytes: n of them; type: its NUL-terminated name */
		const void *p;
	};
};

static inline struct cel_value cel_null(void)
{
	return (struct cel_value){.kind = CEL_NULL};
}

static inline struct cel_value cel_bool(bool b)
{
	return (struct cel_value){.kind = CEL_BOOL, .b = b};
}

static inline struct cel_value cel_int(int64_t i)
{
	return (struct cel_value){.kind = CEL_INT, .i = i};
}

static inline struct cel_value cel_uint(uint64_t u)
{
	return (struct cel_value){.kind = CEL_UINT, .u = u};
}

static inline struct cel_value cel_double(double d)
{
	return (struct cel_value){.kind = CEL_DOUBLE, .d = d};
}

/* s must be UTF-8, outlive the value and be shorter than 4 GiB. */
static inline struct cel_value cel_string(struct span s)
{
	return (struct cel_value){.kind = CEL_STRING, .n = (uint32_t)s.len, .s = s.ptr};
}

static inline struct cel_value cel_bytes(struct span s)
{
	return (struct cel_value){.kind = CEL_BYTES, .n = (uint32_t)s.len, .s = s.ptr};
}

/* Microseconds since the epoch; years 1 to 9999. */
struct cel_value cel_timestamp_us(int64_t us);

/*
 * The value at r, lazily: strings are unescaped (into the arena) and containers looked into only
 * when an expression does. An integer that fits int64 and is spelt as one is an int, any other
 * number a double. JSON_NONE is null. The document must outlive the value.
 */
struct cel_value cel_json(const struct json_doc *d, json_ref r, struct arena *a);

/* Values made by the caller. The arrays are kept, not copied. Map keys must be distinct and of
 * type bool, int, uint or string (not checked). */
struct cel_value cel_list_of(const struct cel_value *items, uint32_t count, struct arena *a);
struct cel_value cel_map_of(
	const struct cel_value *key_value_pairs, uint32_t pair_count, struct arena *a);

/* An error as a value; message is copied. For resolvers. */
struct cel_value cel_error(struct arena *a, const char *fmt, ...) _printf_(2, 3);

static inline struct span cel_span(struct cel_value v)
{
	return (struct span){v.s, v.n};
}

/* "int", "list", "google.protobuf.Timestamp", "net.IP" … */
const char *cel_type_name(struct cel_value v);

/* Elements of a list, entries of a map; 0 for anything else. */
uint32_t cel_size(struct cel_value v);

/* Walks a list (key untouched) or a map. Start with {0}-initialised state; false at the end. */
struct cel_iter {
	struct cel_value of;
	uint32_t i, ref;
	struct arena *arena;
};
struct cel_iter cel_iter(struct cel_value list_or_map, struct arena *a);
bool cel_iter_next(struct cel_iter *it, struct cel_value *ret_key, struct cel_value *ret_value);

/* optional.of(x): true and *ret = x; optional.none() or no optional at all: false. */
bool cel_optional_value(struct cel_value v, struct cel_value *ret);

/* What an error says: "no such key 'privileged'", without position. Empty for other values. */
struct span cel_error_message(struct cel_value v, struct arena *a);
/* Where in the expression it happened; both 0 when not known. Count from 1, column in bytes. */
void cel_error_position(struct cel_value v, uint32_t *ret_line, uint32_t *ret_column);
/* The run's budget, depth or arena ended; such an error is never absorbed by && or ||. */
bool cel_error_is_limit(struct cel_value v);

/*
 * Appends v as JSON. Timestamps, durations and opaque values as strings, bytes as base64, uint and
 * int as numbers, optionals as their content, map keys as strings.
 * Errors: -1 for what JSON has no text for: errors, types, NaN, infinity, optional.none(), two keys
 * that become the same string.
 */
int cel_put_json(struct buf *out, struct cel_value v, struct err *e) _must_check_;

/* string(v) of the language: for message templates. -1 when v has no string form. */
int cel_put_text(struct buf *out, struct cel_value v, struct err *e) _must_check_;

/* ---- environments and programs ---- */

struct cel_env;
struct cel_library;
struct cel_program;

enum cel_option {
	CEL_NO_CHECK = 1 << 0,	/* names and types are looked at when evaluated, not before */
	CEL_NO_MACROS = 1 << 1, /* has(), all() … are unknown functions */
};

/*
 * library: the functions there are (policy/cel/functions/library.h); kept, not copied. options: of
 * enum cel_option. Ownership: the caller's; a program outlives its environment, not its library.
 * NULL when memory is short.
 */
struct cel_env *cel_env_new(const struct cel_library *library, unsigned options);
void cel_env_free(struct cel_env *env);
DEFINE_CLEANUP(struct cel_env *, cel_env_free)

/*
 * Declares a variable; the slot is the number by which a resolver is asked for it: 0, 1, 2 … in
 * the order of declaration. A name may be qualified: `variables.image` is then found by its longest
 * declared prefix, and a misspelt one is a compile error. Types are written as in the reference:
 * "dyn", "int", "string", "list(string)", "map(string, dyn)", "google.protobuf.Timestamp", …
 * Errors: -1 if the name is no identifier or declared already, or the type is unknown.
 */
int cel_env_declare(
	struct cel_env *env, struct span name, const char *type, uint32_t *ret_slot, struct err *e);

/*
 * Says which fields a variable has: another one is a compile error. The NULL-terminated list has
 * paths ("userInfo", "userInfo.groups"); below one that has none under it, anything goes. fields
 * must outlive the environment.
 */
void cel_env_declare_fields(struct cel_env *env, uint32_t slot, const char *const *fields);

/*
 * Lets `NAME{field: value, …}` be written for a map with these string keys, as Kubernetes does for
 * JSONPatch: a field that is not in the NULL-terminated list is a compile error. name and fields
 * must outlive the environment's programs.
 */
int cel_env_declare_record(
	struct cel_env *env, struct span name, const char *const *fields, struct err *e);

/* What is wrong with an expression. line and column count from 1, column in bytes. */
struct cel_issue {
	uint32_t line;
	uint32_t column;
	char message[240]; /* with a "did you mean" where there is a near miss */
};

struct cel_issues {
	struct cel_issue *items;
	size_t count; /* at most 64 */
	size_t cap;
};

void cel_issues_free(struct cel_issues *issues); /* fit for _cleanup_ */

/*
 * Compiles. expect is the type that the result must have ("bool", "string", NULL or "dyn" for
 * any): a clash is found here when the type is known, else when evaluated. An expression that is
 * known to be an int is never accepted for a bool.
 * Ownership: *ret is the caller's, cel_program_free(). Limits: 64 KiB of source, 10,000 nodes,
 * 250 levels. Errors: -1 with every mistake in issues.
 */
int cel_compile(const struct cel_env *env, struct span source, const char *expect,
	struct cel_program **ret, struct cel_issues *issues) _must_check_;
void cel_program_free(struct cel_program *p);
DEFINE_CLEANUP(struct cel_program *, cel_program_free)

/* Does the expression mention the variable in this slot? */
bool cel_program_uses(const struct cel_program *p, uint32_t slot);

/*
 * Is its result made of nothing of the caller's but these fields of the variable in this slot, and
 * the `name` of elements of lists, as in variables.containers.map(c, c.name).join(', ')? Paths as
 * "userInfo.username", NULL-terminated, each whole. What it decides by may be anything.
 */
bool cel_program_shows_only(const struct cel_program *p, uint32_t slot, const char *const *paths);

/* The type that the checker found, as "bool", "list(string)", "dyn". Lives in the program. */
const char *cel_program_type(const struct cel_program *p);

struct span cel_program_source(const struct cel_program *p);

/* ---- evaluation ---- */

struct cel_run;

/* Asked once a slot and activation; what it returns (an error too) is kept in the slot. May
 * evaluate other programs on the same run, as `variables.NAME` does. */
typedef struct cel_value (*cel_resolve_fn)(struct cel_run *run, uint32_t slot, void *ctx);

/* The variables' values, shared by all programs of one environment. Slots that are CEL_UNSET are
 * asked for by resolve (NULL: an error) when first needed. */
struct cel_activation {
	struct cel_value *slots;
	uint32_t slot_count;
	cel_resolve_fn resolve;
	void *ctx;
};

/* One request's evaluation: the arena and what is left of the limits. */
struct cel_run {
	struct arena *arena;
	uint64_t cost_left;  /* about one a node evaluated and one every eight bytes worked on */
	uint64_t cost_later; /* more of it, slice by slice, as long as it is not until_us */
	uint64_t until_us;   /* CLOCK_MONOTONIC; 0: any time */
	bool late;	     /* it was until_us: nothing is evaluated any more */
	/* What steps that cannot be interrupted may cost at worst, all together; and whether one
	 * was not begun for that reason. */
	uint64_t patience;
	bool impatient;
	uint32_t depth_left;
	struct cel_activation *activation; /* the one in use; set by cel_eval() */
};

#define CEL_DEFAULT_BUDGET 10000000u /* ten million: some tens of milliseconds */

static inline struct cel_run cel_run(struct arena *a, uint64_t budget)
{
	return (struct cel_run){
		.arena = a, .cost_left = budget, .depth_left = 16, .patience = UINT64_MAX};
}

void cel_run_allow_slices(struct cel_run *run, uint64_t budget);
/* Gives a run its budget anew. Where it has until_us, the clock is looked at before each slice. */
static inline void cel_run_allow(struct cel_run *run, uint64_t budget)
{
	run->cost_later = 0;
	run->cost_left = budget;
	if (run->until_us)
		cel_run_allow_slices(run, budget);
}
/* What is left of it. */
static inline uint64_t cel_run_left(const struct cel_run *run)
{
	return run->cost_left + run->cost_later;
}

/* For resolvers: takes what their work costs. False: it is more than there is left, and the value
 * is cel_error_of_limit(). */
bool cel_run_charge(struct cel_run *run, uint64_t cost);
struct cel_value cel_error_of_limit(void);

/*
 * The expression's value, or a value of kind CEL_ERROR. Everything it points to is in the arena,
 * in the program, or in what the activation supplied.
 * Limits: the run's budget and time, the arena's size, programs nested 16 deep by resolvers. All of
 * them end as errors (cel_error_is_limit()). Regular expressions take memory beside the arena,
 * which RE2 bounds. Blocks: never, but for the first use of a time zone, which reads a file of
 * /usr/share/zoneinfo.
 */
struct cel_value cel_eval(
	const struct cel_program *p, struct cel_activation *activation, struct cel_run *run);

/*
 * Says why a program came out as it did: one line "expression = value" for each operand of the
 * operators && || ! ?: and comparisons, and for what these look at, indented below it; of all() and
 * exists() for the element that decided.
 */
void cel_explain(struct buf *out, const struct cel_program *p, struct cel_activation *activation,
	struct cel_run *run);

/* ---- what there is: for documentation and completion ---- */

struct cel_function_info {
	const char *group;	/* "Standard", "Strings", … */
	const char *name;	/* "startsWith", "math.abs", "_+_" */
	bool method;		/* called on its first parameter: s.startsWith("x") */
	const char *signatures; /* "(string, string) -> bool; …" */
	const char *doc;	/* one sentence */
};

/* Describes the function (or macro, in the group "Macros") number index; false past the end. */
bool cel_function_at(const struct cel_library *l, size_t index, struct cel_function_info *ret);

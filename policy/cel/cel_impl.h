/*
 * What the files of the CEL engine share: AST nodes that are also the program, types, the state of
 * one evaluation, errors as values. Not for anybody outside this folder.
 */
#pragma once

#include "policy/cel/cel.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define CEL_MAX_SOURCE 65536
#define CEL_MAX_NODES  10000
#define CEL_MAX_DEPTH  250
#define CEL_MAX_ARGS   1024
/* How deep equality, display and conversion follow lists within lists. */
#define CEL_MAX_VALUE_DEPTH 200

struct cel_node;
struct cel_ev;

typedef struct cel_value (*cel_node_eval)(const struct cel_node *n, struct cel_ev *ev);
/* args are no errors, of any kind: the function answers cel_err_overload() for what it cannot do */
typedef struct cel_value (*cel_fn)(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *args, uint32_t count);

/* ---- types, as the checker knows them (types.c) ---- */

enum cel_type_kind {
	CEL_T_DYN,
	CEL_T_NULL,
	CEL_T_BOOL,
	CEL_T_INT,
	CEL_T_UINT,
	CEL_T_DOUBLE,
	CEL_T_STRING,
	CEL_T_BYTES,
	CEL_T_TIMESTAMP,
	CEL_T_DURATION,
	CEL_T_IP,
	CEL_T_CIDR,
	CEL_T_URL,
	CEL_T_QUANTITY,
	CEL_T_SEMVER,
	CEL_T_FORMAT,
	CEL_T_LIST,	/* a */
	CEL_T_MAP,	/* a: keys, b: values */
	CEL_T_TYPE,	/* a */
	CEL_T_OPTIONAL, /* a */
	CEL_T_VAR,	/* var: a type not known yet; in a signature 'A' to 'Z' */
};

struct cel_type {
	uint8_t kind;
	uint32_t var;
	const struct cel_type *a, *b;
};

/* ---- AST and program ---- */

enum cel_op {
	CEL_N_CONST,
	CEL_N_IDENT,  /* name; after checking VAR, LOCAL or CONST */
	CEL_N_VAR,    /* slot */
	CEL_N_LOCAL,  /* slot */
	CEL_N_SELECT, /* args[0].name */
	CEL_N_INDEX,  /* args[0][args[1]] */
	CEL_N_CALL,   /* name(args); method: args[0] is the target */
	CEL_N_LIST,   /* args */
	CEL_N_MAP,    /* args: key, value, key, value */
	CEL_N_AND,    /* args, two or more */
	CEL_N_OR,
	CEL_N_COND,   /* args[0] ? args[1] : args[2] */
	CEL_N_LOOP,   /* loop: args[0] the range, args[1] condition, args[2] transformation */
	CEL_N_BIND,   /* args[0] the value of var1, args[1] the expression */
	CEL_N_OPTMAP, /* args[0] an optional, args[1] what to make of its value var1 */
	CEL_N_BLOCK,  /* args: list literal, expression; gone after checking */
	CEL_N_BAD,    /* something unknown: an error when evaluated */
};

enum cel_loop {
	CEL_LOOP_ALL,
	CEL_LOOP_EXISTS,
	CEL_LOOP_EXISTS_ONE,
	CEL_LOOP_MAP,	 /* list of args[2], filtered by args[1] if not NULL */
	CEL_LOOP_FILTER, /* list of the elements for which args[1] */
	CEL_LOOP_TO_MAP, /* map of the keys to args[2] */
	CEL_LOOP_TO_ENTRY,
	CEL_LOOP_SORT_BY,
};

#define CEL_NO_SLOT UINT32_MAX

struct cel_node {
	cel_node_eval eval;
	uint8_t op; /* enum cel_op */
	uint8_t loop;
	bool test : 1;	      /* select: has() */
	bool optional : 1;    /* select, index: .? and [?] */
	bool method : 1;      /* call */
	bool absolute : 1;    /* ident: written with a leading dot */
	bool two_vars : 1;    /* loop */
	bool flat : 1;	      /* optmap: optFlatMap */
	bool fn_is_eq : 1;    /* call of == (else !=) */
	bool const_re : 1;    /* call with a compiled pattern in aux */
	uint16_t depth;	      /* of the tree below */
	uint32_t off, end;    /* the source text it came from */
	uint32_t pos;	      /* where to point at: the operator, the field, the method */
	uint32_t cost;	      /* nodes in the tree below, loops counted once */
	uint32_t slot, slot2; /* of a variable; of a loop's variables in the frame */
	uint32_t count;
	struct cel_node **args;
	struct span name;   /* ident, select, call */
	struct span name2;  /* loop: the second variable */
	uint64_t *opt_mask; /* list, map: which elements are optional, or NULL */
	struct cel_value value;
	cel_fn fn;
	const void *aux; /* what a function prepared for its constant arguments */
	const struct cel_type *type;
};

struct cel_program {
	struct arena *arena; /* everything of the program, itself included */
	const struct cel_node *root;
	struct span source;
	uint32_t local_count;
	uint32_t slot_count;
	uint64_t *uses; /* bit set of slots */
	const char *type_text;
	uint8_t expect;		    /* enum cel_kind the result must have, CEL_UNSET: any */
	struct cel_regex **regexes; /* to be freed */
	uint32_t regex_count;
};

/* ---- evaluation ---- */

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
struct cel_value cel_err_pattern_limit(void);
/* Why cel_string_room() or cel_new_array() gave nothing. */
struct cel_value cel_err_room(struct cel_ev *ev);
struct cel_value cel_type_value(const char *name);
const char *cel_kind_name(unsigned kind, unsigned rep);

/* Takes cost off the budget; false when it is used up: return cel_err_cost(). */
static inline bool cel_charge(struct cel_ev *ev, uint64_t cost)
{
	if (unlikely(ev->run->cost_left < cost)) {
		ev->run->cost_left = 0;
		return false;
	}
	ev->run->cost_left -= cost;
	return true;
}
struct cel_value cel_err_cost(void);

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
/* *ret < 0, 0, > 0; false when they cannot be ordered; NaN: *ret is CEL_UNORDERED */
#define CEL_UNORDERED 2
bool cel_order(struct cel_value a, struct cel_value b, int *ret);
uint64_t cel_hash_key(struct cel_value v);

/* eval.c, loop.c */
cel_node_eval cel_eval_for(const struct cel_node *n);
cel_node_eval cel_eval_for_loop(const struct cel_node *n);
/* Leaves the variables of all() or exists() as they were in the turn that decided; its number, from
 * 1, or 0 when no single one did. */
uint32_t cel_loop_decisive_turn(const struct cel_node *n, struct cel_ev *ev);
struct cel_value cel_eval_bind(const struct cel_node *n, struct cel_ev *ev);
struct cel_value cel_eval_optmap(const struct cel_node *n, struct cel_ev *ev);

/* text.c: numbers and strings as text */
/* The shortest digits of a finite double, scientific below min_exp and above max_exp. */
void cel_put_double(struct buf *out, double d, int min_exp, int max_exp);
void cel_put_base64(struct buf *out, struct span s);
void cel_put_display_in(struct buf *out, struct cel_value v, size_t max, struct arena *a);
bool cel_utf8_valid(struct span s);

/* time.c, tz.c */
bool cel_timestamp_ok(int64_t seconds);
int64_t cel_days_from_civil(int64_t year, int month, int day); /* since 1970-01-01 */
int cel_month_days(int year, int month);
int64_t cel_year_of(int64_t seconds);
bool cel_timestamp_parse(struct span s, struct cel_value *ret);
bool cel_duration_parse(struct span s, struct cel_value *ret);
void cel_put_timestamp(struct buf *out, struct cel_value v);
void cel_put_duration(struct buf *out, struct cel_value v);
/* Offset from UTC in seconds that zone has at a time; false: no such zone. */
bool cel_tz_offset(struct span zone, int64_t seconds, int32_t *ret_offset);

/* Text of an opaque value. */
void cel_put_opaque(struct buf *out, struct cel_value v);
bool cel_opaque_equal(struct cel_value a, struct cel_value b);

/* regex.c */
struct cel_regex;
/* Compiles for good (malloc) or for one run (a not NULL: in the arena). */
struct cel_regex *cel_regex_new(struct span pattern, struct arena *a, struct err *e);
void cel_regex_free(struct cel_regex *re);

/* What was collected in a buffer in the arena. */
struct cel_value cel_string_from(struct cel_ev *ev, struct buf *b);
/* Room for a string of len bytes, or NULL: arena or budget ended (charges). */
char *cel_string_room(struct cel_ev *ev, size_t len);

/* ---- compile time ---- */

struct cel_variable {
	struct span name;
	const struct cel_type *type;
	const char *const *fields; /* see cel_env_declare_fields(); NULL: any */
};

#define CEL_MAX_RECORDS 4

struct cel_record {
	struct span name;
	const char *const *fields;
};

struct cel_env {
	struct arena *arena;
	unsigned options;
	struct span container;
	struct cel_variable *vars;
	uint32_t var_count, var_cap;
	struct cel_record records[CEL_MAX_RECORDS];
	uint32_t record_count;
};

struct cel_compiler {
	const struct cel_env *env;
	struct cel_program *prog;
	struct arena *arena; /* the program's */
	struct cel_issues *issues;
	struct span source;
	uint32_t node_count;
	bool failed; /* an issue was added */
	bool out_of_memory;
};

/* compile.c */
void cel_issue_at(struct cel_compiler *c, uint32_t off, const char *fmt, ...) _printf_(3, 4);
struct cel_node *cel_node_new(
	struct cel_compiler *c, enum cel_op op, uint32_t off, uint32_t end, uint32_t arg_count);
void cel_line_column(struct span source, uint32_t off, uint32_t *ret_line, uint32_t *ret_column);
/* "; did you mean 'x'?" for the nearest of the names offered, or "". */
struct cel_hint {
	struct span wanted;
	struct span best;
	unsigned distance;
	char text[80];
};
void cel_hint_offer(struct cel_hint *h, struct span name);
const char *cel_hint_text(struct cel_hint *h);

/* parse.c */
struct cel_node *cel_parse(struct cel_compiler *c);

/* macro.c: the node for a call of a macro, NULL when it is none. */
struct cel_node *cel_macro_expand(struct cel_compiler *c, struct cel_node *call);
struct cel_node *cel_node_clone(struct cel_compiler *c, const struct cel_node *n);

/* literal.c */
bool cel_literal_string(struct cel_compiler *c, uint32_t off, uint32_t end, struct cel_value *ret);
bool cel_literal_number(
	struct cel_compiler *c, uint32_t off, uint32_t end, bool negative, struct cel_value *ret);

/* check.c: names, types, frame slots */
void cel_check(struct cel_compiler *c, struct cel_node *root, const struct cel_type *expect);
/* link.c: evaluation functions, constant folding, costs */
void cel_link(struct cel_compiler *c, struct cel_node *n);

/* functions.c: the table */
struct cel_signature {
	const struct cel_type *result;
	const struct cel_type *params[6];
	uint8_t param_count;
	bool variadic; /* the last parameter any number of times */
};

struct cel_function {
	const char *group;
	const char *name;
	uint8_t style; /* CEL_FN, CEL_ME or both */
	const char *signatures;
	cel_fn fn;
	const char *doc;
};
#define CEL_FN 1
#define CEL_ME 2

/* First function of that name callable in that style, from index *at on (start with 0). */
const struct cel_function *cel_function_find(struct span name, unsigned style, size_t *at);
const struct cel_signature *cel_function_signatures(
	const struct cel_function *f, uint32_t *ret_count);
void cel_function_offer_names(struct cel_hint *h, unsigned style);

/* The macros' names and documentation. */
struct cel_macro_info {
	const char *name;
	uint8_t style;
	const char *signatures;
	const char *doc;
};
const struct cel_macro_info *cel_macro_at(size_t index);

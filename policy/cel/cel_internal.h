/*
 * What the files of the CEL engine share: AST nodes that are also the program, types, the state of
 * one evaluation, errors as values. Not for anybody outside this folder.
 */
#pragma once

#include "common/base/utf8.h"
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
typedef struct cel_value cel_call(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *args, uint32_t count);
typedef cel_call *cel_fn;

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
	bool prepared : 1;    /* call with what the function made of a constant in aux */
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
	const struct cel_function *function; /* call: what fn is of */
	const void *aux;
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
	uint8_t expect; /* enum cel_kind the result must have, CEL_UNSET: any */
	const struct cel_library *library;
	struct cel_prepared *prepared; /* to be freed */
	uint32_t prepared_count;
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

/* scalar.c */
/* *ret < 0, 0, > 0; false when they cannot be ordered; NaN: *ret is CEL_UNORDERED */
#define CEL_UNORDERED 2
bool cel_order(struct cel_value a, struct cel_value b, int *ret);
uint64_t cel_hash_key(struct cel_value v);

/* eval.c, select.c, loop.c */
cel_node_eval cel_eval_for(const struct cel_node *n);
/* Of CEL_N_SELECT and CEL_N_INDEX. */
cel_node_eval cel_eval_for_select(const struct cel_node *n);
/* a.?b, and a.?b.c, which is an optional as well. */
bool cel_is_optional_path(const struct cel_node *n);
/* a.?b.?c.orValue(d): what most conditions on Kubernetes objects are made of. */
struct cel_value cel_eval_path_or_value(const struct cel_node *n, struct cel_ev *ev);
cel_node_eval cel_eval_for_loop(const struct cel_node *n);
/* Leaves the variables of all() or exists() as they were in the turn that decided; its number, from
 * 1, or 0 when no single one did. */
uint32_t cel_loop_decisive_turn(const struct cel_node *n, struct cel_ev *ev);
struct cel_value cel_eval_bind(const struct cel_node *n, struct cel_ev *ev);
struct cel_value cel_eval_optmap(const struct cel_node *n, struct cel_ev *ev);

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
	const struct cel_library *library;
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

/* issue.c */
void cel_issue_at(struct cel_compiler *c, uint32_t off, const char *fmt, ...) _printf_(3, 4);
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

/* node.c */
struct cel_node *cel_node_new(
	struct cel_compiler *c, enum cel_op op, uint32_t off, uint32_t end, uint32_t arg_count);
struct cel_node *cel_node_clone(struct cel_compiler *c, const struct cel_node *n);

/* parse.c */
struct cel_node *cel_parse(struct cel_compiler *c);

/* macro.c: the node for a call of a macro, NULL when it is none. */
struct cel_node *cel_macro_expand(struct cel_compiler *c, struct cel_node *call);

/* literal.c */
bool cel_literal_string(struct cel_compiler *c, uint32_t off, uint32_t end, struct cel_value *ret);
bool cel_literal_number(
	struct cel_compiler *c, uint32_t off, uint32_t end, bool negative, struct cel_value *ret);

/* check.c: names, types, frame slots */
void cel_check(struct cel_compiler *c, struct cel_node *root, const struct cel_type *expect);
/* link.c: evaluation functions, constant folding, costs */
void cel_link(struct cel_compiler *c, struct cel_node *n);

/* ---- the library: functions that are handed in ---- */

struct cel_signature {
	const struct cel_type *result;
	const struct cel_type *params[6];
	uint8_t param_count;
	bool variadic; /* the last parameter any number of times */
};

/* What a function makes once of its second argument when that is a constant string, as regular
 * expressions are compiled with the program. Kept in the node's aux. */
struct cel_preparation {
	void *(*make)(struct span constant, struct err *e); /* NULL: an error of the expression */
	void (*free)(void *made);
};

/* Its second argument is only looked at when the first is no optional with a value. */
enum cel_lazy { CEL_NOT_LAZY, CEL_LAZY_OR, CEL_LAZY_OR_VALUE };

struct cel_function {
	const char *group;
	const char *name;
	uint8_t style; /* CEL_FN, CEL_ME or both */
	const char *signatures;
	cel_fn fn;
	const char *doc;
	const struct cel_preparation *prepare; /* or NULL */
	enum cel_lazy lazy;
};
#define CEL_FN 1
#define CEL_ME 2

struct cel_prepared {
	void (*free)(void *made);
	void *made;
};

/* Immutable once made. Whoever makes one may have more behind it, for the functions: they reach it
 * by ev->prog->library. */
struct cel_library {
	const struct cel_function *functions;
	size_t count;
	struct arena *arena; /* of the signatures */
	struct signatures *signatures;
};

/* Takes the table, which must outlive the library. -1: memory is short. */
int cel_library_init(
	struct cel_library *l, const struct cel_function *functions, size_t count) _must_check_;
void cel_library_end(struct cel_library *l);

/* First function of that name callable in that style, from index *at on (start with 0). */
const struct cel_function *cel_library_find(
	const struct cel_library *l, struct span name, unsigned style, size_t *at);
const struct cel_signature *cel_library_signatures(
	const struct cel_library *l, const struct cel_function *f, uint32_t *ret_count);
void cel_library_offer_names(const struct cel_library *l, struct cel_hint *h, unsigned style);

/* The macros' names and documentation. */
struct cel_macro_info {
	const char *name;
	uint8_t style;
	const char *signatures;
	const char *doc;
};
const struct cel_macro_info *cel_macro_at(size_t index);

/* ---- for tests: the conformance suite asks for these, policies do not ---- */

/* The name space that unqualified names are looked up in first ("com.example"). */
int cel_env_set_container(struct cel_env *env, struct span container, struct err *e);
/* CEL's ==, heterogeneous across numbers. */
bool cel_equal(struct cel_value a, struct cel_value b, struct arena *arena);
/* cel_put_display_in() with memory of its own. */
void cel_put_display(struct buf *out, struct cel_value v, size_t max);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values and errors: making them, naming their types, saying what an error means. An error is a
 * value that points to a record in the arena; its text is only written when somebody asks, since
 * most errors end absorbed by || or &&.
 */
#include <stdarg.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "policy/cel/compiler_internal.h"

static const struct cel_err_info cost_error = {.code = CEL_E_LIMIT,
	.text = {"the evaluation costs more than its budget",
		sizeof "the evaluation costs more than its budget" - 1}};
static const struct cel_err_info memory_error = {.code = CEL_E_LIMIT,
	.text = {"the evaluation needs more memory than it may",
		sizeof "the evaluation needs more memory than it may" - 1}};
static const struct cel_err_info depth_error = {.code = CEL_E_LIMIT,
	.text = {"the evaluation nests too deep", sizeof "the evaluation nests too deep" - 1}};

/* ---- the budget ---- */

#define SLICE 8192u /* some tens of microseconds */

static bool is_over(struct cel_run *run)
{
	if (!run->late && run->until_us)
		run->late = (uint64_t)monotonic_us() >= run->until_us;
	return run->late;
}

void cel_run_allow_slices(struct cel_run *run, uint64_t budget)
{
	run->cost_left = 0;
	run->cost_later = is_over(run) ? 0 : budget;
}

bool cel_may_take(struct cel_ev *ev, uint64_t worst)
{
	struct cel_run *run = ev->run;

	if (run->patience == UINT64_MAX)
		return true;
	run->impatient = run->patience < worst;
	if (run->impatient)
		run->cost_left = run->cost_later = 0;
	else
		run->patience -= worst;
	return !run->impatient;
}

bool cel_charge_later(struct cel_run *run, uint64_t cost)
{
	const uint64_t left = cel_run_left(run);

	if (left < cost || is_over(run)) {
		run->cost_left = run->cost_later = 0;
		return false;
	}
	run->cost_left = left - cost < SLICE ? left - cost : SLICE;
	run->cost_later = left - cost - run->cost_left;
	return true;
}

bool cel_run_charge(struct cel_run *run, uint64_t cost)
{
	if (run->cost_left < cost)
		return cel_charge_later(run, cost);
	run->cost_left -= cost;
	return true;
}

/* ---- errors ---- */

static struct cel_value error_value(const struct cel_err_info *info)
{
	return (struct cel_value){.kind = CEL_ERROR, .p = info};
}

struct cel_value cel_err_cost(void)
{
	return error_value(&cost_error);
}

struct cel_value cel_err_memory(void)
{
	return error_value(&memory_error);
}

struct cel_value cel_err_depth(void)
{
	return error_value(&depth_error);
}

static struct cel_err_info *new_error(
	struct cel_ev *ev, const struct cel_node *n, enum cel_err_code code)
{
	struct cel_err_info *e = arena_alloc(ev->run->arena, sizeof *e);

	if (e)
		*e = (struct cel_err_info){.code = (uint8_t)code, .at = n, .prog = ev->prog};
	return e;
}

struct cel_value cel_err_text(struct cel_ev *ev, const struct cel_node *n, const char *text)
{
	struct cel_err_info *e = new_error(ev, n, CEL_E_TEXT);

	if (!e)
		return cel_err_memory();
	e->text = span_of(text);
	return error_value(e);
}

static struct span format(struct arena *a, const char *fmt, va_list ap)
{
	char text[512];
	int len = vsnprintf(text, sizeof text, fmt, ap);
	size_t n = len < 0 ? 0 : len >= (int)sizeof text ? sizeof text - 1 : (size_t)len;

	while (len >= (int)sizeof text && n > 0 && ((unsigned char)text[n - 1] & 0x80))
		n--; /* no half of a character at the end */
	char *copy = arena_strndup(a, text, n);
	return (struct span){copy, copy ? n : 0};
}

struct cel_value cel_err_fmt(struct cel_ev *ev, const struct cel_node *n, const char *fmt, ...)
{
	struct cel_err_info *e = new_error(ev, n, CEL_E_TEXT);
	va_list ap;

	if (!e)
		return cel_err_memory();
	va_start(ap, fmt);
	e->text = format(ev->run->arena, fmt, ap);
	va_end(ap);
	return e->text.ptr ? error_value(e) : cel_err_memory();
}

struct cel_value cel_error(struct arena *a, const char *fmt, ...)
{
	struct cel_err_info *e = arena_calloc(a, 1, sizeof *e);
	va_list ap;

	if (!e)
		return cel_err_memory();
	va_start(ap, fmt);
	e->text = format(a, fmt, ap);
	va_end(ap);
	return e->text.ptr ? error_value(e) : cel_err_memory();
}

struct cel_value cel_err_key(struct cel_ev *ev, const struct cel_node *n, struct cel_value key)
{
	struct cel_err_info *e = new_error(ev, n, CEL_E_KEY);

	if (!e)
		return cel_err_memory();
	e->a = key;
	return error_value(e);
}

struct cel_value cel_err_overload(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *args, uint32_t count)
{
	struct cel_err_info *e = new_error(ev, n, CEL_E_OVERLOAD);

	if (!e)
		return cel_err_memory();
	for (uint32_t i = 0; i < count && i < ARRAY_LEN(e->kinds); i++) {
		e->kinds[i] = args[i].kind;
		e->kind_reps[i] = args[i].rep;
		e->kind_count++;
	}
	return error_value(e);
}

/* ---- what an error says ---- */

void cel_error_position(struct cel_value v, uint32_t *ret_line, uint32_t *ret_column)
{
	const struct cel_err_info *e = v.p;

	*ret_line = *ret_column = 0;
	if (v.kind == CEL_ERROR && e->at && e->prog)
		cel_line_column(e->prog->source, e->at->pos, ret_line, ret_column);
}

struct cel_value cel_error_of_limit(void)
{
	return cel_err_cost();
}

bool cel_error_is_limit(struct cel_value v)
{
	return v.kind == CEL_ERROR && ((const struct cel_err_info *)v.p)->code == CEL_E_LIMIT;
}

/* ---- types ---- */

const char *cel_kind_name(unsigned kind, unsigned rep)
{
	static const char *const names[] = {
		[CEL_UNSET] = "nothing",
		[CEL_ERROR] = "error",
		[CEL_NULL] = "null_type",
		[CEL_BOOL] = "bool",
		[CEL_INT] = "int",
		[CEL_UINT] = "uint",
		[CEL_DOUBLE] = "double",
		[CEL_STRING] = "string",
		[CEL_BYTES] = "bytes",
		[CEL_TIMESTAMP] = "google.protobuf.Timestamp",
		[CEL_DURATION] = "google.protobuf.Duration",
		[CEL_LIST] = "list",
		[CEL_MAP] = "map",
		[CEL_TYPE] = "type",
		[CEL_OPTIONAL] = "optional_type",
	};
	static const char *const opaque[] = {
		[CEL_REP_IP] = "net.IP",
		[CEL_REP_CIDR] = "net.CIDR",
		[CEL_REP_URL] = "kubernetes.URL",
		[CEL_REP_QUANTITY] = "kubernetes.Quantity",
		[CEL_REP_SEMVER] = "kubernetes.Semver",
		[CEL_REP_FORMAT] = "kubernetes.NamedFormat",
	};

	return kind == CEL_OPAQUE ? opaque[rep] : names[kind];
}

const char *cel_type_name(struct cel_value v)
{
	return cel_kind_name(v.kind, v.rep);
}

struct cel_value cel_type_value(const char *name)
{
	return (struct cel_value){.kind = CEL_TYPE, .n = (uint32_t)strlen(name), .s = name};
}

/* ---- values ---- */

struct cel_value cel_timestamp_us(int64_t us)
{
	int64_t seconds = us / 1000000, rest = us % 1000000;

	if (rest < 0) {
		rest += 1000000;
		seconds--;
	}
	return (struct cel_value){.kind = CEL_TIMESTAMP, .n = (uint32_t)rest * 1000, .i = seconds};
}

bool cel_optional_value(struct cel_value v, struct cel_value *ret)
{
	if (v.kind != CEL_OPTIONAL || !v.p)
		return false;
	*ret = *(const struct cel_value *)v.p;
	return true;
}

char *cel_string_room(struct cel_ev *ev, size_t len)
{
	return len < UINT32_MAX && cel_charge(ev, len / 8) ? arena_alloc(ev->run->arena, len + 1)
							   : NULL;
}

struct cel_value cel_err_room(struct cel_ev *ev)
{
	return cel_run_left(ev->run) == 0 ? cel_err_cost() : cel_err_memory();
}

struct cel_value cel_string_from(struct cel_ev *ev, struct buf *b)
{
	struct span s = buf_span(b);

	if (b->failed || s.len >= UINT32_MAX)
		return cel_err_memory();
	return cel_charge(ev, s.len / 8) ? cel_string(s) : cel_err_cost();
}

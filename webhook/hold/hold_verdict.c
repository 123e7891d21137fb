/* SPDX-License-Identifier: Apache-2.0 */
#include "webhook/hold/hold_verdict.h"

#include <stdio.h>

#include "common/base/utf8.h"
#include "common/pg/pg_result.h"

#define NAME_MAX_BYTES	 256
#define REASON_MAX_BYTES 512
#define OPENS_MAX_BYTES	 1024

/* One line: what people wrote must not look like more of what is said around it. */
static struct span kept(
	const struct pg_result *rows, const char *column, size_t max, struct arena *a)
{
	struct span s = utf8_cut(pg_result_span_of(rows, 0, column), max);
	char *copy = s.ptr ? arena_strndup(a, s.ptr, s.len) : NULL;

	if (copy)
		utf8_make_printable(copy);
	return span_of(copy);
}

static enum hold_verdict_kind kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum hold_verdict_kind kind;
	} kinds[] = {{"allow", HOLD_ALLOW}, {"held", HOLD_HELD}, {"denied", HOLD_DENIED},
		{"limit", HOLD_LIMIT}, {"paused", HOLD_PAUSED}};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(name, kinds[i].name) == 0)
			return kinds[i].kind;
	return HOLD_FAILED;
}

void hold_verdict_fail(struct hold_verdict *ret, struct arena *arena, const char *why)
{
	*ret = (struct hold_verdict){.kind = HOLD_FAILED, .error = arena_printf(arena, "%s", why)};
}

void hold_verdict_read(const struct pg_result *rows, struct arena *arena, struct hold_verdict *ret)
{
	const char *name;

	*ret = (struct hold_verdict){.kind = HOLD_FAILED};
	if (pg_result_rows(rows) != 1) {
		ret->error = SPAN("the database gave no answer");
		return;
	}
	name = pg_result_str_of(rows, 0, "verdict");
	ret->kind = kind_of(name);
	if (ret->kind == HOLD_FAILED)
		ret->error = arena_printf(arena,
			"the database answered \"%s\": is its schema newer than this program?",
			name);
	ret->id = pg_result_int_of(rows, 0, "hold_id");
	ret->is_new = pg_result_bool_of(rows, 0, "is_new");
	ret->approvals = pg_result_int_of(rows, 0, "approvals");
	ret->min_approvals = pg_result_int_of(rows, 0, "min_approvals");
	snprintf(ret->expires, sizeof(ret->expires), "%s", pg_result_str_of(rows, 0, "expires"));
	ret->state = kept(rows, "state", NAME_MAX_BYTES, arena);
	ret->approvers = kept(rows, "approver_names", SIZE_MAX, arena);
	ret->opens = kept(rows, "opens", OPENS_MAX_BYTES, arena);
	ret->unconfirmed = kept(rows, "unconfirmed", SIZE_MAX, arena);
	ret->decided_by = kept(rows, "decided_by", NAME_MAX_BYTES, arena);
	ret->reason = kept(rows, "decided_reason", REASON_MAX_BYTES, arena);
}

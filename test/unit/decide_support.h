/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and requests in few words, and what is decided, for the tests of policy/. */
#pragma once

#include "unit/policy_support.h"

/* A request as one line: "OP GROUP/RESOURCE[/SUB] NAMESPACE NAME USER GROUP…"; "-" is empty. An OP
 * in lower case is a verb at authorization, "url:/x" a path. */
static inline struct policy_request request_of(const char *line, struct arena *arena)
{
	struct policy_request r = {
		.request = JSON_NONE, .object = JSON_NONE, .old_object = JSON_NONE};
	struct span words[16];
	size_t n = 0;
	for (const char *p = line; *p; n++) {
		size_t len = strcspn(p, " ");
		words[n] = len == 1 && *p == '-' ? SPAN("") : (struct span){p, len};
		p += len + (p[len] == ' ');
	}
	ck_assert_uint_ge(n, 5);
	static const char *const ops[] = {"CREATE", "UPDATE", "DELETE", "CONNECT"};
	r.verb = words[0];
	r.operation = OPERATION_NONE;
	for (size_t i = 0; i < 4; i++)
		if (span_eq_str(words[0], ops[i]))
			r.operation = (enum operation)(1 << i);
	r.endpoint = r.operation ? ENDPOINT_VALIDATE : ENDPOINT_AUTHORIZE;
	if (words[1].len > 4 && !memcmp(words[1].ptr, "url:", 4)) {
		r.path = (struct span){words[1].ptr + 4, words[1].len - 4};
	} else {
		const char *slash = memchr(words[1].ptr, '/', words[1].len);
		ck_assert_ptr_nonnull(slash);
		r.api_group = (struct span){words[1].ptr, (size_t)(slash - words[1].ptr)};
		struct span rest = {slash + 1, words[1].len - r.api_group.len - 1};
		const char *sub = memchr(rest.ptr, '/', rest.len);
		size_t len = sub ? (size_t)(sub - rest.ptr) : rest.len;
		r.resource = (struct span){rest.ptr, len};
		r.subresource = sub ? (struct span){sub + 1, rest.len - len - 1} : SPAN("");
	}
	r.version = SPAN("v1");
	r.namespace_ = words[2];
	r.name = words[3];
	r.username = words[4];
	struct span *groups = arena_calloc(arena, 16, sizeof *groups);
	for (size_t i = 5; i < n; i++)
		groups[r.group_count++] = words[i];
	r.groups = groups;
	return r;
}

struct verdict_case {
	const char *expected; /* action, then the names of the matching rules in order */
	const char *request;
};

static inline void check_cases(const char *yaml, const struct verdict_case *cases, size_t count)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(yaml);
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 1 << 20);
	for (size_t i = 0; i < count; i++) {
		arena_reset(arena);
		struct policy_request r = request_of(cases[i].request, arena);
		struct policy_decision d;
		_cleanup_(buf_free) struct buf got = BUF_INIT(1000);
		ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
		buf_add_str(&got, policy_action_name(d.action));
		for (size_t k = 0; k < d.match_count; k++)
			buf_printf(&got, " %s", d.matches[k].rule->rule);
		if (strcmp(buf_str(&got), cases[i].expected))
			ck_abort_msg("%s\nexpected %s\n     got %s", cases[i].request,
				cases[i].expected, buf_str(&got));
	}
}

#define POLICY(name)                                                                               \
	"---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: " name   \
	"}\nspec:\n"

/* SPDX-License-Identifier: Apache-2.0 */
/* See impersonation.h. */
#include "policy/review/impersonation.h"

#include <stdio.h>

#define OF	     "impersonate:"
#define ON	     "impersonate-on:"
#define NODE_USER    "system:node:"
#define ACCOUNTS_API "authentication.k8s.io"

static bool begins(struct span s, struct span prefix)
{
	return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

enum impersonation impersonation_kind(struct span verb)
{
	if (span_eq_str(verb, "impersonate") || begins(verb, SPAN(OF)))
		return IMPERSONATION_OF;
	return begins(verb, SPAN(ON)) ? IMPERSONATION_ON : IMPERSONATION_NONE;
}

struct span impersonation_action(struct span verb)
{
	const char *colon = begins(verb, SPAN(ON)) ? memrchr(verb.ptr, ':', verb.len) : NULL;

	if (!colon)
		return verb;
	return (struct span){colon + 1, verb.len - (size_t)(colon + 1 - verb.ptr)};
}

static void as_user(struct policy_request *r, char *room)
{
	int n = snprintf(room, IMPERSONATION_NAME_MAX, NODE_USER "%.*s", SPAN_FMT(r->name));

	r->resource = SPAN("users");
	if (r->name.len > 0 && n < IMPERSONATION_NAME_MAX)
		r->name = (struct span){room, (size_t)n};
}

struct policy_request impersonation_plain(
	const struct policy_request *r, char name_room[static IMPERSONATION_NAME_MAX])
{
	static const char *const core[] = {"users", "groups", "serviceaccounts"};
	struct policy_request plain = *r;

	if (!request_is_access(r) || !begins(r->verb, SPAN(OF)))
		return plain;
	plain.verb = SPAN("impersonate");
	if (!span_eq_str(r->api_group, ACCOUNTS_API))
		return plain;
	if (span_eq_str(r->resource, "nodes"))
		as_user(&plain, name_room);
	for (size_t i = 0; i < ARRAY_LEN(core); i++)
		if (span_eq_str(plain.resource, core[i])) {
			plain.api_group = SPAN("");
			plain.version = SPAN("v1");
		}
	return plain;
}

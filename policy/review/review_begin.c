/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of both kinds of reviews begin with: a text that is JSON. */
#include "common/base/clock.h"
#include "policy/review/review_internal.h"

/* Bytes are limited by whoever holds them. */
#define BODY_MAX ((size_t)1 << 30)

int review_begin(struct span body, uint32_t max_nodes, struct arena *arena, struct review *ret,
	struct json_error *ret_error)
{
	const struct json_limits limits = {
		.max_bytes = BODY_MAX, .max_depth = REVIEW_DEPTH_MAX, .max_nodes = max_nodes};

	*ret = (struct review){.request = {.doc = &ret->doc,
				       .request = JSON_NONE,
				       .object = JSON_NONE,
				       .old_object = JSON_NONE,
				       .now_us = realtime_us(),
				       .api_group = SPAN(""),
				       .version = SPAN(""),
				       .resource = SPAN(""),
				       .subresource = SPAN(""),
				       .namespace_ = SPAN(""),
				       .name = SPAN(""),
				       .username = SPAN("")}};
	return json_read(body.ptr, body.len, &limits, arena, &ret->doc, ret_error);
}

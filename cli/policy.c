/* SPDX-License-Identifier: Apache-2.0 */
/* Loading policies and reviews for the `holdpoint policy …` commands; see policy.h. */
#include "cli/policy.h"

#include <stdio.h>

#include "cli/table.h"
#include "common/base/utf8.h"
#include "policy/review/review.h"

#define REVIEW_MAX_BYTES (32u << 20)

int cli_policy_load(
	const struct command *c, const char *const *paths, size_t count, struct policy_set **ret)
{
	struct yaml_errors errors;

	if (policy_set_load(paths, count, ret, &errors) == 0) {
		buf_free(&errors.text);
		return CLI_OK;
	}
	fputs(cli_text(&errors.text), stderr);
	buf_free(&errors.text);
	return cli_error(c, CLI_FAILED, "the policies have errors");
}

int cli_policy_read_review(
	const struct command *c, const char *path, struct arena *arena, struct policy_request *ret)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(REVIEW_MAX_BYTES);
	struct review *review = arena_alloc(arena, sizeof *review);
	struct err e;
	int rc = cli_read_file(c, path, &text);

	if (rc != CLI_OK)
		return rc;
	char *copy = arena_strndup(arena, buf_span(&text).ptr, text.len);
	if (!review || !copy)
		return cli_error(c, CLI_FAILED, "%s: out of memory", path);
	if (review_read((struct span){copy, text.len}, REVIEW_NODES_DEFAULT, arena, review, &e) !=
		REVIEW_OK)
		return cli_error(c, CLI_FAILED, "%s: %s", path, e.msg);
	*ret = review->request;
	return CLI_OK;
}

static void put_resource(struct buf *out, const struct policy_request *r)
{
	utf8_put_printable(out, r->resource);
	if (r->api_group.len) {
		buf_add_char(out, '.');
		utf8_put_printable(out, r->api_group);
	}
	if (r->subresource.len) {
		buf_add_char(out, '/');
		utf8_put_printable(out, r->subresource);
	}
	buf_add_char(out, ' ');
	if (r->namespace_.len) {
		utf8_put_printable(out, r->namespace_);
		buf_add_char(out, '/');
	}
	utf8_put_printable(out, r->name.len ? r->name : SPAN("(no name)"));
}

void cli_policy_put_request(struct buf *out, const struct policy_request *r)
{
	utf8_put_printable(out, request_operation_name(r));
	buf_add_char(out, ' ');
	if (r->path.len)
		utf8_put_printable(out, r->path);
	else
		put_resource(out, r);
	buf_add_str(out, " by ");
	utf8_put_printable(out, r->username.len ? r->username : SPAN("(nobody)"));
	for (size_t i = 0; i < r->group_count; i++) {
		buf_add_str(out, i ? ", " : " (");
		utf8_put_printable(out, r->groups[i]);
	}
	if (r->group_count)
		buf_add_char(out, ')');
}

/*
 * POST /authorize: the API server's authorization webhook. The answer is "denied" with the reason,
 * or no opinion: what RBAC would not allow, Holdpoint does not allow either.
 */
#include "webhook/webhook.h"

struct span authorize_put_answer(const struct exchange *x)
{
	const struct answer *a = &x->answer;
	size_t bound = 256 + 6 * a->message.len;
	/* With room for all that may come, the buffer stays where it is. */
	struct buf b = {.ptr = arena_alloc(x->arena, bound + 1), .cap = bound + 1, .max = bound};

	if (!b.ptr)
		return (struct span){0};
	buf_add_str(&b, "{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"");
	buf_add_str(&b, x->review.api_version);
	buf_add_str(&b, "\",\"status\":{\"allowed\":false");
	if (!a->allowed) {
		buf_add_str(&b, ",\"denied\":true,\"reason\":");
		json_put_string(&b, a->message);
	}
	buf_add_str(&b, "}}");
	return b.failed ? (struct span){0} : buf_span(&b);
}

void authorize_handle(struct http_request *req, void *userdata)
{
	struct webhook *w = userdata;
	struct exchange *x = exchange_new(w, req, ENDPOINT_AUTHORIZE);
	struct err e;

	if (!x)
		return;
	if (exchange_read(x, &e) != REVIEW_OK) {
		http_reply_error(req, 400, "%s", e.msg);
		return;
	}
	exchange_decide(x);
}

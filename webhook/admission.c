/*
 * POST /validate and POST /mutate: AdmissionReview in, AdmissionReview out.
 */
#include "webhook/webhook.h"

static struct exchange *read_review(
	struct webhook *w, struct http_request *req, enum endpoint endpoint)
{
	struct exchange *x = exchange_new(w, req, endpoint);
	struct err e;

	if (!x)
		return NULL;
	switch (exchange_read(x, &e)) {
	case REVIEW_OK:
		return x;
	case REVIEW_MALFORMED:
		http_reply_error(req, 400, "%s", e.msg);
		return NULL;
	case REVIEW_UNDECIDABLE:
		break;
	}
	x->answer.uid = x->review.uid;
	exchange_refuse(x, 400, "BadRequest",
		arena_printf(x->arena, "Holdpoint cannot decide on this request: %s", e.msg));
	return NULL;
}

void admission_validate(struct http_request *req, void *userdata)
{
	struct exchange *x = read_review(userdata, req, ENDPOINT_VALIDATE);

	if (x)
		exchange_decide(x);
}

/* Denying is /validate's work, which sees the object in its last form. */
void admission_mutate(struct http_request *req, void *userdata)
{
	struct exchange *x = read_review(userdata, req, ENDPOINT_MUTATE);

	if (x)
		exchange_mutate(x);
}

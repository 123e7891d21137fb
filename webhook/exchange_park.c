/*
 * Parking: a request that waits keeps its body and little else, and everything that was made of the
 * body is made once more when it goes on. Reading and deciding take microseconds, waiting takes
 * minutes, and ten thousand may wait at once.
 */
#include <stdio.h>

#include "common/base/log.h"
#include "webhook/webhook.h"

struct parked_exchange *exchange_park(struct exchange *x)
{
	struct span uid = x->review.uid;
	struct parked_exchange *p = malloc(sizeof(*p) + uid.len);

	if (!p)
		return NULL;
	*p = (struct parked_exchange){.webhook = x->webhook,
		.http = x->http,
		.set = x->set,
		.endpoint = x->endpoint,
		.now_us = x->review.request.now_us,
		.wait_until_us = x->wait_until_us,
		.wait_began_us = x->wait_began_us,
		.waited_us = x->waited_us,
		.hold_id = x->hold.id,
		.approvals = x->hold.approvals,
		.min_approvals = x->hold.min_approvals,
		.uid_len = uid.len};
	memcpy(p->fingerprint, x->fingerprint, sizeof(p->fingerprint));
	snprintf(p->expires, sizeof(p->expires), "%s", x->hold.expires);
	if (uid.len > 0)
		memcpy(p->uid, uid.ptr, uid.len);
	if (http_request_pack(x->http) != 0) {
		free(p);
		return NULL;
	}
	return p;
}

/* Reads and decides again. -1: not as it was; only lack of memory can be why. */
static int restore(struct exchange *x, const struct parked_exchange *p)
{
	struct err e;

	if (exchange_read(x, &e) != REVIEW_OK)
		return -1;
	x->review.request.now_us = p->now_us;
	exchange_begin_answer(x);
	if (policy_decide(x->set, &x->review.request, x->arena, &x->decision) != 0)
		return -1;
	if (x->decision.action != POLICY_HOLD)
		return -1;
	x->terms = policy_decision_hold(&x->decision, &x->hold_rule_count);
	return 0;
}

static void deny_unreadable(struct parked_exchange *p)
{
	struct http_answer answer = {.status = 500, .body = SPAN("{}")};
	char text[512];

	log_error("request_denied_for_lack_of_memory", LOG_INT("hold", p->hold_id));
	if (p->endpoint != ENDPOINT_AUTHORIZE)
		answer = (struct http_answer){.status = 200,
			.body = answer_put_last_resort(
				(struct span){p->uid, p->uid_len}, text, sizeof(text))};
	exchange_count_denied(p->endpoint);
	policy_set_unref(p->set);
	http_reply(p->http, &answer);
}

struct exchange *exchange_unpark(struct parked_exchange *p)
{
	struct arena *arena = http_request_arena(p->http);
	struct exchange *x = NULL;

	if (http_request_unpack(p->http) == 0)
		x = arena_calloc(arena, 1, sizeof(*x));
	if (x) {
		*x = (struct exchange){.webhook = p->webhook,
			.http = p->http,
			.arena = arena,
			.endpoint = p->endpoint,
			.set = p->set,
			.suspended = true,
			.wait_until_us = p->wait_until_us,
			.wait_began_us = p->wait_began_us,
			.waited_us = p->waited_us,
			.hold = {.id = p->hold_id,
				.approvals = p->approvals,
				.min_approvals = p->min_approvals}};
		memcpy(x->fingerprint, p->fingerprint, sizeof(x->fingerprint));
		snprintf(x->hold.expires, sizeof(x->hold.expires), "%s", p->expires);
	}
	if (!x || restore(x, p) != 0) {
		deny_unreadable(p);
		x = NULL;
	}
	free(p);
	return x;
}

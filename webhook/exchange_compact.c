/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange that waits for long, made small: minutes may pass, and ten thousand may wait at once.
 * What later steps need is copied into one block, the decision included, so that nothing has to be
 * read or decided a second time; request body and arena go.
 */
#include "webhook/exchange_internal.h"

/* Copies texts one after the other; without a place to put them, only counts. */
struct copier {
	char *to;
	size_t used;
};

static void copy(struct copier *c, struct span *s)
{
	if (!s->ptr)
		return;
	if (c->to) {
		memcpy(c->to + c->used, s->ptr, s->len);
		s->ptr = c->to + c->used;
	}
	c->used += s->len;
}

static void copy_texts(
	struct copier *c, struct exchange *x, struct policy_match *matches, struct span *groups)
{
	struct policy_request *r = &x->request;
	struct hold_query *q = &x->query;
	struct span *const texts[] = {&x->uid, &r->verb, &r->api_group, &r->version, &r->resource,
		&r->subresource, &r->namespace_, &r->name, &r->path, &r->username, &q->reasons,
		&q->change, &q->change_unseen, &q->change_brief, &q->rules, &q->max_repeats,
		&x->verdict.approvers, &x->verdict.opens, &x->verdict.unconfirmed};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		copy(c, texts[i]);
	for (size_t i = 0; i < r->group_count; i++)
		copy(c, &groups[i]);
	for (size_t i = 0; i < x->decision.match_count; i++)
		copy(c, &matches[i].message);
}

/* What the arena held, and what pointed into the exchange at its old place. */
static void point_anew(struct exchange *x, const struct exchange *old, struct policy_match *matches,
	struct span *groups)
{
	struct policy_decision *d = &x->decision;

	x->request.groups = groups;
	x->request.doc = NULL;
	x->request.request = x->request.object = x->request.old_object = JSON_NONE;
	if (d->decisive)
		d->decisive = matches + (old->decision.decisive - old->decision.matches);
	d->matches = matches;
	x->query.request = &x->request;
	x->query.decision = d;
	x->query.uid = x->uid;
}

/* Of the verdict stays what the answer needs when nobody decides. */
static void forget_arena(struct exchange *x)
{
	struct hold_verdict *v = &x->verdict;

	v->state = v->decided_by = v->reason = v->error = (struct span){0};
	x->answer = NULL;
	x->body = (struct span){0};
}

/*
 * Blocks up to this size are bounded by their number (--max-suspended) alone; what larger ones take
 * up together is bounded too.
 */
#define LARGE_BYTES ((size_t)64 << 10)

/* Bytes counted for a block of this size, 0 for a small one; -1: there is no room. */
static int take_room(struct webhook *w, size_t bytes, size_t *ret)
{
	*ret = 0;
	if (bytes <= LARGE_BYTES || w->max_waiting_bytes == 0)
		return 0;
	if (atomic_fetch_add(&w->waiting_bytes, bytes) + bytes > w->max_waiting_bytes) {
		atomic_fetch_sub(&w->waiting_bytes, bytes);
		exchange_add(EXCHANGE_TOO_LARGE_TO_WAIT, 1);
		return -1;
	}
	exchange_add(EXCHANGE_WAITING_BYTES, (int64_t)bytes);
	*ret = bytes;
	return 0;
}

static void give_room_back(struct webhook *w, size_t bytes)
{
	atomic_fetch_sub(&w->waiting_bytes, bytes);
	exchange_add(EXCHANGE_WAITING_BYTES, -(int64_t)bytes);
}

void exchange_free_block(struct exchange *x)
{
	if (!x->compact)
		return;
	if (x->large_bytes > 0)
		give_room_back(x->webhook, x->large_bytes);
	free(x);
}

static struct exchange *copy_of(struct exchange *x)
{
	size_t matches = x->decision.match_count, groups = x->request.group_count, bytes, large;
	struct copier c = {0};
	struct exchange *small;
	struct policy_match *m;
	struct span *g;

	copy_texts(&c, x, (struct policy_match *)x->decision.matches,
		(struct span *)x->request.groups);
	bytes = sizeof(*small) + matches * sizeof(*m) + groups * sizeof(*g) + c.used;
	if (take_room(x->webhook, bytes, &large) != 0)
		return NULL;
	small = malloc(bytes);
	if (!small) {
		give_room_back(x->webhook, large);
		return NULL;
	}
	*small = *x;
	small->large_bytes = large;
	m = (struct policy_match *)(small + 1);
	g = (struct span *)(m + matches);
	memcpy(m, x->decision.matches, matches * sizeof(*m));
	if (groups > 0)
		memcpy(g, x->request.groups, groups * sizeof(*g));
	c = (struct copier){.to = (char *)(g + groups)};
	copy_texts(&c, small, m, g);
	point_anew(small, x, m, g);
	small->compact = true;
	return small;
}

struct exchange *exchange_compact(struct exchange *x)
{
	struct exchange *small;

	if (!x->compact)
		hold_query_compress(&x->query, x->arena);
	small = copy_of(x); /* again, too: the verdict is new */
	if (!small)
		return NULL;
	exchange_free_block(x);
	forget_arena(small);
	http_request_release(small->http);
	return small;
}

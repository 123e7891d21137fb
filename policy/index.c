/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the rules that may concern a request without looking at the others.
 *
 * A rule that says `secrets` in group "" for DELETE is found under the hash of exactly that; one
 * that says "*" for the group is found under a hash that leaves the group out. Which parts of a
 * request a hash covers is its *shape*: endpoint, and for each of group, resource form, verb,
 * namespace and subject whether it counts. A set of policies uses few shapes, so a request is
 * looked up once for every shape in use (and group of the user), whatever the number of rules
 * (Srinivasan et al., "Packet Classification using Tuple Space Search", 1999).
 *
 * Hashes stand for keys: a collision only makes one rule more to check. Wildcards inside names,
 * exclusions and everything else that a shape leaves out is checked on what was found.
 */
#include "policy/review/impersonation.h"
#include "policy/set_internal.h"

/* ---- shapes ---- */

enum { KIND_ADMISSION, KIND_RESOURCE, KIND_URL };	 /* bits 0-1 */
enum { SUBJECT_ANY, SUBJECT_BY_USER, SUBJECT_BY_GROUP }; /* bits 2-3 */
enum {
	SHAPE_API_GROUP = 1 << 4,
	SHAPE_RESOURCE = 1 << 5, /* or the path, of a URL */
	SHAPE_SUBRESOURCE = 1 << 6,
	SHAPE_VERB = 1 << 7,
	SHAPE_NAMESPACE = 1 << 8,
	SHAPE_COUNT = 1 << 9,
};

/* Beyond these a part of a match is left out of its shape rather than multiplied out. */
#define MAX_EXPANDED_LIST 32u
#define MAX_EXPANSION	  2048u

struct slot {
	uint64_t hash; /* 0: free */
	uint32_t first, count;
};

struct index {
	struct slot *slots;
	uint64_t mask;
	uint32_t *ids;
	uint16_t shapes[SHAPE_COUNT]; /* those in use */
	size_t shape_count;
};

/* ---- hashing ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xd6e8feb86659fd93u);
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_span(struct span s)
{
	uint64_t h = s.len + 1, word;
	const char *p = s.ptr;
	size_t left = s.len;
	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&word, p, 8);
		h = mix(h, word);
	}
	if (left) {
		word = 0;
		memcpy(&word, p, left);
		h = mix(h, word);
	}
	return h;
}

/* The hashed parts of one key; those that the shape leaves out are not looked at. */
struct key {
	uint64_t api_group, resource, subresource, verb, namespace_, subject;
};

static uint64_t hash_key(unsigned shape, const struct key *k)
{
	uint64_t h = mix(shape, 1);
	if (shape & SHAPE_API_GROUP)
		h = mix(h, k->api_group);
	if (shape & SHAPE_RESOURCE)
		h = mix(h, k->resource);
	if (shape & SHAPE_SUBRESOURCE)
		h = mix(h, k->subresource);
	if (shape & SHAPE_VERB)
		h = mix(h, k->verb);
	if (shape & SHAPE_NAMESPACE)
		h = mix(h, k->namespace_);
	if (shape >> 2 & 3)
		h = mix(h, k->subject);
	return h ? h : 1;
}

/* ---- building ---- */

struct entry {
	uint64_t hash;
	uint32_t id;
};

struct builder {
	struct entry *entries;
	size_t count, cap;
	bool used[SHAPE_COUNT];
	bool failed;
};

static void add_entry(struct builder *b, unsigned shape, const struct key *k, uint32_t id)
{
	if (b->count == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 1024;
		struct entry *more = reallocarray(b->entries, cap, sizeof *more);
		if (!more) {
			b->failed = true;
			return;
		}
		b->entries = more;
		b->cap = cap;
	}
	b->used[shape] = true;
	b->entries[b->count++] = (struct entry){hash_key(shape, k), id};
}

/* One part of a key: the hashes that it may have, or none when the shape leaves it out. */
struct part {
	uint64_t hashes[SET_MAX_LIST];
	size_t count;
};

static size_t choices(const struct part *p)
{
	return p->count ? p->count : 1;
}

static void part_of_patterns(struct part *ret, struct patterns list)
{
	ret->count = 0;
	for (size_t i = 0; i < list.count; i++) {
		if (list.items[i].glob || list.count > MAX_EXPANDED_LIST) {
			ret->count = 0;
			return;
		}
		ret->hashes[ret->count++] = hash_span(list.items[i].text);
	}
}

static uint64_t hash_operation(unsigned op)
{
	return mix(op, 0x6f70);
}

/* All verbs of impersonation are one: `impersonate` in a rule stands for the others too. */
static uint64_t hash_verb(struct span verb)
{
	return hash_span(impersonation_kind(verb) ? SPAN("impersonate") : verb);
}

static void part_of_verbs(struct part *ret, const struct match *m)
{
	if (match_is_access(m)) {
		part_of_patterns(ret, m->verbs);
		for (size_t i = 0; i < ret->count; i++)
			ret->hashes[i] = hash_verb(m->verbs.items[i].text);
		return;
	}
	ret->count = 0;
	for (unsigned op = OPERATION_CREATE; op <= OPERATION_CONNECT; op <<= 1)
		if (m->operations & op)
			ret->hashes[ret->count++] = hash_operation(op);
}

/* Exactly named users and groups; anything else makes the shape leave subjects out. */
static unsigned part_of_subjects(struct part *ret, struct subjects list)
{
	unsigned by = SUBJECT_ANY;
	ret->count = 0;
	for (size_t i = 0; i < list.count; i++) {
		const struct subject *s = &list.items[i];
		bool group = s->kind == SUBJECT_GROUP;
		struct span name = s->kind == SUBJECT_SERVICE_ACCOUNT ? s->username : s->name.text;
		unsigned this = group ? SUBJECT_BY_GROUP : SUBJECT_BY_USER;
		bool literal =
			s->kind == SUBJECT_SERVICE_ACCOUNT ? name.ptr != NULL : !s->name.glob;
		if (!literal || list.count > MAX_EXPANDED_LIST || (by && by != this)) {
			ret->count = 0;
			return SUBJECT_ANY;
		}
		by = this;
		ret->hashes[ret->count++] = hash_span(name);
	}
	return by;
}

struct parts {
	struct part api_groups, verbs, namespaces, subjects;
	unsigned kind, subject_kind;
};

static void add_products(
	struct builder *b, const struct parts *p, unsigned shape, struct key *k, uint32_t id)
{
	shape |= p->kind | p->subject_kind << 2;
	shape |= p->api_groups.count ? SHAPE_API_GROUP : 0;
	shape |= p->verbs.count ? SHAPE_VERB : 0;
	shape |= p->namespaces.count ? SHAPE_NAMESPACE : 0;
	for (size_t g = 0; g < choices(&p->api_groups); g++)
		for (size_t v = 0; v < choices(&p->verbs); v++)
			for (size_t n = 0; n < choices(&p->namespaces); n++)
				for (size_t s = 0; s < choices(&p->subjects); s++) {
					k->api_group = p->api_groups.hashes[g];
					k->verb = p->verbs.hashes[v];
					k->namespace_ = p->namespaces.hashes[n];
					k->subject = p->subjects.hashes[s];
					add_entry(b, shape, k, id);
				}
}

/* Leaves parts out, the least telling first, until the products are few enough. */
static void limit_products(struct parts *p, size_t resources)
{
	size_t all = resources * choices(&p->api_groups) * choices(&p->verbs) *
		     choices(&p->namespaces) * choices(&p->subjects);
	struct part *const give_up[] = {&p->api_groups, &p->subjects, &p->namespaces, &p->verbs};
	for (size_t i = 0; all > MAX_EXPANSION && i < ARRAY_LEN(give_up); i++) {
		all /= choices(give_up[i]);
		if (give_up[i] == &p->subjects)
			p->subject_kind = SUBJECT_ANY;
		give_up[i]->count = 0;
	}
}

static void add_urls(struct builder *b, const struct match *m, struct parts *p, uint32_t id)
{
	p->kind = KIND_URL;
	limit_products(p, m->paths.count);
	for (size_t i = 0; i < m->paths.count; i++) {
		struct key k = {0};
		bool literal = !m->paths.items[i].glob;
		if (literal)
			k.resource = hash_span(m->paths.items[i].text);
		add_products(b, p, literal ? SHAPE_RESOURCE : 0, &k, id);
	}
}

/* Constrained impersonation asks in another group, and of nodes that are users else. */
static bool asks_of_whom(const struct match *m, const struct resource_pattern *r)
{
	static const char *const whom[] = {"users", "groups", "serviceaccounts"};
	bool is = r->any_resource;
	if (!match_is_access(m) || !patterns_match(m->verbs, SPAN("impersonate")))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(whom); i++)
		is |= span_eq_str(r->resource, whom[i]);
	return is;
}

static void add_resource(struct builder *b, struct parts *p, const struct match *m,
	const struct resource_pattern *r, uint32_t id)
{
	struct key k = {
		.resource = hash_span(r->resource), .subresource = hash_span(r->subresource)};
	bool whom = asks_of_whom(m, r);
	size_t groups = p->api_groups.count;
	unsigned shape = (r->any_resource || whom ? 0 : SHAPE_RESOURCE) |
			 (r->any_subresource ? 0 : SHAPE_SUBRESOURCE);
	p->api_groups.count = whom ? 0 : groups;
	add_products(b, p, shape, &k, id);
	p->api_groups.count = groups;
}

static void index_match(struct builder *b, struct parts *p, struct subjects subjects,
	const struct match *m, uint32_t id)
{
	p->kind = match_is_access(m) ? KIND_RESOURCE : KIND_ADMISSION;
	part_of_patterns(&p->api_groups, m->api_groups);
	part_of_verbs(&p->verbs, m);
	part_of_patterns(&p->namespaces, m->namespaces.include);
	/* A list over all namespaces comes with an empty one. */
	if (match_is_access(m) && p->namespaces.count)
		p->namespaces.hashes[p->namespaces.count++] = hash_span(SPAN(""));
	p->subject_kind = part_of_subjects(&p->subjects, subjects);
	if (m->urls) {
		add_urls(b, m, p, id);
		return;
	}
	limit_products(p, m->resource_count);
	for (size_t i = 0; i < m->resource_count; i++)
		add_resource(b, p, m, &m->resources[i], id);
}

/* `record: All` concerns every request of the policy's subjects. */
static void add_record(struct builder *b, struct parts *p, struct subjects subjects, uint32_t id)
{
	for (unsigned kind = KIND_ADMISSION; kind <= KIND_URL; kind++) {
		struct key k = {0};
		p->kind = kind;
		p->api_groups.count = p->verbs.count = p->namespaces.count = 0;
		p->subject_kind = part_of_subjects(&p->subjects, subjects);
		add_products(b, p, 0, &k, id);
	}
}

static int by_hash_then_id(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static struct slot *find_slot(const struct index *x, uint64_t hash)
{
	for (uint64_t i = hash & x->mask;; i = (i + 1) & x->mask)
		if (!x->slots[i].hash || x->slots[i].hash == hash)
			return &x->slots[i];
}

static int fill(struct index *x, struct builder *b)
{
	uint64_t size = 16;
	while (size < 2 * b->count)
		size *= 2;
	x->mask = size - 1;
	x->slots = calloc(size, sizeof *x->slots);
	x->ids = calloc(b->count + 1, sizeof *x->ids);
	if (!x->slots || !x->ids)
		return -1;
	if (b->count > 0)
		qsort(b->entries, b->count, sizeof *b->entries, by_hash_then_id);
	uint32_t n = 0;
	for (size_t i = 0; i < b->count; i++) {
		const struct entry *e = &b->entries[i];
		if (i && e->hash == e[-1].hash && e->id == e[-1].id)
			continue;
		struct slot *s = find_slot(x, e->hash);
		if (!s->hash)
			*s = (struct slot){.hash = e->hash, .first = n};
		x->ids[n++] = e->id;
		s->count++;
	}
	for (unsigned shape = 0; shape < SHAPE_COUNT; shape++)
		if (b->used[shape])
			x->shapes[x->shape_count++] = (uint16_t)shape;
	return 0;
}

int index_build(struct policy_set *set)
{
	struct builder b = {0};
	_cleanup_(freep) struct parts *parts = calloc(1, sizeof *parts);
	set->index = calloc(1, sizeof *set->index);
	for (uint32_t id = 0; parts && id < set->rule_count; id++) {
		const struct rule *r = set->rules[id];
		if (r->record_only)
			add_record(&b, parts, r->policy->subjects, id);
		for (size_t i = 0; i < r->match_count; i++)
			index_match(&b, parts, r->policy->subjects, &r->matches[i], id);
	}
	int rc = parts && set->index && !b.failed ? fill(set->index, &b) : -1;
	free(b.entries);
	return rc;
}

void index_free(struct index *x)
{
	if (!x)
		return;
	free(x->slots);
	free(x->ids);
	free(x);
}

/* ---- looking up ---- */

struct lookup {
	const struct index *index;
	const struct policy_request *request;
	struct arena *arena;
	struct key key;
	uint32_t *ids;
	size_t count, cap;
};

/* Keeps ids ascending and distinct: lists are short and mostly arrive in order. */
static void insert(struct lookup *l, uint32_t id)
{
	size_t at = l->count;
	while (at && l->ids[at - 1] > id)
		at--;
	if (at && l->ids[at - 1] == id)
		return;
	memmove(&l->ids[at + 1], &l->ids[at], (l->count - at) * sizeof *l->ids);
	l->ids[at] = id;
	l->count++;
}

/* Merges two ascending lists; there is room for both. */
static void insert_many(struct lookup *l, const uint32_t *ids, size_t count)
{
	uint32_t *old = l->ids + count, *end = l->ids;
	size_t i = 0, j = 0, old_count = l->count;
	memmove(old, l->ids, old_count * sizeof *old);
	while (i < count || j < old_count) {
		bool first = j == old_count || (i < count && ids[i] <= old[j]);
		uint32_t id = first ? ids[i++] : old[j++];
		if (end == l->ids || end[-1] != id)
			*end++ = id;
	}
	l->count = (size_t)(end - l->ids);
}

static int take(struct lookup *l, unsigned shape)
{
	const struct slot *s = find_slot(l->index, hash_key(shape, &l->key));
	if (!s->hash)
		return 0;
	if (l->count + s->count > l->cap) {
		size_t cap = 2 * (l->count + s->count) + 30;
		uint32_t *more = arena_alloc(l->arena, cap * sizeof *more);
		if (!more)
			return -1;
		if (l->count)
			memcpy(more, l->ids, l->count * sizeof *more);
		l->ids = more;
		l->cap = cap;
	}
	const uint32_t *ids = l->index->ids + s->first;
	if (s->count > 64) {
		insert_many(l, ids, s->count);
		return 0;
	}
	for (uint32_t i = 0; i < s->count; i++)
		insert(l, ids[i]);
	return 0;
}

static int take_shape(struct lookup *l, unsigned shape)
{
	const struct policy_request *r = l->request;
	switch (shape >> 2 & 3) {
	case SUBJECT_BY_USER:
		l->key.subject = hash_span(r->username);
		return take(l, shape);
	case SUBJECT_BY_GROUP:
		for (size_t i = 0; i < r->group_count; i++) {
			l->key.subject = hash_span(r->groups[i]);
			if (take(l, shape) < 0)
				return -1;
		}
		return 0;
	default:
		return take(l, shape);
	}
}

int index_find(const struct index *index, const struct policy_request *r, struct arena *arena,
	const uint32_t **ret, size_t *ret_count)
{
	bool url = request_is_access(r) && r->path.len;
	unsigned kind = url ? KIND_URL : request_is_access(r) ? KIND_RESOURCE : KIND_ADMISSION;
	struct lookup l = {.index = index, .request = r, .arena = arena};
	l.key.api_group = hash_span(r->api_group);
	l.key.resource = hash_span(url ? r->path : r->resource);
	l.key.subresource = hash_span(r->subresource);
	l.key.verb = request_is_access(r) ? hash_verb(r->verb) : hash_operation(r->operation);
	l.key.namespace_ = hash_span(r->namespace_);
	for (size_t i = 0; i < index->shape_count; i++)
		if ((index->shapes[i] & 3u) == kind && take_shape(&l, index->shapes[i]) < 0)
			return -1;
	*ret = l.ids;
	*ret_count = l.count;
	return 0;
}

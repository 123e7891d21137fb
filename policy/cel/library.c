/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library of functions as the engine sees it: found by name, their signatures as types. The table
 * is handed in by whoever makes the library.
 */
#include "policy/cel/types_internal.h"

#define MAX_SIGS    20
#define TYPES_BYTES (1u << 20)

struct signatures {
	struct cel_signature *sigs;
	uint32_t count;
};

static bool accept(struct span *s, const char *text)
{
	size_t len = strlen(text);

	while (s->len > 0 && *s->ptr == ' ') {
		s->ptr++;
		s->len--;
	}
	if (s->len < len || memcmp(s->ptr, text, len) != 0)
		return false;
	s->ptr += len;
	s->len -= len;
	return true;
}

static bool parse_signature(struct arena *a, struct span *s, struct cel_signature *sig)
{
	if (!accept(s, "("))
		return false;
	while (!accept(s, ")")) {
		if (sig->param_count == ARRAY_LEN(sig->params) ||
			(sig->param_count > 0 && !accept(s, ",")) ||
			!(sig->params[sig->param_count++] = cel_type_parse(a, s)))
			return false;
		sig->variadic = accept(s, "...");
	}
	return accept(s, "->") && (sig->result = cel_type_parse(a, s)) != NULL;
}

static int read_signatures(struct arena *a, const char *text, struct signatures *ret)
{
	struct span s = span_of(text);

	ret->sigs = arena_calloc(a, MAX_SIGS, sizeof *ret->sigs);
	if (!ret->sigs)
		return -1;
	while (s.len > 0) {
		/* a mistake in the table is ours: found by the unit test, not by users */
		if (ret->count == MAX_SIGS || !parse_signature(a, &s, &ret->sigs[ret->count]))
			abort();
		ret->count++;
		accept(&s, ";");
	}
	return 0;
}

int cel_library_init(struct cel_library *l, const struct cel_function *functions, size_t count)
{
	*l = (struct cel_library){functions, count, arena_new(65536, TYPES_BYTES), NULL};
	if (l->arena)
		l->signatures = arena_calloc(l->arena, count, sizeof *l->signatures);
	if (!l->signatures)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (read_signatures(l->arena, functions[i].signatures, &l->signatures[i]) < 0)
			return -1;
	return 0;
}

void cel_library_end(struct cel_library *l)
{
	arena_free(l->arena);
}

const struct cel_function *cel_library_find(
	const struct cel_library *l, struct span name, unsigned style, size_t *at)
{
	for (size_t i = *at; i < l->count; i++) {
		const struct cel_function *f = &l->functions[i];
		if ((f->style & style) && f->name[0] == name.ptr[0] && span_eq_str(name, f->name)) {
			*at = i + 1;
			return f;
		}
	}
	*at = l->count;
	return NULL;
}

const struct cel_signature *cel_library_signatures(
	const struct cel_library *l, const struct cel_function *f, uint32_t *ret_count)
{
	const struct signatures *s = &l->signatures[f - l->functions];

	*ret_count = s->count;
	return s->sigs;
}

void cel_library_offer_names(const struct cel_library *l, struct cel_hint *h, unsigned style)
{
	const struct cel_macro_info *m;

	for (size_t i = 0; i < l->count; i++)
		if (l->functions[i].style & style)
			cel_hint_offer(h, span_of(l->functions[i].name));
	for (size_t i = 0; (m = cel_macro_at(i)) != NULL; i++)
		if (m->style & style)
			cel_hint_offer(h, span_of(m->name));
}

bool cel_function_at(const struct cel_library *l, size_t index, struct cel_function_info *ret)
{
	const struct cel_macro_info *m;

	if (index < l->count) {
		const struct cel_function *f = &l->functions[index];
		*ret = (struct cel_function_info){
			f->group, f->name, f->style & CEL_ME, f->signatures, f->doc};
		return true;
	}
	m = cel_macro_at(index - l->count);
	if (m)
		*ret = (struct cel_function_info){
			"Macros", m->name, m->style & CEL_ME, m->signatures, m->doc};
	return m != NULL;
}

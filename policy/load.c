/* SPDX-License-Identifier: Apache-2.0 */
/* From paths to a policy set: finding the files, reading, compiling, indexing; all or nothing. */
#include "policy/files_internal.h"

#include "common/base/crypto.h"
#include "common/yaml/errors.h"
#include "policy/cel/functions/library.h"
#include "policy/set_internal.h"

#include <stdio.h>

/* ---- life of a set ---- */

static void set_free(struct policy_set *s)
{
	if (!s)
		return;
	index_free(s->index);
	for (size_t i = 0; i < s->policy_count; i++)
		expressions_free(s->policies[i]->expressions);
	free(s->policies);
	free(s->sets);
	free(s->rules);
	cel_library_free(s->library);
	buf_free(&s->text);
	arena_free(s->arena);
	free(s);
}

static struct policy_set *set_new(void)
{
	struct policy_set *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	atomic_init(&s->references, 1);
	s->text = BUF_INIT(2 * SET_MAX_TOTAL_BYTES);
	s->arena = arena_new(64u << 10, SET_MAX_ARENA_BYTES);
	s->library = cel_library_new();
	if (!s->arena || !s->library) {
		set_free(s);
		return NULL;
	}
	return s;
}

struct policy_set *policy_set_ref(struct policy_set *s)
{
	atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
	return s;
}

void policy_set_unref(struct policy_set *s)
{
	if (s && atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
		set_free(s);
}

/* ---- putting it together ---- */

struct loading {
	struct policy_set *set;
	struct yaml_errors *errors;
	const struct node **roots; /* the documents, in order */
	size_t count;
};

static void take_document(const struct node *root, void *arg)
{
	struct loading *l = arg;
	const struct node **more = reallocarray(l->roots, l->count + 1, sizeof(*more));
	if (!more) {
		errors_add_at(l->errors, root, "the policies need too much memory; load fewer");
		return;
	}
	l->roots = more;
	l->roots[l->count++] = root;
}

static bool is_set(const struct node *root)
{
	const struct node *kind = root->type == NODE_MAP ? node_get(root, "kind") : NULL;
	return kind && kind->type == NODE_SCALAR && span_eq_str(kind->text, "GuardrailSet");
}

/* Sets first: a policy may name one that a later file has. */
static void compile_documents(struct loading *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (is_set(l->roots[i]))
			compile_named_set(l->set, l->roots[i], l->errors);
	for (size_t i = 0; i < l->count; i++)
		if (!is_set(l->roots[i]))
			compile_policy(l->set, l->roots[i], l->errors);
	free(l->roots);
}

static bool looks_at_namespace(const struct rule *rule)
{
	for (size_t i = 0; i < rule->match_count; i++)
		if (rule->matches[i].selector)
			return true;
	return false;
}

static bool set_looks_at_namespaces(const struct policy_set *s)
{
	for (size_t i = 0; i < s->policy_count; i++) {
		const struct policy *p = s->policies[i];
		if (expressions_use_namespace(p->expressions))
			return true;
		for (size_t k = 0; k < p->rule_count; k++)
			if (looks_at_namespace(&p->rules[k]))
				return true;
	}
	return false;
}

static struct cluster_kind *add_kind(struct policy_set *s, const struct cluster_kind *kind)
{
	for (size_t i = 0; i < s->kind_count; i++)
		if (cluster_kind_same(&s->kinds[i], kind))
			return &s->kinds[i];
	if (s->kind_count == ARRAY_LEN(s->kinds))
		return NULL;
	s->kinds[s->kind_count] = *kind;
	s->kinds[s->kind_count].indexes = NULL;
	s->kinds[s->kind_count].index_count = 0;
	return &s->kinds[s->kind_count++];
}

/* Look-ups of a kind share its objects, each with its index. NULL, or what is too much. */
static const char *add_lookup(struct policy_set *s, const struct cluster_lookup *l)
{
	struct cluster_kind *kind = add_kind(s, &l->kind);
	struct span *indexes;

	if (!kind)
		return "the policies look at more than 16 kinds of objects, or parameters, of the "
		       "cluster; let policies share some";
	if (l->index.len == 0 || cluster_kind_has_index(kind, l->index))
		return NULL;
	if (kind->index_count == CLUSTER_INDEXES_MAX)
		return "more than 8 indexes of one kind of objects";
	indexes = arena_calloc(s->arena, CLUSTER_INDEXES_MAX, sizeof *indexes);
	if (!indexes)
		return "the policies need too much memory; load fewer";
	for (size_t i = 0; i < kind->index_count; i++)
		indexes[i] = kind->indexes[i];
	indexes[kind->index_count++] = l->index;
	kind->indexes = indexes;
	return NULL;
}

static int add_lookups(struct policy_set *s, const struct policy *p, struct yaml_errors *errors)
{
	const struct cluster_lookup *l;

	for (size_t i = 0; (l = expressions_lookup(p->expressions, i)); i++) {
		const char *wrong = add_lookup(s, l);

		if (wrong) {
			errors_add_at(errors, l->index_at, "%s", wrong);
			return -1;
		}
	}
	return 0;
}

/* What must be known of the cluster so that these rules can be evaluated. */
static int list_kinds(struct policy_set *s, struct yaml_errors *errors)
{
	if (set_looks_at_namespaces(s))
		(void)add_kind(s, &cluster_namespaces);
	for (size_t i = 0; i < s->policy_count; i++) {
		const struct policy *p = s->policies[i];
		if (p->params && !add_kind(s, &p->params->kind)) {
			errors_add_at(errors, p->root,
				"the policies have parameters in more than %zu objects; let "
				"policies share some",
				ARRAY_LEN(s->kinds));
			return -1;
		}
		if (add_lookups(s, p, errors) != 0)
			return -1;
	}
	return 0;
}

/* The rules of all policies in one list, in the order of evaluation. */
static int list_rules(struct policy_set *s)
{
	size_t count = 0;
	for (size_t i = 0; i < s->policy_count; i++)
		count += s->policies[i]->rule_count + 1;
	s->rules = calloc(count + 1, sizeof(*s->rules));
	if (!s->rules)
		return -1;
	for (size_t i = 0; i < s->policy_count; i++) {
		struct policy *p = s->policies[i];
		if (p->record_all) {
			struct rule *r = arena_calloc(s->arena, 1, sizeof *r);
			if (!r)
				return -1;
			r->policy = p;
			r->record_only = true;
			s->rules[s->rule_count++] = r;
		}
		for (size_t k = 0; k < p->rule_count; k++) {
			s->mutates |= p->rules[k].info.action == POLICY_MUTATE;
			s->rules[s->rule_count++] = &p->rules[k];
		}
		s->real_rule_count += p->rule_count;
	}
	return 0;
}

const struct cluster_kind *policy_set_kinds(const struct policy_set *s, size_t *ret_count)
{
	*ret_count = s->kind_count;
	return s->kinds;
}

static void put_document(struct buf *text, const struct node *root)
{
	if (text->len)
		buf_add_str(text, "---\n");
	node_put_json(text, root);
	buf_add_char(text, '\n');
}

/* One line of JSON a document: readable, the same however the YAML was laid out, and YAML itself.
 */
static int make_digest(struct policy_set *s)
{
	uint8_t hash[SHA256_LEN];
	_cleanup_(buf_free) struct buf hex = BUF_INIT(2 * SHA256_LEN + 1);
	for (size_t i = 0; i < s->set_count; i++)
		put_document(&s->text, s->sets[i].root);
	for (size_t i = 0; i < s->policy_count; i++)
		put_document(&s->text, s->policies[i]->root);
	if (s->text.failed)
		return -1;
	struct span text = buf_span(&s->text);
	sha256_of(text.ptr, text.len, hash);
	hex_put(&hex, hash, sizeof hash);
	const char *digits = buf_str(&hex);
	if (!digits)
		return -1;
	snprintf(s->digest, sizeof(s->digest), "sha256:%s", digits);
	return 0;
}

static int finish(struct policy_set *s, struct yaml_errors *errors)
{
	errors_sort(errors);
	if (errors->count > ERRORS_MAX)
		buf_printf(&errors->text, "and %u more errors\n", errors->count - ERRORS_MAX);
	if (errors->count)
		return -1;
	if (!s->policy_count) {
		errors_add(errors, NULL, 0, 0,
			"no policy found: give a file, or a folder with *.yaml files");
		return -1;
	}
	if (list_kinds(s, errors) < 0)
		return -1;
	if (list_rules(s) < 0 || make_digest(s) < 0 || index_build(s) < 0) {
		errors_add(errors, NULL, 0, 0, "out of memory");
		return -1;
	}
	if (s->real_rule_count > SET_MAX_RULES) {
		errors_add(errors, NULL, 0, 0, "more than %u rules", SET_MAX_RULES);
		return -1;
	}
	/* The trees and the files' text belong to the loading. */
	for (size_t i = 0; i < s->rule_count; i++)
		s->rules[i]->at = NULL;
	for (size_t i = 0; i < s->policy_count; i++)
		s->policies[i]->root = NULL;
	for (size_t i = 0; i < s->set_count; i++)
		s->sets[i].root = NULL;
	return 0;
}

static void set_unref_on_error(struct policy_set *s, int rc, struct policy_set **ret)
{
	if (rc == 0)
		*ret = s;
	else
		policy_set_unref(s);
}

int policy_set_load(const char *const *paths, size_t path_count, struct policy_set **ret,
	struct yaml_errors *errors)
{
	*errors = (struct yaml_errors){0};
	struct loading l = {.set = set_new(), .errors = errors};
	struct tree_file *files;
	size_t count;
	if (!l.set) {
		errors_add(errors, NULL, 0, 0, "out of memory");
		return -1;
	}
	files_read(paths, path_count, l.set->arena, errors, &files, &count);
	for (size_t i = 0; i < count; i++)
		tree_read(&files[i], l.set->arena, errors, take_document, &l);
	compile_documents(&l);
	int rc = finish(l.set, errors);
	set_unref_on_error(l.set, rc, ret);
	return rc;
}

int policy_set_load_text(
	const char *name, struct span text, struct policy_set **ret, struct yaml_errors *errors)
{
	*errors = (struct yaml_errors){0};
	struct loading l = {.set = set_new(), .errors = errors};
	if (!l.set) {
		errors_add(errors, NULL, 0, 0, "out of memory");
		return -1;
	}
	struct tree_file file = {arena_strndup(l.set->arena, name, strlen(name)),
		{arena_strndup(l.set->arena, text.ptr, text.len), text.len}};
	if (file.path && file.text.ptr)
		tree_read(&file, l.set->arena, errors, take_document, &l);
	else
		errors_add(errors, NULL, 0, 0, "out of memory");
	compile_documents(&l);
	int rc = finish(l.set, errors);
	set_unref_on_error(l.set, rc, ret);
	return rc;
}

int policy_set_load_recorded(struct span text, struct policy_set **ret, struct yaml_errors *errors)
{
	return policy_set_load_text("recorded", text, ret, errors);
}

/* ---- looking ---- */

size_t policy_set_policy_count(const struct policy_set *s)
{
	return s->policy_count;
}

size_t policy_set_rule_count(const struct policy_set *s)
{
	return s->real_rule_count;
}

void policy_set_each_rule(const struct policy_set *s,
	void (*take)(const struct policy_rule_info *rule, void *arg), void *arg)
{
	for (size_t i = 0; i < s->rule_count; i++)
		if (!s->rules[i]->record_only)
			take(&s->rules[i]->info, arg);
}

const char *policy_set_digest(const struct policy_set *s)
{
	return s->digest;
}

struct span policy_set_text(const struct policy_set *s)
{
	return buf_span(&s->text);
}

bool policy_set_mutates(const struct policy_set *s)
{
	return s->mutates;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* paramKind and paramRef: which object of the cluster a policy's `params` is. */
#include "common/yaml/errors.h"
#include "policy/compile_internal.h"

/* "v1" or "apps/v1". */
static bool split_api_version(struct span s, struct cluster_kind *ret)
{
	const char *slash = s.len > 0 ? memchr(s.ptr, '/', s.len) : NULL;
	const size_t len = slash ? (size_t)(slash - s.ptr) : 0;
	ret->group = (struct span){s.ptr, len};
	ret->version = slash ? (struct span){slash + 1, s.len - len - 1} : s;
	return (!slash || compiler_is_name(ret->group, true, 253)) &&
	       compiler_is_name(ret->version, false, 63);
}

static bool is_kind(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		const char c = s.ptr[i];
		if (!(c >= 'A' && c <= 'Z') && !(i && c >= 'a' && c <= 'z') &&
			!(i && c >= '0' && c <= '9'))
			return false;
	}
	return s.len > 0 && s.len <= 63;
}

void compile_kind(struct compiler *c, const struct yaml_str *api_version,
	const struct yaml_str *kind, struct cluster_kind *ret)
{
	if (!api_version->at || !kind->at)
		return; /* said when it was read */
	if (!split_api_version(api_version->s, ret))
		errors_add_at(c->errors, api_version->at,
			"apiVersion is a version (v1) or a group and a version "
			"(rules.example.com/v1)");
	if (!is_kind(kind->s))
		errors_add_at(c->errors, kind->at,
			"write the kind as its objects do (\"ConfigMap\", not \"configmaps\")");
	else if (span_eq_str(kind->s, "Secret") && !ret->group.len)
		errors_add_at(c->errors, kind->at,
			"Secrets are not read for policies: use a ConfigMap or a custom resource");
	ret->kind = kind->s;
}

static void check_name(struct compiler *c, const struct yaml_str *s, const char *what)
{
	if (s->at && !compiler_is_name(s->s, true, 253))
		errors_add_at(c->errors, s->at,
			"%s is one object's: lower-case letters, digits, \"-\" and \".\"", what);
}

void compile_params(struct compiler *c, struct policy *p, const struct source_spec *s)
{
	const struct source_param_kind *kind = s->param_kind.value;
	const struct source_param_ref *ref = s->param_ref.value;
	if (!s->param_kind.at && !s->param_ref.at)
		return;
	if (!s->param_kind.at || !s->param_ref.at)
		errors_add_at(c->errors, s->param_kind.at ? s->param_kind.at : s->param_ref.at,
			"paramKind (of which kind) and paramRef (which object) need each other");
	struct cluster_params *out = compiler_alloc(c, p->root, 1, sizeof *out);
	if (!out || !kind || !ref)
		return;
	compile_kind(c, &kind->api_version, &kind->kind, &out->kind);
	if (!out->kind.group.len && span_eq_str(out->kind.kind, "ConfigMap"))
		out->kind.resource = SPAN("configmaps");
	check_name(c, &ref->name, "name");
	check_name(c, &ref->namespace_, "namespace");
	out->name = out->kind.name = ref->name.s;
	out->namespace_ = out->kind.namespace_ = ref->namespace_.at ? ref->namespace_.s : SPAN("");
	out->may_be_absent = ref->absent.v == ABSENT_PARAMS_ALLOW;
	p->params = out;
	if (expressions_declare_params(p->expressions, out->kind.resource.len > 0) < 0)
		errors_add_at(c->errors, s->param_kind.at, "the policies need too much memory");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: only what is known to be no secret stays, kind, type, and of the metadata what the API
 * server needs. Everything else is masked, field names excepted; and the API server's messages
 * about Secrets, which quote what was sent.
 */
#include "common/mask/mask_kube_internal.h"

/* Kinds whose fields are not a Secret's although the request is about Secrets. */
static bool is_envelope(struct mask_frame *f, const struct mask_shape *s)
{
	static const char *const kinds[] = {"Status", "Table", "List", "SecretList",
		"PartialObjectMetadataList", "DeleteOptions", "WatchEvent", "AdmissionReview"};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (mask_string_is(f, s->kind, span_of(kinds[i])))
			return true;
	}
	return false;
}

static bool has_secret_type(struct mask_frame *f, const struct mask_shape *s)
{
	static const char *const types[] = {"Opaque", "kubernetes.io/service-account-token",
		"kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson",
		"kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "kubernetes.io/tls",
		"bootstrap.kubernetes.io/token", "helm.sh/release.v1"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (mask_string_is(f, s->type, span_of(types[i])))
			return true;
	}
	return false;
}

/* {"kind":"Secret","name":"db"}: only says which Secret is meant. */
static bool is_reference(struct mask_frame *f, json_ref r, const struct mask_shape *s)
{
	uint32_t i = 0;

	json_foreach_member (k, f->doc, r) {
		int type = json_type(f->doc, k + 1);
		bool scalar = type != JSON_OBJECT && type != JSON_ARRAY;
		bool flag = type == JSON_TRUE || type == JSON_FALSE || type == JSON_NULL;

		if (i >= MASK_SHAPE_NAMES || !((scalar && s->names[i].reference) || flag))
			return false;
		i++;
	}
	return true;
}

bool mask_is_secret(
	struct mask_frame *f, json_ref r, const struct mask_shape *s, struct mask_where w)
{
	if (w.flags & WHERE_SCHEMA)
		return false;
	if (w.flags & WHERE_SECRET)
		return !is_envelope(f, s);
	if (s->kind != JSON_NONE && mask_string_is(f, s->kind, SPAN("Secret")))
		return !is_reference(f, r, s);
	if (json_type(f->doc, s->string_data) == JSON_OBJECT)
		return true;
	return json_type(f->doc, s->data) == JSON_OBJECT && s->type != JSON_NONE &&
	       has_secret_type(f, s);
}

/* The pseudonym of data is made of what its base64 spells, so that it equals stringData's. */
static int mask_data_value(struct mask_frame *f, json_ref v)
{
	struct span text, decoded;

	if (json_type(f->doc, v) != JSON_STRING)
		return mask_unless_harmless(f, v, RULE_SECRET_DATA);
	text = mask_string(f, v);
	if (!text.ptr)
		return -1;
	if (base64_decode(text, BASE64, f->ctx->arena, &decoded) < 0)
		decoded = text;
	return mask_node_as(f, v, decoded, RULE_SECRET_DATA);
}

/* Annotations of Secrets that say whose they are and what for. */
static bool is_plain_annotation(struct span name)
{
	static const char *const begins[] = {"cert-manager.io/", "meta.helm.sh/",
		"kubernetes.io/service-account.", "argocd.argoproj.io/tracking-id"};

	for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
		size_t n = strlen(begins[i]);

		if (name.len >= n && memcmp(name.ptr, begins[i], n) == 0)
			return true;
	}
	return false;
}

static int mask_annotations(struct mask_frame *f, json_ref v)
{
	if (json_type(f->doc, v) != JSON_OBJECT)
		return mask_unless_harmless(f, v, RULE_SECRET_ANNOTATION);
	json_foreach_member (k, f->doc, v) {
		struct span name = mask_string(f, k);
		int ret;

		if (!name.ptr || mask_key_text(f, k) < 0)
			return -1;
		if (json_type(f->doc, k + 1) != JSON_STRING)
			ret = mask_unless_harmless(f, k + 1, RULE_SECRET_ANNOTATION);
		else if (is_plain_annotation(name))
			ret = mask_string_value(f, k + 1, (struct mask_where){0});
		else
			ret = mask_node(f, k + 1, RULE_SECRET_ANNOTATION);
		if (ret < 0)
			return -1;
	}
	return 0;
}

static int mask_each(struct mask_frame *f, json_ref v, bool base64, enum mask_rule rule)
{
	if (json_type(f->doc, v) != JSON_OBJECT)
		return mask_unless_harmless(f, v, rule);
	json_foreach_member (k, f->doc, v) {
		int ret;

		if (mask_key_text(f, k) < 0)
			return -1;
		if (base64)
			ret = mask_data_value(f, k + 1);
		else if (json_type(f->doc, k + 1) == JSON_STRING)
			ret = mask_node(f, k + 1, rule);
		else
			ret = mask_unless_harmless(f, k + 1, rule);
		if (ret < 0)
			return -1;
	}
	return 0;
}

int mask_secret_values(struct mask_frame *f, json_ref v, bool base64)
{
	return mask_each(f, v, base64, RULE_SECRET_DATA);
}

static int mask_secret_metadata(struct mask_frame *f, json_ref v, struct mask_where w)
{
	struct mask_where c = {.flags = w.flags & WHERE_SECRETS, .depth = (uint16_t)(w.depth + 2)};

	if (json_type(f->doc, v) != JSON_OBJECT)
		return mask_unless_harmless(f, v, RULE_SECRET_OTHER);
	json_foreach_member (k, f->doc, v) {
		struct mask_name name = mask_key_name(f, k);
		int ret;

		if (name.field == FIELD_NAME || name.field == FIELD_META_KEPT ||
			name.field == FIELD_LABELS)
			ret = mask_walk(f, k + 1, c);
		else if (name.field == FIELD_MANAGED_FIELDS)
			ret = mask_managed_fields(f, k + 1, c);
		else if (name.field == FIELD_ANNOTATIONS)
			ret = mask_annotations(f, k + 1);
		else
			ret = mask_unless_harmless(f, k + 1, RULE_SECRET_OTHER);
		if (ret < 0)
			return -1;
	}
	return 0;
}

/* kind, apiVersion and type are short words; anything else there is no such thing. */
static int mask_secret_word(struct mask_frame *f, json_ref v)
{
	struct span text;

	if (json_type(f->doc, v) != JSON_STRING)
		return mask_unless_harmless(f, v, RULE_SECRET_OTHER);
	text = mask_string(f, v);
	if (!text.ptr || text.len > 253 ||
		(mask_looks_random(text) && !memchr(text.ptr, '/', text.len)))
		return mask_node(f, v, RULE_SECRET_OTHER);
	return mask_string_value(f, v, (struct mask_where){0});
}

static int mask_secret_member(
	struct mask_frame *f, json_ref v, struct mask_name name, struct mask_where w)
{
	switch (name.field) {
	case FIELD_KIND:
	case FIELD_API_VERSION:
	case FIELD_TYPE:
		return mask_secret_word(f, v);
	case FIELD_METADATA:
		return mask_secret_metadata(f, v, w);
	case FIELD_DATA:
		return mask_secret_values(f, v, true);
	case FIELD_STRING_DATA:
		return mask_secret_values(f, v, false);
	case FIELD_ITEMS:
		if (json_type(f->doc, v) == JSON_ARRAY) {
			w.flags |= WHERE_SECRET;
			w.depth++;
			return mask_walk(f, v, w);
		}
		break;
	default:
		break;
	}
	return mask_unless_harmless(f, v, RULE_SECRET_OTHER);
}

int mask_secret(struct mask_frame *f, json_ref r, struct mask_where w)
{
	json_foreach_member (k, f->doc, r) {
		struct mask_name name = mask_key_name(f, k);

		if (!name.known && mask_key_text(f, k) < 0)
			return -1;
		if (mask_secret_member(f, k + 1, name, w) < 0)
			return -1;
	}
	return 0;
}

/* Secret "x" is invalid: data: Forbidden: field is immutable when `immutable` is set */
static bool is_forbidden_change(struct span text)
{
	static const char end[] = "Forbidden: field is immutable when `immutable` is set";
	const size_t n = sizeof(end) - 1;

	return text.len > n && text.len < 400 && memcmp(text.ptr, "Secret \"", 8) == 0 &&
	       memcmp(text.ptr + text.len - n, end, n) == 0 &&
	       !memmem(text.ptr, text.len, "Invalid value", 13);
}

/* What the API server says about Secrets quotes only names in these messages. */
int mask_secret_message(struct mask_frame *f, json_ref r)
{
	static const char *const kept[] = {"secrets \"", "secrets is forbidden",
		"Operation cannot be fulfilled on secrets", "admission webhook \"",
		"Connection closed early", "resource name may not be empty"};
	static const char *const quoting[] = {
		"Invalid value", "Error in #", "invalid:", "unmarshal", "decod", "pars"};
	struct span text = mask_string(f, r);
	bool keep = false;

	if (!text.ptr)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		keep |= text.len >= strlen(kept[i]) &&
			memcmp(text.ptr, kept[i], strlen(kept[i])) == 0;
	for (size_t i = 0; i < ARRAY_LEN(quoting); i++)
		keep &= !memmem(text.ptr, text.len, quoting[i], strlen(quoting[i]));
	if (!keep && !is_forbidden_change(text))
		return mask_unless_harmless(f, r, RULE_SECRET_MESSAGE);
	return mask_string_value(f, r, (struct mask_where){0});
}

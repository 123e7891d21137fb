/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of a flag table: first the command line, then the environment for what was not given
 * there; at last the required ones are checked. Values are read in flags_value.c, help is made in
 * flags_help.c from the same table.
 */
#include "common/base/flags.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "common/base/flags_value.h"
#include "common/base/suggest.h"

#define FLAG_NAME_MAX  64
#define FLAG_TABLE_MAX 128

/* Where a value came from, as error messages name it: "--threads" or "HOLDPOINT_THREADS". */
struct source {
	const struct flag *flag;
	const char *name;
};

struct parse {
	const struct flag *table;
	bool given[FLAG_TABLE_MAX];
	const char **args;
	size_t max_args;
	size_t arg_count;
	struct err *e;
};

/*
 * List values from the environment are cut at commas in a copy. The copies live as long as the
 * process, like the environment itself.
 */
static struct env_copy {
	struct env_copy *next;
	char text[];
} * env_copies;

static int unknown_flag(const struct parse *p, struct span name)
{
	const char *names[FLAG_TABLE_MAX];
	size_t count = 0;

	for (const struct flag *f = p->table; f->name; f++)
		names[count++] = f->name;
	const char *close = suggest(name, names, count);
	if (close)
		return err_set(
			p->e, "unknown flag --%.*s: did you mean --%s?", SPAN_FMT(name), close);
	return err_set(p->e, "unknown flag --%.*s: see --help", SPAN_FMT(name));
}

static int set_bool(const struct source *src, struct span text, struct err *e)
{
	bool is_true = span_eq_str(text, "true") || span_eq_str(text, "1");
	if (!is_true && !span_eq_str(text, "false") && !span_eq_str(text, "0"))
		return err_set(e, "%s=%.*s: must be true or false", src->name, SPAN_FMT(text));
	*(bool *)src->flag->value = is_true;
	return 0;
}

static int set_one_of(const struct source *src, struct span text, struct err *e)
{
	struct buf allowed _cleanup_(buf_free) = BUF_INIT(512);

	for (const char *const *v = src->flag->one_of; *v; v++) {
		if (strlen(*v) == text.len && strncasecmp(text.ptr, *v, text.len) == 0) {
			*(const char **)src->flag->value = *v;
			return 0;
		}
		buf_printf(&allowed, "%s%s",
			v == src->flag->one_of ? ""
			: v[1]		       ? ", "
					       : " or ",
			*v);
	}
	const char *list = buf_str(&allowed);
	return err_set(e, "%s=%.*s: must be %s", src->name, SPAN_FMT(text), list ? list : "…");
}

static int read_number(const struct flag *f, struct span text, int64_t *ret)
{
	char copy[32], *end;

	if (f->type == FLAG_BYTES)
		return bytes_parse(text, ret);
	if (f->type == FLAG_DURATION_MS)
		return duration_parse_ms(text, ret);
	if (text.len == 0 || text.len >= sizeof(copy) || isspace((unsigned char)text.ptr[0]))
		return -1;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = 0;
	errno = 0;
	*ret = strtoll(copy, &end, 10);
	return errno != 0 || *end ? -1 : 0;
}

static void put_number(struct buf *out, enum flag_type type, int64_t v)
{
	if (type == FLAG_BYTES)
		bytes_put(out, v);
	else if (type == FLAG_DURATION_MS)
		duration_put(out, v);
	else
		buf_printf(out, "%lld", (long long)v);
}

static int set_number(const struct source *src, struct span text, struct err *e)
{
	static const char *const kinds[] = {[FLAG_INT] = "a whole number",
		[FLAG_BYTES] = "a size such as 64Mi or 10k",
		[FLAG_DURATION_MS] = "a duration such as 1h30m, 20s or 250ms"};
	const struct flag *f = src->flag;
	int64_t v;

	if (read_number(f, text, &v) < 0)
		return err_set(e, "%s=%.*s: must be %s", src->name, SPAN_FMT(text), kinds[f->type]);
	if ((f->min != 0 || f->max != 0) && (v < f->min || v > f->max)) {
		struct buf bounds _cleanup_(buf_free) = BUF_INIT(128);
		put_number(&bounds, f->type, f->min);
		buf_add_str(&bounds, " and ");
		put_number(&bounds, f->type, f->max);
		return err_set(e, "%s=%.*s: must be between %s", src->name, SPAN_FMT(text),
			buf_str(&bounds));
	}
	*(int64_t *)f->value = v;
	return 0;
}

static int add_to_list(const struct source *src, const char *text, struct err *e)
{
	struct flag_list *list = src->flag->value;
	if (list->count == FLAG_LIST_MAX)
		return err_set(e, "%s: given more than %d times", src->name, FLAG_LIST_MAX);
	list->items[list->count++] = text;
	return 0;
}

/* text is NUL-terminated and outlives the program's use of it. */
static int set_value(const struct source *src, const char *text, struct err *e)
{
	switch (src->flag->type) {
	case FLAG_STRING:
		if (src->flag->one_of)
			return set_one_of(src, span_of(text), e);
		*(const char **)src->flag->value = text;
		return 0;
	case FLAG_STRING_LIST:
		return add_to_list(src, text, e);
	case FLAG_BOOL:
		return set_bool(src, span_of(text), e);
	case FLAG_INT:
	case FLAG_BYTES:
	case FLAG_DURATION_MS:
		return set_number(src, span_of(text), e);
	}
	return err_set(e, "%s: flag of an unknown type", src->name);
}

/* "HOLDPOINT_TLS_CERT_FILE" for "tls-cert-file". */
static void flag_env_name(char *ret, size_t cap, const char *name)
{
	snprintf(ret, cap, "HOLDPOINT_%s", name);
	for (char *c = ret; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

static int set_list_from_env(const struct source *src, const char *text, struct err *e)
{
	size_t len = strlen(text) + 1;
	struct env_copy *copy = malloc(sizeof(*copy) + len);
	char *rest, *item;

	if (!copy)
		return err_set(e, "%s: out of memory", src->name);
	memcpy(copy->text, text, len);
	copy->next = env_copies;
	env_copies = copy;
	((struct flag_list *)src->flag->value)->count = 0;
	for (rest = copy->text; (item = strsep(&rest, ","));)
		if (*item && add_to_list(src, item, e) < 0)
			return -1;
	return 0;
}

static int read_env(struct parse *p)
{
	for (const struct flag *f = p->table; f->name; f++) {
		char name[FLAG_NAME_MAX + 16];
		flag_env_name(name, sizeof(name), f->name);
		const char *text = f->no_env || p->given[f - p->table] ? NULL : getenv(name);
		if (!text || !*text)
			continue;
		const struct source src = {f, name};
		p->given[f - p->table] = true;
		if (f->type == FLAG_STRING_LIST ? set_list_from_env(&src, text, p->e) < 0
						: set_value(&src, text, p->e) < 0)
			return -1;
	}
	return 0;
}

static const struct flag *find_long(const struct flag *table, struct span name)
{
	for (const struct flag *f = table; f->name; f++)
		if (span_eq_str(name, f->name))
			return f;
	return NULL;
}

static const struct flag *find_short(const struct flag *table, char name)
{
	for (const struct flag *f = table; f->name; f++)
		if (f->short_name && f->short_name == name)
			return f;
	return NULL;
}

/* inline_value: what follows "=", or NULL. Returns how many arguments were used, or -1. */
static int take_flag(struct parse *p, const struct flag *f, const char *shown,
	const char *inline_value, const char *next)
{
	const struct source src = {f, shown};
	size_t index = (size_t)(f - p->table);
	const char *value = inline_value;

	if (!value && f->type == FLAG_BOOL)
		value = "true";
	else if (!value)
		value = next;
	if (!value)
		return err_set(
			p->e, "%s needs a value: %s %s", shown, shown, f->arg ? f->arg : "VALUE");
	/* The first one on the command line replaces the defaults of a list. */
	if (f->type == FLAG_STRING_LIST && !p->given[index])
		((struct flag_list *)f->value)->count = 0;
	p->given[index] = true;
	if (set_value(&src, value, p->e) < 0)
		return -1;
	return !inline_value && f->type != FLAG_BOOL ? 2 : 1;
}

static int take_long(struct parse *p, const char *arg, const char *next)
{
	char shown[FLAG_NAME_MAX + 3];
	const char *equals = strchr(arg + 2, '=');
	struct span name = {arg + 2, equals ? (size_t)(equals - arg - 2) : strlen(arg + 2)};
	const struct flag *f = find_long(p->table, name);

	if (!f)
		return unknown_flag(p, name);
	snprintf(shown, sizeof(shown), "--%s", f->name);
	return take_flag(p, f, shown, equals ? equals + 1 : NULL, next);
}

static int take_short(struct parse *p, const char *arg, const char *next)
{
	const struct flag *f = find_short(p->table, arg[1]);
	char shown[] = {'-', arg[1], 0};
	const char *value = arg[2] ? arg + 2 : NULL;

	if (!f)
		return err_set(p->e, "unknown flag %s: see --help", arg);
	if (value && *value == '=')
		value++;
	return take_flag(p, f, shown, value, next);
}

static int take_positional(struct parse *p, const char *arg)
{
	if (p->arg_count == p->max_args)
		return err_set(p->e, "unexpected argument \"%s\": see --help", arg);
	p->args[p->arg_count++] = arg;
	return 1;
}

static int read_args(struct parse *p, int argc, char **argv)
{
	bool flags_ended = false;

	for (int i = 1, used; i < argc; i += used) {
		const char *arg = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		used = 1;
		if (!flags_ended && strcmp(arg, "--") == 0)
			flags_ended = true;
		else if (flags_ended || arg[0] != '-' || !arg[1])
			used = take_positional(p, arg);
		else if (arg[1] == '-')
			used = take_long(p, arg, next);
		else
			used = take_short(p, arg, next);
		if (used < 0)
			return -1;
	}
	return 0;
}

static bool help_wanted(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int check_required(const struct parse *p)
{
	for (const struct flag *f = p->table; f->name; f++) {
		char env[FLAG_NAME_MAX + 16];
		if (!f->required || p->given[f - p->table])
			continue;
		flag_env_name(env, sizeof(env), f->name);
		return err_set(p->e, "--%s is required%s%s%s", f->name, f->no_env ? "" : " (or ",
			f->no_env ? "" : env, f->no_env ? "" : ")");
	}
	return 0;
}

int flags_parse(const struct flag *table, int argc, char **argv, const char **ret_args,
	size_t max_args, size_t *ret_arg_count, struct err *e)
{
	struct parse p = {.table = table, .args = ret_args, .max_args = max_args, .e = e};
	size_t count = 0;

	while (table[count].name)
		count++;
	if (count > FLAG_TABLE_MAX)
		return err_set(e, "a flag table holds at most %d flags", FLAG_TABLE_MAX);
	if (help_wanted(argc, argv))
		return 1;
	if (read_args(&p, argc, argv) < 0 || read_env(&p) < 0 || check_required(&p) < 0)
		return -1;
	if (ret_arg_count)
		*ret_arg_count = p.arg_count;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines.
 *
 * In pod templates they are configuration: the words that options and names call secret are masked.
 * What is run with exec was typed by somebody, secrets and all, so there only words stay that are
 * known to be harmless: the program, options' names, paths, small numbers, plain words.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_own_internal.h"
#include "common/mask/mask_text_internal.h"

static size_t count_of(struct span s, bool (*is)(char c))
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += is(s.ptr[i]);
	return n;
}

/* drop, ORDERS, Dockerfile: one case (a capital first allowed), and not longer than words are. */
static bool is_plain_word(struct span s)
{
	size_t lower = count_of(s, is_lower), upper = count_of(s, is_upper);

	if (s.len == 0 || s.len > 16 || lower + upper != s.len)
		return false;
	return upper == 0 || lower == 0 || (upper == 1 && is_upper(s.ptr[0]));
}

/* Programs and words of the trade that are more than letters. */
static bool is_known_word(struct span s)
{
	static const char *const known[] = {"apt-get", "apt-cache", "base64", "bzip2", "curl",
		"docker-compose", "docker-entrypoint.sh", "e2fsck", "ip6tables", "ipv4", "ipv6",
		"kube-proxy", "kube-system", "md5sum", "pg_dump", "pg_dumpall", "pg_isready",
		"pg_restore", "pip3", "python2", "python3", "redis-cli", "sha1sum", "sha256sum",
		"sha512sum", "utf8", "utf-8"};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (span_eq_str(s, known[i]))
			return true;
	}
	return false;
}

/* -c, -xmf, -9, --all-namespaces */
static bool is_option(struct span s)
{
	size_t dashes = s.len > 1 && s.ptr[1] == '-' ? 2 : 1, digits;

	if (s.len == 0 || s.ptr[0] != '-')
		return false;
	if (s.len == dashes)
		return true;
	s.ptr += dashes;
	s.len -= dashes;
	digits = count_of(s, is_digit);
	if (dashes == 1)
		return (digits == s.len && s.len <= 5) ||
		       (count_of(s, is_letter) == s.len && s.len <= 4);
	for (size_t i = 0; i < s.len; i++) {
		if (!is_lower(s.ptr[i]) && s.ptr[i] != '-')
			return false;
	}
	return s.len <= 40;
}

static bool is_path_segment(struct span s)
{
	size_t digits = count_of(s, is_digit), lower = count_of(s, is_lower);
	size_t upper = count_of(s, is_upper);

	for (size_t i = 0; i < s.len; i++) {
		if (!is_letter(s.ptr[i]) && !is_digit(s.ptr[i]) && !strchr("._-~", s.ptr[i]))
			return false;
	}
	if (s.len > 48 || mask_looks_random(s))
		return false;
	return s.len < 8 || !(digits > 0 && lower > 0 && upper > 0);
}

static bool is_path(struct span s)
{
	const char *p = s.ptr, *end = s.ptr + s.len;

	if (s.len < 2 || !strchr("/.~", *p) || !memchr(p, '/', s.len))
		return false;
	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		const char *stop = slash ? slash : end;

		if (!is_path_segment((struct span){p, (size_t)(stop - p)}))
			return false;
		p = slash ? slash + 1 : end;
	}
	return true;
}

/* 5432, 10m, 0.5 */
static bool is_small_number(struct span s)
{
	size_t n = s.len;

	if (n > 1 && is_letter(s.ptr[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s.ptr[i]) && s.ptr[i] != '.')
			return false;
	}
	return n > 0 && n <= 5;
}

/* app.py, nginx.conf */
static bool is_file_name(struct span s)
{
	const char *dot = memchr(s.ptr, '.', s.len);
	struct span base, end;

	if (!dot)
		return false;
	base = (struct span){s.ptr, (size_t)(dot - s.ptr)};
	end = (struct span){dot + 1, s.len - base.len - 1};
	return is_plain_word(base) && end.len > 0 && end.len <= 4 &&
	       count_of(end, is_lower) == end.len;
}

/* $HOME, $1, ${NAME} lose their sign and braces by then. */
static bool is_variable(struct span s)
{
	if (s.len < 2 || s.ptr[0] != '$' || s.len > 40)
		return false;
	for (size_t i = 1; i < s.len; i++) {
		if (!is_upper(s.ptr[i]) && s.ptr[i] != '_' && !(is_digit(s.ptr[i]) && s.len <= 3))
			return false;
	}
	return true;
}

static bool is_punctuation(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_letter(s.ptr[i]) || is_digit(s.ptr[i]) || (uint8_t)s.ptr[i] >= 0x80)
			return false;
	}
	return s.len <= 3;
}

bool mask_harmless_word(struct span s)
{
	return is_punctuation(s) || is_plain_word(s) || is_option(s) || is_path(s) ||
	       is_small_number(s) || is_file_name(s) || is_variable(s) || is_known_word(s);
}

/* ---- exec ---- */

static bool splits_words(char c)
{
	return (uint8_t)c <= ' ' || strchr("\"'`;|&()<>{}[],", c) != NULL;
}

/* The words behind echo are what it writes: often into `passwd --stdin`. */
static bool writes_words(struct span s)
{
	return span_eq_str(s, "echo") || span_eq_str(s, "printf") || span_eq_str(s, "passwd") ||
	       span_eq_str(s, "chpasswd") || span_eq_str(s, "htpasswd");
}

/* NAME=value and host:port are judged by their parts. */
static int judge_word(struct mask_frame *f, size_t off, size_t len, bool all)
{
	const char *p = f->text.ptr + off, *cut;
	struct span word = {p, len};

	if (!all && mask_harmless_word(word))
		return 0;
	cut = memchr(p, '=', len);
	if (!cut && !all)
		cut = memchr(p, ':', len);
	if (cut && cut > p && cut + 1 < p + len) {
		struct span name = {p, (size_t)(cut - p)};
		bool secret = all || mask_name_class(f->ctx->m, name) == NAME_STRONG;

		if (!mask_looks_random(name) && name.len <= 40 &&
			judge_word(f, (size_t)(cut + 1 - f->text.ptr), len - name.len - 1, secret) <
				0)
			return -1;
		if (!mask_looks_random(name) && name.len <= 40)
			return *cut == '=' ? 0 : judge_word(f, off, name.len, all);
	}
	return mask_range(f, off, len, RULE_COMMAND_WORD);
}

static int judge_words(struct mask_frame *f, size_t off, size_t len, bool *ret_all)
{
	const char *text = f->text.ptr;
	size_t end = off + len;
	bool all = *ret_all;

	while (off < end) {
		size_t pseudonym =
			text[off] == '[' ? mask_pseudonym_len((struct span){text + off, end - off})
					 : 0;
		size_t n = 0;

		if (pseudonym > 0) {
			off += pseudonym;
			continue;
		}
		if (splits_words(text[off])) {
			if (text[off] && strchr(";|&\n", text[off]))
				all = false;
			off++;
			continue;
		}
		while (off + n < end && !splits_words(text[off + n]))
			n++;
		if (judge_word(f, off, n, all) < 0)
			return -1;
		all |= writes_words((struct span){text + off, n});
		off += n;
	}
	*ret_all = all;
	return 0;
}

static bool is_program(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_letter(s.ptr[i]) && !is_digit(s.ptr[i]) && !strchr("._/-+", s.ptr[i]))
			return false;
	}
	return s.len > 0 && s.len <= 64 && !mask_looks_random(s);
}

/* ---- elements of a command line ---- */

static bool asks_for_secret(struct mask_frame *f, struct span word)
{
	size_t dashes = 0;

	while (dashes < 2 && dashes < word.len && word.ptr[dashes] == '-')
		dashes++;
	if (dashes == 0 || memchr(word.ptr, '=', word.len) || memchr(word.ptr, ' ', word.len))
		return false;
	word.ptr += dashes;
	word.len -= dashes;
	return word.len > 1 && mask_name_class(f->ctx->m, word) == NAME_STRONG;
}

/* mysql -p, redis-cli -a, curl -u user:password. *ret_done: the element is dealt with. */
/* user:password in a word of its own, or behind the option's '='. */
static int user_word(struct mask_frame *f, size_t off)
{
	struct span word = {f->text.ptr + off, f->text.len - off};
	size_t password = mask_user_password(word);

	return mask_range(f, off + password, word.len - password, RULE_COMMAND_OPTION);
}

/* *ret_done: the word was such an option. */
static int short_option(struct mask_frame *f, struct mask_command *c, bool *ret_done)
{
	struct span word = f->text;
	const char *equals = memchr(word.ptr, '=', word.len);
	size_t name_len = equals ? (size_t)(equals - word.ptr) : word.len;
	bool user = c->next_is_user;

	c->next_is_user = mask_is_user_option(word);
	*ret_done = true;
	if (user && mask_user_password(word) < word.len)
		return user_word(f, 0);
	if (equals && name_len > 2 && mask_is_user_option((struct span){word.ptr, name_len}))
		return user_word(f, name_len + 1);
	*ret_done = word.len >= 2 && word.ptr[0] == '-' && c->password_options[0] &&
		    strchr(c->password_options, word.ptr[1]);
	if (!*ret_done)
		return 0;
	if (word.len == 2)
		c->next_is_secret = true;
	return mask_range(f, 2, word.len - 2, RULE_COMMAND_OPTION);
}

static void note_option(struct mask_command *c, char option)
{
	size_t n = strlen(c->password_options);

	if (option && n + 1 < sizeof(c->password_options) && !strchr(c->password_options, option))
		c->password_options[n] = option;
}

int mask_command_element(struct mask_frame *f, struct mask_command *c, bool exec)
{
	struct span word = f->text;
	bool first = c->index++ == 0;
	bool done = c->next_is_secret;

	c->next_is_secret = !done && asks_for_secret(f, word);
	if (done)
		return mask_range(f, 0, word.len, RULE_COMMAND_OPTION);
	if (short_option(f, c, &done) < 0)
		return -1;
	note_option(c, mask_password_option(word));
	if (done && !exec)
		return 0;
	if (exec && first && is_program(word)) {
		c->all |= writes_words(word);
		return mask_scan(f, 0, word.len);
	}
	if (exec && f->ctx->m->config && mask_own_program_only(f->ctx->m->config))
		return mask_range(f, 0, word.len, RULE_COMMAND_WORD);
	if (mask_text_frame(f, (struct mask_where){0}) < 0)
		return -1;
	return exec ? judge_words(f, 0, word.len, &c->all) : 0;
}

/* command names the program of args, and the image may. */
static void note_programs_beside(
	struct mask_frame *f, json_ref list, const struct mask_shape *s, struct mask_command *c)
{
	struct span word;

	for (size_t i = 0; i < ARRAY_LEN(s->words); i++) {
		if (s->words[i] == list)
			continue;
		json_foreach (v, f->doc, s->words[i]) {
			word = json_type(f->doc, v) == JSON_STRING ? mask_string(f, v) : SPAN("");
			if (word.ptr)
				note_option(c, mask_password_option(word));
		}
	}
	if (json_type(f->doc, s->image) != JSON_STRING)
		return;
	word = mask_string(f, s->image);
	if (word.ptr)
		note_option(c, mask_image_option(word));
}

int mask_command_list(
	struct mask_frame *f, json_ref array, const struct mask_shape *beside, struct mask_where w)
{
	struct mask_command c = {0};

	if (w.depth >= MASK_DEPTH_MAX)
		return mask_node(f, array, RULE_TOO_DEEP);
	if (beside)
		note_programs_beside(f, array, beside, &c);
	w.depth++;
	json_foreach (v, f->doc, array) {
		const struct json_node *n = json_node(f->doc, v);
		struct mask_frame child;

		if (n->type != JSON_STRING) {
			if (mask_walk(f, v, w) < 0)
				return -1;
			continue;
		}
		f->at = v;
		if (mask_frame_open(&child, f, n->off, n->len,
			    n->escaped ? ESCAPE_JSON : ESCAPE_NONE) < 0 ||
			mask_command_element(&child, &c, w.flags & WHERE_EXEC) < 0 ||
			mask_frame_close(&child) < 0)
			return -1;
	}
	return 0;
}

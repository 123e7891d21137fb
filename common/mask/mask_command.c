/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines.
 *
 * In pod templates they are configuration: the words that options and names call secret are masked.
 * What is run with exec was typed by somebody, secrets and all: mask_exec.c.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_own_internal.h"
#include "common/mask/mask_text_internal.h"

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
	size_t password = mask_user_password(word, SPAN(""));

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
	if (user && mask_user_password(word, SPAN("")) < word.len)
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
		mask_exec_program(c, word);
		return mask_scan(f, 0, word.len);
	}
	if (exec && f->ctx->m->config && mask_own_program_only(f->ctx->m->config))
		return mask_range(f, 0, word.len, RULE_COMMAND_WORD);
	if (mask_text_frame(f, (struct mask_where){0}) < 0)
		return -1;
	return exec ? mask_exec_words(f, 0, word.len, c) : 0;
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

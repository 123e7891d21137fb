/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with YAML files, one line each: where it stands, and in which order people read it.
 */
#include "common/yaml/errors.h"

#include "common/base/utf8.h"

#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>

#define ERRORS_MAX_BYTES (1u << 20)

static void errors_addv(struct yaml_errors *errors, const struct tree_file *file, uint32_t line,
	uint32_t column, const char *fmt, va_list args)
{
	if (++errors->count > ERRORS_MAX)
		return;
	if (!errors->text.max)
		errors->text = BUF_INIT(ERRORS_MAX_BYTES);

	char message[ERR_MSG_MAX];
	vsnprintf(message, sizeof message, fmt, args);
	utf8_make_printable(message);
	if (file && line)
		buf_printf(&errors->text, "%s:%u:%u: %s\n", file->path, line, column, message);
	else if (file)
		buf_printf(&errors->text, "%s: %s\n", file->path, message);
	else
		buf_printf(&errors->text, "%s\n", message);
}

void errors_add(struct yaml_errors *errors, const struct tree_file *file, uint32_t line,
	uint32_t column, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	errors_addv(errors, file, line, column, fmt, args);
	va_end(args);
}

void errors_add_at(struct yaml_errors *errors, const struct node *at, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	errors_addv(errors, at->file, at->line, at->column, fmt, args);
	va_end(args);
}

/* ---- places inside a scalar ---- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Moves *at over the file's text, keeping line and column. */
static void step(struct span text, size_t *at, uint32_t *line, uint32_t *column)
{
	char c = text.ptr[(*at)++];
	if (c == '\n') {
		++*line;
		*column = 1;
	} else if (((unsigned char)c & 0xc0) != 0x80) {
		++*column;
	}
}

/* A character index, as libyaml counts, to a byte offset: policies are mostly ASCII. */
static size_t byte_offset(struct span text, size_t characters)
{
	size_t at = 0;
	while (at < text.len && characters) {
		at++;
		while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
			at++;
		characters--;
	}
	return at;
}

/*
 * Where the byte `offset` of a scalar's value stands in the file, as well as can be said: folding
 * and escapes are followed by counting what is not white space.
 */
static void node_position(
	const struct node *n, size_t offset, uint32_t *ret_line, uint32_t *ret_column)
{
	struct span text = n->file->text;
	size_t at = byte_offset(text, n->offset), wanted = 0;
	uint32_t line = n->line, column = n->column;
	for (size_t i = 0; i < offset && i < n->text.len; i++)
		wanted += !is_space(n->text.ptr[i]);

	char quote = at < text.len && strchr("'\"", text.ptr[at]) ? text.ptr[at] : 0;
	if (n->block)
		while (at < text.len && text.ptr[at] != '\n')
			step(text, &at, &line, &column);
	else if (quote)
		step(text, &at, &line, &column);
	/* What is missing at the end is missing right behind the last character. */
	bool end = offset >= n->text.len;
	while (at < text.len) {
		char c = text.ptr[at];
		if (!wanted && (end || !is_space(c)))
			break;
		wanted -= !is_space(c);
		step(text, &at, &line, &column);
		bool escape = (quote == '"' && c == '\\') || (quote == '\'' && c == '\'');
		if (escape && at < text.len)
			step(text, &at, &line, &column);
	}
	*ret_line = line;
	*ret_column = column;
}

void errors_add_in(
	struct yaml_errors *errors, const struct node *at, size_t offset, const char *fmt, ...)
{
	uint32_t line, column;
	node_position(at, offset, &line, &column);
	va_list args;
	va_start(args, fmt);
	errors_addv(errors, at->file, line, column, fmt, args);
	va_end(args);
}

/* ---- their order ---- */

struct error_line {
	struct span text, path;
	unsigned file, line, column;
	size_t index;
};

/* "path:3:14: …": the last such pair of numbers before the first ": " ends the path. */
static void parse_place(struct error_line *l)
{
	const char *end = memmem(l->text.ptr, l->text.len, ": ", 2);
	size_t len = end ? (size_t)(end - l->text.ptr) : 0;
	char head[1024];
	l->path = (struct span){l->text.ptr, len};
	if (!len || len >= sizeof head)
		return;
	memcpy(head, l->text.ptr, len);
	head[len] = 0;
	char *column = strrchr(head, ':');
	if (column)
		*column = 0;
	char *line = column ? strrchr(head, ':') : NULL;
	if (line && sscanf(line, ":%u", &l->line) == 1 && sscanf(column + 1, "%u", &l->column) == 1)
		l->path.len = (size_t)(line - head);
}

static int by_place(const void *a, const void *b)
{
	const struct error_line *x = a, *y = b;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

void errors_sort(struct yaml_errors *errors)
{
	struct error_line lines[ERRORS_MAX];
	struct span rest = buf_span(&errors->text);
	struct buf sorted = BUF_INIT(ERRORS_MAX_BYTES);
	size_t count = 0;
	while (rest.len && count < ERRORS_MAX) {
		const char *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.ptr) + 1 : rest.len;
		struct error_line *l = &lines[count];
		*l = (struct error_line){.text = {rest.ptr, len}, .index = count};
		parse_place(l);
		if (count)
			l->file = l[-1].file + !span_eq(l->path, l[-1].path);
		count++;
		rest = (struct span){rest.ptr + len, rest.len - len};
	}
	qsort(lines, count, sizeof *lines, by_place);
	for (size_t i = 0; i < count; i++)
		buf_add_span(&sorted, lines[i].text);
	buf_add_span(&sorted, rest);
	if (sorted.failed) {
		buf_free(&sorted);
		return;
	}
	buf_free(&errors->text);
	errors->text = sorted;
}

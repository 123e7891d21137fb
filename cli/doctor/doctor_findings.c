/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, and how it reaches a person; see doctor_internal.h. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/doctor/doctor_internal.h"
#include "cli/table.h"

#define WIDTH 100u

static const char *const status_names[] = {[DOCTOR_OK] = "OK",
	[DOCTOR_SKIPPED] = "SKIPPED",
	[DOCTOR_WARN] = "WARN",
	[DOCTOR_FAIL] = "FAIL"};

/* ---- finding ---- */

static const char *vtext(struct doctor *d, const char *fmt, va_list ap)
{
	char text[DOCTOR_TEXT_MAX];
	const char *copy;

	vsnprintf(text, sizeof(text), fmt, ap);
	copy = arena_strndup(d->arena, text, strlen(text));
	d->failed |= !copy;
	return copy ? copy : "";
}

const char *doctor_text(struct doctor *d, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = vtext(d, fmt, ap);
	va_end(ap);
	return text;
}

void doctor_say(struct doctor *d, enum doctor_status status, const char *mend, const char *fmt, ...)
{
	va_list ap;

	if (d->count == DOCTOR_FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	d->findings[d->count++] = (struct doctor_finding){
		.check = d->check, .status = status, .what = vtext(d, fmt, ap), .mend = mend};
	va_end(ap);
}

/* ---- showing ---- */

enum doctor_status doctor_worst(const struct doctor *d)
{
	enum doctor_status worst = DOCTOR_OK;

	for (size_t i = 0; i < d->count; i++)
		if (d->findings[i].status > worst)
			worst = d->findings[i].status;
	return worst;
}

/* Text in lines, broken at spaces, those after the first behind `indent` spaces. */
static void print_wrapped(const char *text, unsigned indent)
{
	unsigned column = indent;

	while (*text) {
		size_t len = strcspn(text, " "), gap = strspn(text + len, " ");
		char word[DOCTOR_TEXT_MAX];

		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		if (column > indent && column + 1 + len > WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		print_printable(stdout, word);
		column += (unsigned)len;
		text += len + gap;
	}
	putchar('\n');
}

static enum colour colour_of(enum doctor_status s)
{
	return s == DOCTOR_FAIL	  ? COLOUR_RED
	       : s == DOCTOR_WARN ? COLOUR_YELLOW
	       : s == DOCTOR_OK	  ? COLOUR_GREEN
				  : COLOUR_DIM;
}

/* Nothing found is not all looked at. */
static void count_skipped(const struct doctor *d)
{
	size_t skipped = 0;

	for (size_t i = 0; i < d->count; i++)
		skipped += d->findings[i].status == DOCTOR_SKIPPED;
	if (skipped > 0 && !d->options.all)
		fprintf(stderr, "%zu check%s not made: --all says which, and why\n", skipped,
			skipped == 1 ? " was" : "s were");
}

void doctor_print_table(const struct doctor *d)
{
	bool first = true;

	for (size_t i = 0; i < d->count; i++) {
		const struct doctor_finding *f = &d->findings[i];

		if (f->status < DOCTOR_WARN && !d->options.all)
			continue;
		if (first)
			printf("%-20s%-9s%s\n", "CHECK", "STATUS", "WHAT");
		first = false;
		printf("%-20s%s%-9s%s", f->check, colour_on(colour_of(f->status), stdout),
			status_names[f->status], colour_off(stdout));
		print_wrapped(f->what, 29);
		if (f->mend) {
			printf("%*s→ ", 27, "");
			print_wrapped(f->mend, 29);
		}
	}
	count_skipped(d);
}

int doctor_print_json(const struct doctor *d)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(16u << 20);

	buf_printf(&out, "{\"status\":\"%s\",\"checks\":[", status_names[doctor_worst(d)]);
	for (size_t i = 0; i < d->count; i++) {
		const struct doctor_finding *f = &d->findings[i];

		buf_printf(&out, "%s{\"check\":\"%s\",\"status\":\"%s\",\"what\":", i ? "," : "",
			f->check, status_names[f->status]);
		json_put_string(&out, span_of(f->what));
		if (f->mend) {
			buf_add_str(&out, ",\"mend\":");
			json_put_string(&out, span_of(f->mend));
		}
		buf_add_char(&out, '}');
	}
	buf_add_str(&out, "]}");
	return cli_print_json(d->self, span_of(cli_text(&out)));
}

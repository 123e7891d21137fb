/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/utf8.h"

/* Here are the functions themselves. */
#undef err_set
#undef err_set_errno
#undef err_prefix

/* A message goes to terminals and into one log line: nothing in it may move a cursor. */
static void finish(struct err *e, size_t wanted)
{
	/* The byte that was cut off decides whether a sequence was torn, so the last one that was
	 * kept is given up to look at it. */
	if (wanted >= sizeof(e->msg))
		e->msg[utf8_cut((struct span){e->msg, sizeof(e->msg) - 1}, sizeof(e->msg) - 2)
				.len] = '\0';
	utf8_make_printable(e->msg);
}

_printf_(2, 0) static void set_v(struct err *e, const char *fmt, va_list ap)
{
	int n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);

	if (n < 0) {
		snprintf(e->msg, sizeof(e->msg), "unprintable error");
		return;
	}
	finish(e, (size_t)n);
}

int err_set(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	set_v(e, fmt, ap);
	va_end(ap);
	return -1;
}

int err_set_errno(struct err *e, int errnum, const char *fmt, ...)
{
	char text[256];
	struct err what;
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	set_v(&what, fmt, ap);
	va_end(ap);
	return err_set(e, "%s: %s", what.msg, strerror_r(errnum, text, sizeof(text)));
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	struct err old, what;
	va_list ap;

	if (!e)
		return -1;
	old = *e;
	va_start(ap, fmt);
	set_v(&what, fmt, ap);
	va_end(ap);
	return err_set(e, "%s: %s", what.msg, old.msg);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See holds.h. */
#include "cli/holds.h"

#include <stdio.h>
#include <unistd.h>

void holds_put_what(struct buf *out, const char *operation, const char *resource,
	const char *namespace_, const char *name)
{
	buf_printf(out, "%s %s", operation, resource);
	if (*namespace_ && *name)
		buf_printf(out, " %s/%s", namespace_, name);
	else if (*namespace_ || *name)
		buf_printf(out, " %s%s", *namespace_ ? namespace_ : name, *name ? "" : "/");
}

enum colour holds_state_colour(const char *state)
{
	static const struct {
		const char *state;
		enum colour colour;
	} colours[] = {
		{"pending", COLOUR_YELLOW},
		{"approved", COLOUR_GREEN},
		{"used", COLOUR_DIM},
		{"denied", COLOUR_RED},
		{"expired", COLOUR_DIM},
		{"withdrawn", COLOUR_DIM},
	};

	for (size_t i = 0; i < ARRAY_LEN(colours); i++)
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	return COLOUR_NONE;
}

static int parse_number(const char *text, char ret[24])
{
	size_t len;

	text += *text == '#';
	len = strspn(text, "0123456789");
	if (len == 0 || len > 18 || text[len])
		return -1;
	memcpy(ret, text, len + 1);
	return 0;
}

int holds_parse_numbers(
	const struct command *c, const char *const *args, size_t count, char (*ret)[24])
{
	for (size_t i = 0; i < count; i++)
		if (parse_number(args[i], ret[i]) < 0)
			return cli_error(c, CLI_USAGE, "\"%.64s\" is not a hold's number", args[i]);
	return 0;
}

int holds_check_deny(
	const struct command *c, const struct cli_hold_filter *f, bool narrowed, size_t numbers)
{
	if (f->user && numbers > 0)
		return cli_error(c, CLI_USAGE, "either numbers of holds or --user, not both");
	if (!f->user && numbers == 0)
		return cli_error(c, CLI_USAGE, "which holds? Give their numbers, or --user");
	if (!f->user && (narrowed || f->ns || f->resource || f->policy || f->rule))
		return cli_error(c, CLI_USAGE, "that narrows --user, which is not given");
	return 0;
}

int holds_confirm(const struct command *c, const char *prompt)
{
	char answer[16] = "";

	if (!isatty(STDIN_FILENO))
		return cli_error(c, CLI_USAGE, "nothing was denied: to do it unasked, add --yes");
	fprintf(stderr, "%s [y/N] ", prompt);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return cli_error(c, CLI_NO, "nothing was denied");
}

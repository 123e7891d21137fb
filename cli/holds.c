/* SPDX-License-Identifier: Apache-2.0 */
/* See holds.h. */
#include "cli/holds.h"

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

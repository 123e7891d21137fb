/* See pretty.h. */
#include "cli/pretty.h"

#include <json-c/json.h>

int put_pretty_json(struct buf *out, const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	if (!o)
		return -1;
	buf_add_str(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
								   JSON_C_TO_STRING_SPACED |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return 0;
}

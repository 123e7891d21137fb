/* JSON indented for people, by json-c (whose names clash with common/json/json.h: hence a file
 * alone).
 */
#pragma once

#include "common/base/buf.h"

/* Appends the text indented; -1 and nothing appended if it is no JSON. */
int put_pretty_json(struct buf *out, const char *text);

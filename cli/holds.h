/* What the commands about holds share. */
#pragma once

#include "cli/table.h"
#include "common/pg_pool.h"

/* "DELETE deployments.apps prod/checkout": what a hold is about. */
void put_what(struct buf *out, const char *operation, const char *resource, const char *namespace_,
	const char *name);

/* The colour that a hold's state has. */
enum colour state_colour(const char *state);

/* A hold's number as people type it ("42", "#42"); -1 if it is none. */
int hold_number_parse(const char *text, char ret[24]);

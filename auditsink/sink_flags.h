/* The sink's flags: one table, from which parsing, --help and the documentation come. */
#pragma once

#include "auditsink/sink.h"

struct sink_options {
	struct sink_config sink;
	const char *log_level;
	bool version;
};

#define SINK_FLAGS_MAX 32

/* Sets the defaults, and fills the table with flags whose values are in o. */
void sink_flags(struct sink_options *o, struct flag table[SINK_FLAGS_MAX]);

/* What a table cannot say: which flags need or exclude one another. */
int sink_flags_check(const struct sink_options *o, struct err *e) _must_check_;

/* SPDX-License-Identifier: Apache-2.0 */
/* The sink's flags: one table, from which parsing, --help and the documentation come. */
#pragma once

#include "auditsink/sink.h"
#include "common/daemon/daemon.h"

struct sink_options {
	struct sink_config sink;
	struct daemon_options daemon;
};

extern struct sink_options sink_options; /* the defaults, until flags are parsed */
extern const struct flag sink_flags[];

/* What a table cannot say: which flags need or exclude one another. */
int sink_flags_check(struct err *e) _must_check_;

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may post events for which cluster. A source has a name: the common name of its client
 * certificate, "bearer-token" for whoever has the token, "loopback" where neither is asked for
 * (then the sink listens on loopback only). --source NAME=CLUSTER lets it post to
 * /audit/CLUSTER; /audit stands for the default cluster.
 */
#pragma once

#include "common/base/err.h"

struct flag_list;
struct source_table;

struct source_config {
	const struct flag_list *sources; /* "NAME=CLUSTER" */
	const char *default_cluster;
	const char *bearer_token_file; /* or NULL */
	bool client_certificates;      /* they are required by the listener */
};

/*
 * Errors: a malformed --source, a bad token file, certificates asked for but no --source. Without
 * --source the bearer token, and loopback, may post for the default cluster only.
 */
int source_table_new(
	const struct source_config *config, struct source_table **ret, struct err *e) _must_check_;
void source_table_free(struct source_table *t);
DEFINE_CLEANUP(struct source_table *, source_table_free)

enum source_verdict {
	SOURCE_OK,
	SOURCE_UNKNOWN,	   /* no token, or a wrong one: 401 */
	SOURCE_FORBIDDEN,  /* known, but not for this cluster: 403 */
	SOURCE_NO_CLUSTER, /* the path names none: 404 */
};

struct source_match {
	struct span name;
	struct span cluster; /* points into the table */
	size_t index;	     /* in the table; for source_seen() */
};

/*
 * client_name: of the verified certificate, or absent; authorization: the header, or absent; path:
 * "/audit" or "/audit/CLUSTER". On FORBIDDEN ret->name says who it was.
 */
enum source_verdict source_check(const struct source_table *t, struct span client_name,
	struct span authorization, struct span path, struct source_match *ret);

/* Notes that the matched source posted, for metrics: when (wall_us, since 1970), and how long it
 * had not (now_us, CLOCK_MONOTONIC). Threads: any. */
void source_seen(
	struct source_table *t, const struct source_match *m, int64_t wall_us, int64_t now_us);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Posts EventLists to a holdpoint-auditsink as an API server does: over TLS, with a client
 * certificate or a token, and again for as long as the sink says that it cannot take them now.
 */
#pragma once

#include "common/base/err.h"

struct sink_client;

struct sink_client_config {
	const char *url;       /* https://host:port/audit[/CLUSTER] */
	const char *ca_file;   /* NULL: the system's */
	const char *cert_file; /* NULL: none */
	const char *key_file;
	const char *token_file; /* NULL: none */
	int64_t patience_ms;	/* how long one list may be refused before giving up */
};

int sink_client_new(const struct sink_client_config *config, struct sink_client **ret,
	struct err *e) _must_check_;
void sink_client_free(struct sink_client *c);
DEFINE_CLEANUP(struct sink_client *, sink_client_free)

enum sink_result {
	SINK_STORED,
	SINK_KNOWN,   /* it has this very list already */
	SINK_SPOOLED, /* safe on the sink's disk, the database does not answer now */
};

struct sink_answer {
	enum sink_result result;
	uint64_t events, quarantined; /* of the list */
};

/*
 * Returns when the list is safe with the sink. Errors: -1, one line with the sink's own words;
 * nothing is known about the list then, and posting the same bytes again is harmless. Blocks.
 */
int sink_client_post(struct sink_client *c, struct span list, struct sink_answer *ret,
	struct err *e) _must_check_;

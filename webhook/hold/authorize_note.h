/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an administrator has said so, approvals by HoldReview count at once (direct). That is safe
 * only where the API server asks /authorize about impersonation, since admission cannot see it. So
 * what is asked there of this matter is noted in the database, where every replica finds it: that a
 * user may create a HoldReview, and that somebody may act as a user. holdpoint.review_is_direct()
 * makes of it whether an approval counts at once. Threads: any.
 */
#pragma once

#include "common/pg/pg_conn.h"
#include "policy/review/request.h"

struct authorize_notes;

struct authorize_note {
	const char *kind;     /* "review" or "impersonate"; NULL: nothing to note */
	struct span username; /* who reviews, or is acted as; in the arena or the request */
};

/* cluster must outlive it. NULL when memory is short. */
struct authorize_notes *authorize_notes_new(const char *cluster);
void authorize_notes_free(struct authorize_notes *n); /* NULL is fine */

/* Whether this cluster's approvals are direct; at first they are not. */
void authorize_notes_set_direct(struct authorize_notes *n, bool direct);
/* Learns it from the database. Blocks. */
void authorize_notes_learn(struct authorize_notes *n, struct pg_conn *conn);

/* Is this a question to note? Not where approvals are not direct, nor so soon again. */
bool authorize_notes_wants(struct authorize_notes *n, const struct policy_request *q,
	struct arena *arena, struct authorize_note *ret);

/* -1: it could not be noted, which was logged. conn NULL: there is no database. Blocks. */
int authorize_notes_put(struct authorize_notes *n, struct pg_conn *conn,
	const struct authorize_note *note) _must_check_;

/* May the question be answered although it could not be noted? */
bool authorize_note_may_be_lost(const struct authorize_note *note);

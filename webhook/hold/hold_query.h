/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hold gate is asked about a request: made once, asked as often as it takes. It keeps
 * nothing of the request's document, so that it can be asked again when that has long gone.
 */
#pragma once

#include "common/base/crypto.h"
#include "common/mask/mask.h"
#include "common/pg/pg_conn.h"
#include "policy/policy.h"

#define HOLD_QUERY_PARAMS 35

struct hold_query {
	const struct policy_request *request;
	const struct policy_decision *decision;
	struct span uid;
	const char *policy_digest;
	struct policy_hold terms; /* of all rules that hold it */
	size_t rule_count;

	/* hold_query_prepare()'s, in the arena. */
	uint8_t fingerprint[SHA256_LEN];
	struct span reasons;	       /* what the rules say, masked */
	struct span change;	       /* hold_change.h */
	size_t change_bytes;	       /* of its text when `change` is compressed, else 0 */
	struct span change_unseen;     /* what of it is not shown; absent: nothing */
	struct span change_brief;      /* its first lines */
	struct span rules;	       /* JSON of all rules, when there are several */
	struct span max_repeats;       /* absent: as the database says */
	uint8_t selectors[SHA256_LEN]; /* of those of a list or watch, when it has some */
	bool has_selectors;
	bool gives_out; /* its answer is what is held: no dry run of it passes */
};

/*
 * A query about a request whose decision is POLICY_HOLD. request and decision stay the caller's;
 * of the request's document nothing is needed any more after hold_query_prepare().
 */
void hold_query_init(struct hold_query *q, const struct policy_request *request,
	const struct policy_decision *decision, struct span uid, const char *policy_digest);

/* Masks what people will see and takes the fingerprint. Errors: -1 when it is too large. */
int hold_query_prepare(struct hold_query *q, const char *cluster, const struct masker *m,
	struct arena *arena, struct err *e) _must_check_;

/* How often such a request may repeat itself, as a SQL parameter; absent: as config says. */
struct span hold_query_repeats(const struct policy_request *r, struct arena *arena);

/* Makes the largest part of it smaller, where that is worth it. */
void hold_query_compress(struct hold_query *q, struct arena *arena);

/* holdpoint.hold_find_or_create. Columns: those that hold_verdict_read() reads. */
extern const struct pg_stmt hold_query_stmt;

/*
 * The statement's parameters, in the arena. Errors: -1 when that is full; a parameter that is
 * missing must not be taken for one without a limit.
 */
int hold_query_params(const struct hold_query *q, const char *cluster, struct arena *arena,
	struct span ret[HOLD_QUERY_PARAMS]) _must_check_;

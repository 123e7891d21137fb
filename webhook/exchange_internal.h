/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange from within: exchange.c makes it and moves it from step to step, exchange_steps.c
 * does the steps, exchange_answer.c makes its answer, exchange_compact.c makes it small.
 *
 * Ownership: an exchange belongs to the thread that runs its steps, until a step hands it over with
 * exchange_leave(). From then on it belongs to whoever resumes it, and nobody else may touch it.
 * It lives in its request's arena; made small, in a block of its own.
 */
#pragma once

#include "policy/review/review.h"
#include "webhook/answer.h"
#include "webhook/exchange.h"
#include "webhook/exchange_steps.h"
#include "webhook/hold/authorize_note.h"
#include "webhook/hold/hold_gate.h"
#include "webhook/hold/hold_message.h"
#include "webhook/hold/holdreview.h"
#include "webhook/webhook.h"

enum exchange_step {
#define STEP(name, label, run, next) EXCHANGE_##name,
	EXCHANGE_STEPS(STEP)
#undef STEP
		EXCHANGE_END, /* answered: the exchange is gone */
};

struct exchange {
	struct webhook *webhook;
	struct http_request *http;
	struct arena *arena;
	enum endpoint endpoint;
	enum exchange_step step;
	bool suspended;	    /* the HTTP server waits for http_reply() */
	bool away;	    /* handed over, to be resumed */
	bool compact;	    /* stands in a block of its own; its arena was given back */
	size_t large_bytes; /* of the block, counted in webhook->waiting_bytes */

	int64_t call_timeout_ms; /* what is left of it is the API server's patience; 0: not read */
	uint64_t decide_by_us;	 /* of a long decision (CLOCK_MONOTONIC); 0: it is not one */
	bool tried_here;	 /* to decide on the thread that serves the connection */
	struct policy_set *set;	 /* a reference of its own, from DECIDE or MUTATE on */
	struct span uid;	 /* raw JSON text; absent at /authorize */
	const char *api_version;
	struct policy_request request; /* without its document when compact */
	struct policy_decision decision;
	uint8_t decision_id[UUID_LEN];
	char decision_id_text[37];

	/* Of a request that is held. */
	struct hold_query query;
	struct hold_verdict verdict;
	uint64_t wait_until_us;		   /* CLOCK_MONOTONIC; 0: does not wait for a human */
	uint64_t wait_began_us, waited_us; /* for a human: not part of the latency */

	struct authorize_note note;	/* of a question to note */
	enum exchange_step after_queue; /* what it wants of the database */
	struct pg_conn *conn;		/* between QUEUE and the next step; NULL: there is none */

	struct answer *answer; /* in the arena; NULL while it is compact */
	struct span body;      /* the answer as text, in the arena */
};

/* ---- exchange.c ---- */

/* A new exchange at READ; NULL (and answered) without memory or when the caller may not ask. */
struct exchange *exchange_new(struct webhook *w, struct http_request *http, enum endpoint endpoint);

/* The only place that changes the step. `next` must be one that may follow. Returns x. */
struct exchange *exchange_move(struct exchange *x, enum exchange_step next);

/* Does steps until one hands the exchange over or ends it. */
void exchange_run(struct exchange *x);

/* Before it is handed over; exchange_stay() when nobody took it. */
void exchange_leave(struct exchange *x);
void exchange_stay(struct exchange *x);
/* For whom it was handed over to: it goes on, at `next`, on this thread. */
void exchange_resume(struct exchange *x, enum exchange_step next);

/* Keeps the request open without an answer; again is fine. -1: too many are. In the handler. */
int exchange_suspend(struct exchange *x) _must_check_;

/* Does a step. NULL: x is not this thread's any more. */
typedef struct exchange *(*exchange_step_fn)(struct exchange *x);
extern const exchange_step_fn exchange_step_fns[];

/* ---- exchange_decide.c ---- */

/* The steps: what the policies say, and to say it later, where nobody waits for this thread. */
struct exchange *exchange_decide_step(struct exchange *x);
struct exchange *exchange_mutate_step(struct exchange *x);
struct exchange *exchange_decide_later(struct exchange *x);
/* 1: the requester is stopped, and their denial is put, to be recorded; 0: they are not; -1: no
 * memory. */
int exchange_look_at_stops(struct exchange *x);
/* What comes of x->decision. */
struct exchange *exchange_go_on_after_decision(struct exchange *x);
/* The one to begin with. */
enum exchange_step exchange_first_of_deciding(const struct exchange *x);
/* How long the API server waits for the answer. Before the request is suspended, the first time. */
int64_t exchange_call_timeout_ms(struct exchange *x);
/* Denies what cannot be decided on, without a record: there is no decision. */
struct exchange *exchange_refuse(
	struct exchange *x, unsigned code, const char *reason, struct span message);

/* ---- exchange_limit.c ---- */

/* The steps: to ask whether a request is within the limits of rules, and what comes of it. */
struct exchange *exchange_limit_step(struct exchange *x);
struct exchange *exchange_limit_ask_step(struct exchange *x);
/* The same where the database cannot be asked. */
struct exchange *exchange_limit_unknown(struct exchange *x);

/* ---- exchange_quotes.c ---- */

/*
 * Makes the messages that quote the request fit to be shown and kept: what masking hides in the
 * request is hidden in them, and each is one line without characters that are invisible or direct
 * a terminal. As long as the request's document is at hand; nothing to do for other messages.
 */
void exchange_clean_messages(struct exchange *x);

/* ---- exchange_compact.c ---- */

/*
 * Everything that later steps need in one block; request body and arena are given back. Returns
 * the exchange, which may stand elsewhere now. NULL: no memory, x stays as it is.
 */
struct exchange *exchange_compact(struct exchange *x);
/* Gives a small one's block back; nothing for one in its request's arena. */
void exchange_free_block(struct exchange *x);

/* ---- exchange_answer.c ---- */

/* The answer to start from, an admission. -1: the arena is full. */
int exchange_begin_answer(struct exchange *x) _must_check_;
void exchange_deny(struct exchange *x, unsigned code, const char *reason, struct span message);
/* The Deny rules' reasons. */
void exchange_put_denial(struct exchange *x);
void exchange_put_verdict(struct exchange *x);
/* Of a hold for which no approval is needed. */
void exchange_put_no_need(struct exchange *x);
void exchange_put_review(struct exchange *x, const struct holdreview_reply *r);
/* What the record, the audit event and a person reading them know the decision by; warnings. */
void exchange_annotate(struct exchange *x);
/* Denies what could not be recorded. */
void exchange_put_unrecorded(struct exchange *x);
/* Writes x->body. */
void exchange_put_body(struct exchange *x);

/* ---- counters ---- */

enum exchange_metric {
	EXCHANGE_DECISIONS,
	EXCHANGE_ALLOWED,
	EXCHANGE_DENIED,
	EXCHANGE_LATENCY,
	EXCHANGE_LIMITS, /* by enum policy_limit less one */
	EXCHANGE_TOO_LARGE_TO_WAIT,
	EXCHANGE_WAITING_BYTES
};
#define EXCHANGE_ACTION_ERROR 7 /* of EXCHANGE_DECISIONS, beside enum policy_action */

/* By the index of the action or endpoint. */
void exchange_count(enum exchange_metric m, unsigned label);
void exchange_count_latency(uint64_t us);
/* Of EXCHANGE_TOO_LARGE_TO_WAIT and EXCHANGE_WAITING_BYTES. */
void exchange_add(enum exchange_metric m, int64_t n);

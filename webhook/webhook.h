/*
 * What all handlers of the daemon share: its parts, and the life of one request.
 *
 * A request (struct exchange) is read, decided over the policies in force, perhaps asks the hold
 * gate, and ends in exchange_finish(): there the decision is recorded and the answer written, for
 * AdmissionReview and SubjectAccessReview alike. It lives in the request's arena. Until it is
 * suspended it belongs to the thread of the HTTP server; after that to whoever works on it.
 */
#pragma once

#include "common/base/crypto.h"
#include "common/http/http_server.h"
#include "common/mask/mask.h"
#include "common/pg/pg_pool.h"
#include "policy/review/review.h"
#include "webhook/answer.h"
#include "webhook/policy_store.h"
#include "webhook/record/recorder.h"

struct hold_wait;

struct webhook {
	const char *cluster;
	struct policy_store *policies;
	struct pg_pool *pool; /* the hold gate's */
	struct recorder *recorder;
	struct masker *masker;
	struct hold_wait *wait;
	uint32_t max_nodes;		 /* values in one review */
	bool require_evidence;		 /* what cannot be recorded is denied */
	bool caller_is_verified;	 /* a client CA is configured */
	const char *const *client_names; /* common names of callers; none: any verified one */
	size_t client_name_count;
	unsigned new_holds_per_s; /* when it is not */
	unsigned retry_after_s;	  /* of a denial that the client is to repeat by itself */
	_Atomic bool ready;
};

/* What the hold gate found, as holdpoint.hold_find_or_create tells it. */
enum hold_verdict {
	HOLD_NOT_ASKED,
	HOLD_ALLOW,
	HOLD_HELD,
	HOLD_DENIED,
	HOLD_LIMIT,	  /* the identity has too many holds waiting */
	HOLD_RATE,	  /* too many new holds from callers whom nobody verifies */
	HOLD_BUSY,	  /* no room to wait for the database */
	HOLD_UNAVAILABLE, /* PostgreSQL is away */
	HOLD_FAILED,	  /* the gate could not do its work: reason in error */
};

struct hold_outcome {
	enum hold_verdict verdict;
	int64_t id;
	bool is_new, is_repeat, gave_up_waiting;
	char state[16];
	char expires[32]; /* 2026-01-02T03:04:05Z */
	int64_t approvals, min_approvals;
	struct span approvers; /* who must approve, for people; absent when nobody was asked */
	char decided_by[256];
	char reason[512];
	struct err error;
};

struct exchange {
	struct webhook *webhook;
	struct http_request *http;
	struct arena *arena;
	enum endpoint endpoint;
	struct policy_set *set; /* a reference of its own */
	struct review review;
	struct policy_decision decision;
	struct answer answer;
	char decision_id[37];
	/* The hold gate's. */
	uint8_t fingerprint[SHA256_LEN];
	struct hold_outcome hold;
	struct policy_hold terms; /* of all rules that hold it */
	size_t hold_rule_count;
	bool suspended;
	uint64_t wait_until_us;		   /* CLOCK_MONOTONIC; 0: does not wait for a human */
	uint64_t wait_began_us, waited_us; /* for a human: not part of the latency */
	struct span body; /* the answer, while its record is on the way to the database */
};

/* Handlers; userdata is the struct webhook. */
void admission_validate(struct http_request *req, void *userdata);
void admission_mutate(struct http_request *req, void *userdata);
void authorize_handle(struct http_request *req, void *userdata);

/* A new exchange in the request's arena; NULL (and answered) when that is full or the caller is not
 * one of those who may ask. */
struct exchange *exchange_new(struct webhook *w, struct http_request *http, enum endpoint endpoint);

/* Decides over the policies in force and goes on from there; answers sooner or later. */
void exchange_decide(struct exchange *x);

/* The same with the Mutate rules, and nothing else: answers with a patch, or without. */
void exchange_mutate(struct exchange *x);

/*
 * An exchange that is suspended for long, made small: what cannot be read again from the body. A
 * malloc of its own, because the arena has gone.
 */
struct parked_exchange {
	struct webhook *webhook;
	struct http_request *http;
	struct policy_set *set; /* the exchange's reference */
	enum endpoint endpoint;
	int64_t now_us; /* what expressions took for now */
	uint8_t fingerprint[SHA256_LEN];
	uint64_t wait_until_us, wait_began_us, waited_us;
	int64_t hold_id, approvals, min_approvals; /* as last seen */
	char expires[32];
	size_t uid_len;
	char uid[]; /* for a denial when memory is too short to read the body again */
};

/* Parks a suspended exchange, whose x is gone then. NULL: no memory, x stays as it is. */
struct parked_exchange *exchange_park(struct exchange *x);
/* The exchange as it was before, decided once more over the same policies; p is gone. NULL: that
 * could not be done, and the request has been denied. */
struct exchange *exchange_unpark(struct parked_exchange *p);

/* Reads the body as the endpoint says. */
enum review_status exchange_read(struct exchange *x, struct err *e);
/* The answer to start from. */
void exchange_begin_answer(struct exchange *x);
/* For a denial that does not come from exchange_finish(). */
void exchange_count_denied(enum endpoint endpoint);

/* Records the decision, answers, lets go of the exchange. */
void exchange_finish(struct exchange *x);

/* Denies what cannot be decided, with the reason. */
void exchange_refuse(struct exchange *x, unsigned code, const char *reason, struct span message);

/* The text of a SubjectAccessReview's answer for x->answer. */
struct span authorize_put_answer(const struct exchange *x);

struct metric *const *exchange_metrics(size_t *ret_count);

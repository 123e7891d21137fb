/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all handlers of the daemon share: its parts. What becomes of a request is in exchange.h.
 */
#pragma once

#include "common/mask/mask.h"
#include "common/pg/pg_pool.h"
#include "webhook/policy_store.h"
#include "webhook/record/recorder.h"

struct authorize_notes;
struct guard_watch;
struct hold_gate;
struct hold_turns;
struct hold_wait;
struct long_decisions;
struct stops;

/*
 * Ownership: main()'s, which makes the parts before the server starts and frees them after it
 * ended. Threads: any may read it; what changes is atomic, and each part says what holds for it.
 */
struct webhook {
	const char *cluster;
	const struct cluster_source *objects; /* of the cluster; NULL: nothing is known of it */
	struct policy_store *policies;
	struct pg_pool *pool;	  /* for queries about holds */
	struct hold_turns *turns; /* at it */
	struct recorder *recorder;
	struct masker *masker;
	struct hold_gate *gate;
	struct authorize_notes
		*notes;		   /* NULL: nothing is noted, no approval with kubectl is direct */
	struct guard_watch *guard; /* NULL: nobody wants to know whether the guard is asked */
	struct hold_wait *wait;
	struct stops *stops; /* NULL: nobody is stopped */
	struct long_decisions *long_decisions;
	uint64_t decision_timeout_us; /* of a long one, from when it is known to be one */
	uint32_t max_nodes;	      /* values in one review */
	size_t max_waiting_bytes;     /* of large changes of requests that wait; 0: any */
	_Atomic size_t waiting_bytes;
	bool require_evidence;		 /* what cannot be recorded is denied */
	bool caller_is_verified;	 /* a client CA is configured */
	const char *const *client_names; /* common names of callers; none: any verified one */
	size_t client_name_count;
	unsigned retry_after_s; /* of a denial that the client is to repeat by itself */
	_Atomic bool ready;
};

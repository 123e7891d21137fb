/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one request, as one table: each step, what /metrics calls it, the function that does
 * it (exchange_steps.c, exchange_decide.c), and which steps may follow. exchange_move() sees to it.
 *
 *   READ ──▶ DECIDE ─────────────────────────────────────────────────▶ RECORD ──▶ REPLY ──▶ END
 *     │        ├──▶ GATE ──▶ QUEUE ──▶ ASK ──────────▶ VERDICT ───────────▲
 *     │        │               ▲        └──▶ WAIT ───────▲                │
 *     │        │               └─── decided ──┘ time over                 │
 *     │        ├──▶ NOTE ──▶ QUEUE ──▶ NOTE_PUT ──▶ GATE ─ …          │
 *     │        │                           └──────────────────────────────▲
 *     │        ├──▶ LIMIT ──▶ QUEUE ──▶ LIMIT_ASK ─ as after DECIDE
 *     └──▶ MUTATE ────────────────────────────────────────────────────────▲
 *              └──▶ REVIEW (from DECIDE too) ──▶ QUEUE ──▶ REVIEW_ASK ────┘
 *
 * A decision that takes long goes from DECIDE or MUTATE to LATER, and from there back, once, on
 * another thread; that on a large request goes there first, and back at once where none is free.
 *
 * Whatever cannot be gone on with leaves earlier: to VERDICT where it concerns a hold, to RECORD or
 * REPLY where not.
 *
 * LATER, QUEUE, WAIT and RECORD hand the request over: to the threads for long decisions, to the
 * pool of the database, to whoever waits for people, to the recorder. These bring it back with
 * exchange_resume().
 */
#pragma once

#define EXCHANGE_STEPS(STEP)                                                                       \
	STEP(READ, "read", read_review, TO(DECIDE) | TO(MUTATE) | TO(LATER) | TO(REPLY) | TO(END)) \
	STEP(LATER, "later", exchange_decide_later, TO(DECIDE) | TO(MUTATE) | TO(REPLY))           \
	STEP(DECIDE, "decide", exchange_decide_step,                                               \
		TO(LATER) | TO(NOTE) | TO(LIMIT) | TO(GATE) | TO(REVIEW) | TO(RECORD) | TO(REPLY)) \
	STEP(MUTATE, "mutate", exchange_mutate_step,                                               \
		TO(LATER) | TO(REVIEW) | TO(RECORD) | TO(REPLY))                                   \
	STEP(GATE, "gate", prepare_query, TO(QUEUE) | TO(VERDICT))                                 \
	STEP(QUEUE, "queue", queue_for_database,                                                   \
		TO(ASK) | TO(VERDICT) | TO(REVIEW_ASK) | TO(NOTE_PUT) | TO(LIMIT_ASK) | TO(GATE) | \
			TO(REVIEW) | TO(RECORD))                                                   \
	STEP(ASK, "ask", ask_gate, TO(WAIT) | TO(VERDICT) | TO(RECORD))                            \
	STEP(WAIT, "wait", wait_for_human, TO(QUEUE) | TO(VERDICT))                                \
	STEP(VERDICT, "verdict", put_verdict, TO(RECORD) | TO(REPLY))                              \
	STEP(LIMIT, "limit", exchange_limit_step, TO(QUEUE) | TO(GATE) | TO(REVIEW) | TO(RECORD))  \
	STEP(LIMIT_ASK, "limit_ask", exchange_limit_ask_step, TO(GATE) | TO(REVIEW) | TO(RECORD))  \
	STEP(NOTE, "note", prepare_note, TO(QUEUE) | TO(GATE) | TO(RECORD))                        \
	STEP(NOTE_PUT, "note_put", put_note, TO(GATE) | TO(RECORD))                                \
	STEP(REVIEW, "review", check_holdreview, TO(QUEUE) | TO(RECORD))                           \
	STEP(REVIEW_ASK, "review_ask", ask_holdreview, TO(RECORD))                                 \
	STEP(RECORD, "record", record_decision, TO(REPLY))                                         \
	STEP(REPLY, "reply", reply, TO(END))

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes an EventList (audit.k8s.io/v1) apart, one event at a time.
 *
 * Every event is read strictly by itself, so that one list needs no more memory than its largest
 * event, and one that is broken does not cost its neighbours. Where an event ends that cannot be
 * read is found by its brackets and quotes; where not even those fit, by the next place in the text
 * at which, after a comma, a whole event stands. (An API server's encoder writes no such text; but
 * what stands behind it must not be lost for it.)
 */
#pragma once

#include "common/json/json.h"

/* API servers send 400 by default. A list of more is refused as a whole. */
#define EVENT_LIST_EVENTS_MAX 100000

/* An event may nest this deep, and hold this many values: 80 MiB of tape, enough for 64 MiB of what
 * API servers write (13 bytes a value). */
#define EVENT_DEPTH_MAX 1000
#define EVENT_NODES_MAX (5u << 20)

struct event_list_handler {
	/* Both return 0, or 1 to stop. An element that is an object: gone after the call. */
	int (*event)(void *userdata, int position, const struct json_doc *event);
	/* Bytes that are no event, and why; the reason never quotes them. */
	int (*broken)(void *userdata, int position, struct span bytes, const char *reason);
	void *userdata;
};

enum event_list_verdict {
	EVENT_LIST_OK,
	EVENT_LIST_REFUSED,  /* no EventList: what was handed out so far is not to be used */
	EVENT_LIST_TOO_LONG, /* the same: more than EVENT_LIST_EVENTS_MAX events */
	EVENT_LIST_STOPPED,  /* by a handler */
};

/*
 * Memory for one event at a time is taken from the arena and given back. position counts elements
 * from 0; it is -1 for what stands after the list. Errors: REFUSED and TOO_LONG
 * fill e.
 */
enum event_list_verdict event_list_read(struct span body, struct arena *arena,
	const struct event_list_handler *handler, struct err *e) _must_check_;

/*
 * Members of a top-level object that can be read although the object as a whole cannot. Calls back
 * for every member whose key and value can be read strictly; d and value are gone after the call.
 */
void event_list_salvage(struct span bytes, struct arena *arena,
	void (*member)(void *userdata, const struct json_doc *key, const struct json_doc *value),
	void *userdata);

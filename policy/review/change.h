/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an UPDATE changes: the differences between the object as it is and as it is to become.
 *
 * Two things are made of it: the fingerprint of a hold (fingerprint.h) and what an approver sees.
 * Both need the same notion of "one change": made of what the requester set, wherever it stands in
 * a list by then, and of nothing that somebody else changed in between.
 *
 * Members of objects are compared by key, in any order; numbers by value. Of an object that is new
 * its members are the differences, as if it had been there without them. The elements of a list
 * are matched by their identifying member (name, mountPath, containerPort …) when every element of
 * both lists has it and no two share it; an element that is new is told with its place, and a
 * different order of those that stayed is a difference of its own. Any other list is one value:
 * if it differs, all of it is the difference. Given the old object, the differences therefore
 * determine the new one.
 */
#pragma once

#include "policy/review/request.h"

#define CHANGE_DEPTH_MAX 128

enum change_kind {
	CHANGE_SET,	/* new or other value at the path */
	CHANGE_REMOVED, /* nothing there any more */
	CHANGE_ORDER,	/* a list by identity: its elements stand in another order */
};

struct change_step {
	struct span member;   /* key of an object's member; or the identifying member's key */
	bool element;	      /* a list element, found by member = identity */
	struct span identity; /* JSON text of the identifying value */
};

struct change {
	enum change_kind kind;
	const struct change_step *path;
	size_t depth;
	json_ref before; /* in the old document; JSON_NONE: not there */
	json_ref after;	 /* in the new document; JSON_NONE: removed */
	/* Of a new list element, where it was put: "start", "end", or the identity of the one that
	 * it follows. Absent for everything else. */
	struct span place;
	const char *by; /* of CHANGE_ORDER: the member that identifies the elements */
};

/* Return nonzero to stop the walk. */
typedef int (*change_fn)(const struct change *c, void *userdata);

/* One side of a comparison. */
struct change_side {
	const struct json_doc *doc;
	json_ref ref;
};

/*
 * Calls fn for each difference, in an order that depends on the differences only (keys sorted by
 * bytes). What the API server keeps itself is left out: of the root's metadata uid,
 * resourceVersion, generation, creationTimestamp, deletionTimestamp, managedFields, selfLink; and
 * the root's status unless with_status.
 * Returns 0, what fn returned, or -1 when the arena is full.
 */
int change_walk(struct change_side before, struct change_side after, bool with_status,
	struct arena *arena, change_fn fn, void *userdata) _must_check_;

/* Is root member `key` of root.metadata (in_metadata) or of root kept by the API server itself? */
bool change_is_server_managed(struct span key, bool in_metadata, bool with_status);

/*
 * Is the root's status part of what this request changes? Where a status is not the requester's to
 * write, the API server puts the old one back (update) or its own (create) before it asks, so that
 * what is there counts: a custom resource without a status subresource has its status changed by
 * any write, and nothing in a review tells that it is one. Only Scale and the resize of a Pod are
 * views whose status the API server computes from the whole object at every attempt, and ignores.
 */
bool change_counts_status(const struct policy_request *r);

/*
 * Does this update take away what is in neither object? So it is with a custom resource that is
 * written in another version than one in which fields of it were set, as its managedFields say.
 * Unknown: there are none, or one of them is gone after this, and nobody could tell the next time.
 */
enum change_loss { CHANGE_LOSES_NOTHING, CHANGE_LOSS_UNKNOWN, CHANGE_LOSES };
enum change_loss change_loss(const struct policy_request *r);

/*
 * Do the two objects of an update name the same field managers, with the same fields of each? Their
 * order and times may differ. A list in which this would take long to tell is another one; where
 * the old object names none, there is nothing to keep (API servers of Kubernetes 1.20 show none).
 */
bool change_keeps_managers(const struct policy_request *r);

/*
 * Or is what else differs between them a reason? A field that changes is owned by whoever changes
 * it, and by no other; a server-side apply owns what it names. The rest somebody wrote. What would
 * take long to tell is not explained, nor what the arena has no room for.
 */
bool change_explains_managers(const struct policy_request *r, struct arena *arena);

/* One member of an object, for looking at them in the order of their keys. */
struct change_member {
	struct span key; /* unescaped */
	json_ref value;
};

/* The members of object o sorted by the bytes of their keys, in the arena. -1: the arena is full.
 */
int change_sorted_members(const struct json_doc *d, json_ref o, struct arena *arena,
	struct change_member **ret, uint32_t *ret_count) _must_check_;

/*
 * A number by value: "-12e3" for -12000, -1.2e4 and -12000.0; "0e0" for every zero. An exponent
 * beyond int64 leaves the text as it is. Appends to out.
 */
void change_put_number(struct buf *out, struct span text);
/* Is it the same number? */
bool change_numbers_equal(struct span a, struct span b);

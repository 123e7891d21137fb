/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fingerprint of a hold: what exactly is approved, as 32 bytes.
 *
 * A person approves one change by one identity. The same change asked for again must have the same
 * fingerprint, though the API server makes uids, versions and generated names anew each time; any
 * other change must have another one. Shared by the daemon and the CLI.
 *
 * It is the SHA-256 of the canonical form, a text of fields that cannot run into one another:
 *
 *   field     := name "=" value ";"
 *   value     := "n" | "f" | "t"                    null, false, true
 *              | "d" number                         by value, see change_put_number()
 *              | "s" bytes ":" text                 a string, unescaped
 *              | "[" value* "]"
 *              | "{" ("s" bytes ":" key value)* "}" keys sorted by bytes
 *              | "*" kind                           something made anew at every attempt
 *   fields    := "holdpoint-fingerprint=s1:2;" kind cluster username operation group resource
 *                subresource namespace name change
 *   change    := "object=" value ";"        CREATE: the new object; CONNECT: the options
 *              | "uid=" value ";"           DELETE: of the object that is to go
 *              | [ "version=" value ";" ] "uid=" value ";" difference* [ "managers=" value ";" ]
 *                                         UPDATE: of the object that changes; see change.h. The
 *                                         version that is written where that may lose something
 *                                         (change_loss()); who owns which field where no difference
 *                                         explains that (change_explains_managers()): the new list,
 *                                         without the times
 *              | "uid=" value ";object=" value ";"  UPDATE of a Node that shows no difference
 *              | "path=" value ";" selectors  authorization; the path of a non-resource URL
 *   selectors := [ "fieldSelector=" value ";" ] [ "labelSelector=" value ";" ]   of a list, a watch
 *   difference:= ("set=" path was value [ "@" value ] | "removed=" path was
 *              | "order=" path was value) ";"
 *   was       := "-" | value                    what stood there; "-": nothing did
 *   path      := "<" ( "." string | "#" string string )* ">"
 *
 * Left out: metadata.{uid, resourceVersion, generation, creationTimestamp, deletionTimestamp,
 * managedFields, selfLink} but as above; metadata.name of a CREATE (of an object, not at a
 * subresource) when generateName makes it, or `kubectl debug node/…`; the status of Scale and of
 * pods/resize. Any other status counts: where it is not the requester's to write, the API server
 * has put the old one back, or its own, before it asks (change_counts_status()). "*" stands for: a
 * generated name; the object's own uid where it is repeated (a Job's controller-uid labels); the
 * suffix of the one kube-api-access-xxxxx volume of a Pod and of its mounts; the moment in the
 * annotation kubectl.kubernetes.io/restartedAt, and that in the status of an APIService being
 * created; the suffix of the one debugger-xxxxx container that kubectl debug adds to a Pod or to
 * its copy. Only the generated part is left out: what stands in such a volume or container is part
 * of the fingerprint. The questions by which one may become somebody are the same one in the words
 * of plain impersonation (impersonation.h).
 *
 * API servers before 1.20.6 show the new Node on both sides of an UPDATE (CVE-2021-25735): all that
 * can be approved then is what the Node is to be.
 */
#pragma once

#include "common/base/crypto.h"
#include "policy/review/request.h"

/*
 * cluster: the name this API server goes by.
 * Errors: -1 when the arena is full or the canonical form exceeds 64 MiB; the caller must deny.
 */
int fingerprint_of(const struct policy_request *r, struct span cluster, struct arena *arena,
	uint8_t ret[SHA256_LEN], struct err *e) _must_check_;

/* For how many requests the fingerprint stands, since something in it is made anew each time. */
enum fingerprint_breadth {
	FINGERPRINT_EXACT,    /* one, and its repetitions */
	FINGERPRINT_ANY_NAME, /* each makes another object: the API server makes up its name */
	FINGERPRINT_ANY_TRY,  /* each has an effect of its own: the client makes up a container's
				 name, or says what time it is */
};
enum fingerprint_breadth fingerprint_breadth(const struct policy_request *r, struct arena *arena);

/* The canonical form itself, for tests and for looking at. Appends to out. Errors: as above. */
int fingerprint_put_canonical(const struct policy_request *r, struct span cluster,
	struct arena *arena, struct buf *out, struct err *e) _must_check_;

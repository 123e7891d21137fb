/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A held change as it is stored, and as people read it: on a terminal, in a notification, wherever.
 * One printer for all of them, so that nobody is shown less than somebody else.
 *
 * The stored text is a JSON object (docs/holds.md says its shape):
 *
 *   {"operation":"UPDATE","changes":[
 *      {"part":"runs","path":"spec.containers[name=web].image","old":"a","new":"b"},
 *      {"part":"scale","path":"spec.replicas","old":1,"new":0},
 *      {"part":"spec","path":"spec.x","old":"y"},                          removed
 *      {"part":"volumes","path":"spec.volumes[name=v]","new":{…},"place":"end"},  a new element
 *      {"part":"runs","path":"spec.containers[name=b]","place":"end","opens":true},
 *                                             the same, what is in it stands in lines of its own
 *      {"part":"runs","path":"spec.containers[name=c]","closes":true},     a whole element less
 *      {"part":"calls","path":"spec.ports[port=8080]","new":{…},"after":80},   behind an old one
 *      {"part":"runs","path":"spec.containers","by":"name","oldOrder":["a","b"],"order":["b","a"]},
 *      {"part":"runs","path":"spec.initContainers","by":"name","order":["a","b"]},   a new list's,
 * see below
 *   {"operation":"DELETE","summary":{"kind":"Deployment",…},"changes":[{…,"old":…}]}
 *   {"operation":"CREATE","changes":[{…,"new":…}]}   {"operation":"CONNECT", the same}
 *   {"operation":"get"} (authorization: all is in the hold)
 *
 * In the order of their parts (display_part.h), so that the fields of one element may stand apart:
 * then the order of a new or removed list stands in a line of its own. A value that is too long
 * stands as "oldCut" or "newCut": {"begin":first bytes,"end":last bytes,"bytes":length of its JSON
 * text}. "pathBytes": the path was cut, that many has the whole. "notShown":[{"path":…,"lines":n}]:
 * lines left out below a path. "loses":"v1alpha1": the object is written in this version, and what
 * it does not know, and others do, is gone. "cut":true when any of these is there.
 * "hidden":{"values":n,"unknown":n,"bytes":n,"contains":["$(",…]}: masked values in this line, and
 * what of a shell or a URL is in them; "unknown": so many could not be looked into.
 */
#pragma once

#include "common/base/err.h"
#include "common/json/json.h"

#define DISPLAY_CHANGE_MAX ((size_t)4 << 20) /* bytes of a stored text */

/* Reads a stored text. -1: it is none that could be shown, e says why. */
int display_read(
	struct span change, struct arena *arena, struct json_doc *ret, struct err *e) _must_check_;

/*
 * Appends lines that begin with "+ ", "- ", "~ " (changed in place) or "! " (said of the line
 * above), and headings that begin with none of these. Every character that is invisible or directs
 * a terminal is an escape: no value can look like a line.
 */
void display_put(struct buf *out, const struct json_doc *change);

/*
 * The most dangerous lines of it, without headings: at most max_lines, of at most max_bytes each.
 * A last line says how many more there are.
 */
void display_put_short(
	struct buf *out, const struct json_doc *change, size_t max_lines, size_t max_bytes);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scan: scan.c has the command line, scan_cluster.c lists what an API server has, page by page,
 * scan_lookup.c gets what rules look up (scan_find.c: by keys), scan_report.c counts and prints.
 */
#pragma once

#include "cli/command.h"
#include "cli/kubectl/kube_client.h"
#include "cli/table.h"
#include "policy/manifests.h"
#include "policy/policy.h"

#define SCAN_PAGE 500u /* objects that are asked for at once */

struct scan_wanted {
	const char *output, *objects, *username, *namespace_;
	struct flag_list manifests, groups, resources;
	struct kube_options kube;
	int64_t limit, max_objects;
	bool all;
};

/* What came out. */
struct scan_report {
	bool json;
	int64_t limit; /* findings that are shown; 0: all */
	struct table *table;
	struct buf findings, incomplete; /* as JSON; for people, incomplete is lines */
	uint64_t objects, denied, held, warned, failed, shown;
	unsigned kinds, incomplete_count;
};

void report_begin(struct scan_report *r, const struct scan_wanted *w);
void report_free(struct scan_report *r);
/* What rules say of an object. */
void report_add(struct scan_report *r, const struct policy_request *q,
	const struct policy_decision *d, struct arena *arena);
/* Something was not looked at. */
void report_incomplete(struct scan_report *r, const char *what, const char *fmt, ...)
	_printf_(3, 4);
/* Prints it; the exit code. */
int report_end(struct scan_report *r, const struct command *self);

struct scan {
	const struct command *self;
	const struct scan_wanted *wanted;
	const struct policy_set *set;
	struct manifest_sender sender;
	const struct cluster_source *cluster;
	struct scan_report report;
	struct arena *scratch; /* of one object */
};

/* -1: no more objects are to be looked at. */
int scan_object(struct scan *s, const struct manifest_object *o) _must_check_;
int scan_request(struct scan *s, struct policy_request *q, struct arena *arena) _must_check_;

/* A resource that the API server has. Texts are in the cluster's arena. */
struct scan_resource {
	struct scan_resource *next;
	struct span group, version, resource, kind;
	bool in_namespaces, listed; /* can be listed and created */
};

struct scan_cluster {
	struct kube_config config;
	struct arena *arena; /* what is kept to the end: resources, what was looked up */
	struct arena *page;
	struct scan_resource *first, **end;
	struct looked_up *looked_up;
	unsigned looked_up_count;
	struct scan_listed *listed;
};

/* Everything in the cluster that a rule is about. Returns the exit code, an error was said. */
int scan_all(struct scan *s, struct scan_cluster *c);
/* "/apis/GROUP/VERSION", of the core "/api/VERSION", and the resource's path below. */
void scan_put_path(struct buf *out, const struct scan_resource *r, struct span namespace_);
void scan_put_escaped(struct buf *out, struct span s);
/* What the API server says went wrong, in the arena. */
const char *scan_fault(const struct kube_answer *a, struct arena *arena);
extern const struct json_limits scan_limits;

/* What rules look up is asked for when it is needed, once. c must live as long. */
struct cluster_source scan_lookup(struct scan_cluster *c);
/* The same by keys: the resource is listed, once. */
enum cluster_status scan_find(struct scan_cluster *c, const struct scan_resource *resource,
	const struct cluster_query *q, struct arena *arena, struct cluster_objects *ret,
	struct span *ret_why);

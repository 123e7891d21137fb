/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache from within: kube_cache.c has the table of kinds and answers readers, reflector.c lists
 * and watches one kind, reflector_find.c, reflector_list.c and reflector_watch.c read what
 * the server says, reflector_table.c puts it where readers find it; kube_cache_find.c answers those
 * who want several objects.
 *
 * One lock, held for a look into a table or a change of it, never while anything is awaited.
 */
#pragma once

#include <pthread.h>

#include "webhook/cache/kube_cache.h"
#include "webhook/cache/object_index_internal.h"
#include "webhook/cache/object_table_internal.h"

#define REFLECTOR_PAGE_MAX ((size_t)8 << 20) /* of a list; a larger one is asked for in parts */
#define REFLECTOR_LINE_MAX ((size_t)8 << 20) /* of a watch: one object */

struct kube_cache {
	struct kube_cache_config config;
	struct object_budget budget;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* something stops, or is filled */
	struct reflector *kinds[CLUSTER_KINDS_MAX];
	size_t kind_count;
};

enum watch_end {
	WATCH_OVER,	/* the server ended it properly: go on from there */
	WATCH_BROKEN,	/* lost, or not begun: go on from there, later */
	WATCH_TOO_OLD,	/* 410: list anew */
	WATCH_CONFUSED, /* what it says cannot be read: list anew, later */
};

struct reflector {
	struct kube_cache *cache;
	struct cluster_kind kind; /* its texts are the reflector's */
	char *texts;
	struct span indexes[CLUSTER_INDEXES_MAX];
	struct object_kind keeps;
	pthread_t thread;
	_Atomic bool stopping;

	/* Under the cache's lock. */
	struct object_table table;
	struct object_index index[CLUSTER_INDEXES_MAX];
	size_t keyless; /* objects of the table that no index has */
	bool filled;
	int64_t fresh_at_ms;  /* as of when the table is right */
	bool in_no_namespace; /* the kind's objects are not in any */

	/* The thread's own. */
	struct kube_api *api;
	struct arena *arena; /* for one page, or one event */
	struct buf path;
	struct buf page;	     /* what arrived of a page, or of a line */
	struct buf again;	     /* where the next page begins */
	char resource[256];	     /* "": not known yet */
	char version[128];	     /* of the cluster, as of which the table is right */
	struct object_table listing; /* a list on its way */
	unsigned page_size;
	unsigned failures; /* in a row */
	bool gone;	   /* the version is forgotten at the server: list */
	bool refused;	   /* the last list: by what the server says */
	bool complained;
	int64_t counted_at_ms;
	enum watch_end end; /* of a watch under way; WATCH_OVER while it is well */
	struct err fault;   /* why not */
};

/* ---- kube_cache.c ---- */

/* The one that has objects of this kind, by this index if that is not ""; or NULL. With the lock
 * held, here and below. */
struct reflector *kube_cache_reflector(
	struct kube_cache *c, const struct cluster_kind *kind, struct span index);
/* Why what it has must not be believed; absent: it may be. */
struct span kube_cache_doubt(const struct kube_cache *c, const struct reflector *r,
	const struct cluster_kind *kind, struct arena *arena);
/* Without the lock: -1, the arena is full. */
int kube_cache_copy(const struct object *o, struct arena *arena, struct json_doc *ret) _must_check_;
void kube_cache_count_lookup(enum cluster_status status);

/* ---- reflector.c ---- */

/* Starts its thread. NULL and why. */
struct reflector *reflector_new(
	struct kube_cache *c, const struct cluster_kind *kind, struct err *e);
/* reflector_stop() first, of all that are to end; it does not wait. */
void reflector_stop(struct reflector *r);
void reflector_free(struct reflector *r);
/* For is_over of a call. */
bool reflector_is_over(void *arg);
/* r->path: of the resource, and "?" with the first parameters. */
void reflector_put_path(struct reflector *r);
/* r->path: where all of its group is. */
void reflector_put_group(struct reflector *r);
/* As part of a URL. */
void reflector_put_escaped(struct buf *out, struct span s);
void reflector_count_objects(struct reflector *r);
/* The server has said something that was understood. */
void reflector_is_well(struct reflector *r);
/* An answer that is none of what was asked for, for people; returns -1. */
int reflector_refusal(struct reflector *r, long status, struct err *e);
/* What is read of the server is limited. */
extern const struct json_limits reflector_limits;

/* ---- reflector_find.c ---- */

/* Under which name the API server has the kind: r->resource. -1: not at all, or it cannot be asked.
 */
int reflector_find(struct reflector *r, struct err *e) _must_check_;

/* ---- reflector_list.c ---- */

/* GET r->path into r->page, bounded. */
enum page { PAGE_READ, PAGE_TOO_LARGE, PAGE_FAILED };
enum page reflector_get(struct reflector *r, struct err *e);

/* All of it, page by page, put in the place of the table. -1: nothing has changed. */
int reflector_list(struct reflector *r, struct err *e) _must_check_;

/* ---- reflector_watch.c ---- */

/* Until the server ends it, or something is wrong: why in e. */
enum watch_end reflector_watch(struct reflector *r, struct http_client_answer *ret, struct err *e);

/* ---- reflector_table.c ---- */

/* A table, with its indexes, in the place of the one there is, which *t is then. -1: no memory. */
int reflector_put_in_force(
	struct reflector *r, struct object_table *t, int64_t as_of_ms) _must_check_;
/* Exchanges one object of the table for another; either may be NULL. Takes over the reference of
 * `in`. -1: no memory, or too many; nothing has changed, and `in` is the caller's. */
int reflector_exchange(struct reflector *r, struct object *out, struct object *in) _must_check_;

/* ---- counters ---- */

enum cache_metric {
	CACHE_AGE,
	CACHE_OBJECTS,
	CACHE_BYTES,
	CACHE_LEFT_OUT,
	CACHE_EVENTS,
	CACHE_LISTS,
	CACHE_FAILURES,
	CACHE_LOOKUPS,
};
/* By the kind's name. */
void cache_set_for(enum cache_metric m, struct span kind, int64_t n);
void cache_set(enum cache_metric m, int64_t n);
void cache_count(enum cache_metric m, unsigned label);
enum { CACHE_FAILED_UNREACHABLE, CACHE_FAILED_REFUSED, CACHE_FAILED_UNREADABLE };

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a record of a log to the audit events in it. Clouds and collectors wrap them: as text in a
 * member of an object, as lists, behind a time on a line. docs/managed.md names what is understood.
 *
 * Threads: one unwrapping, one thread at a time.
 */
#pragma once

#include "cli/import/import_records.h"

enum import_format {
	IMPORT_EVENT,	    /* audit.k8s.io/v1 Event, as --audit-log-path writes it */
	IMPORT_EVENT_LIST,  /* EventList, or a JSON array */
	IMPORT_AKS,	    /* Azure diagnostic records */
	IMPORT_CLOUDWATCH,  /* Amazon CloudWatch Logs: subscription, filter-log-events, Insights */
	IMPORT_CLOUD_AUDIT, /* Google Cloud LogEntry with protoPayload: mapped */
	IMPORT_COLLECTOR,   /* an event as a member of a collector's record */
	IMPORT_PREFIXED,    /* a line with something before the event: a time, CRI */
	IMPORT_FORMATS
};

/* "Event", "Azure diagnostic records": for people. */
const char *import_format_name(enum import_format f);

/* An event, or what is left of one that was cut. */
struct import_event {
	struct span text; /* JSON text, unless it was cut */
	bool cut;	  /* no JSON, but it says of itself that it was an audit event */
};

/* What a record holds. Everything in it lives as long as the record and the arena. */
struct import_found {
	struct import_event *events;
	size_t count, cap;
	uint64_t others;	/* records and lines that are of something else */
	unsigned formats;	/* bits of enum import_format */
	const char *unreadable; /* why nothing was made of the record, or of a part; else NULL */
};

/*
 * Unwraps a record. All memory is from the arena. Errors: -1, memory is short. What cannot be read
 * is no error, but ret->unreadable; events that stand beside it are found nevertheless.
 */
int import_unwrap(const struct import_record *record, struct arena *arena, struct import_found *ret,
	struct err *e) _must_check_;

/* import_cloud_audit.c: a Google Cloud LogEntry of an audit log of Kubernetes as an Event. */

enum import_mapped { IMPORT_MAPPED, IMPORT_NOT_KUBERNETES, IMPORT_NOT_COMPLETE };

/* Appends the Event's JSON text to out. entry: an object with protoPayload. */
enum import_mapped import_map_cloud_audit(
	struct buf *out, const struct json_doc *d, json_ref entry, struct arena *arena);

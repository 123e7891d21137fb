/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is sent to a target: the body, and for a webhook its signature.
 *
 * slack: {"text": …} in Slack's mrkdwn. webhook: a CloudEvents 1.0 event in structured JSON form
 * (https://cloudevents.io), with the headers of Standard Webhooks
 * (https://www.standardwebhooks.com): webhook-id, webhook-timestamp and webhook-signature, "v1," +
 * base64 of HMAC-SHA-256 over
 * "<id>.<timestamp>.<body>".
 */
#pragma once

#include "common/json/json.h"
#include "webhook/notify/notify_targets.h"

/* One event of the outbox. */
struct notify_event {
	const char *cluster;
	int64_t id; /* of the outbox: the same at every attempt */
	const char *event;
	int64_t hold_id;
	const char *created_at; /* RFC 3339 */
	struct span payload;	/* JSON, see holdpoint.hold_summary */
};

enum notify_body {
	NOTIFY_BODY_PUT,
	NOTIFY_BODY_UNREADABLE, /* the payload is no JSON, and never will be */
	NOTIFY_BODY_NO_ROOM,	/* memory is short, or out is full: nothing may be left out */
};

/* Appends the body. */
enum notify_body notify_put_body(const struct notify_target *t, const struct notify_event *ev,
	struct arena *arena, struct buf *out) _must_check_;

/* The event's id for its receivers: stable, unique over clusters. */
void notify_put_id(const struct notify_event *ev, struct buf *out);

/* "v1,<base64>" of an event sent at unix time `at`. */
void notify_put_signature(const struct notify_target *t, struct span id, int64_t at,
	struct span body, struct buf *out);

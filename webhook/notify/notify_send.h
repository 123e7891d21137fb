/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTPS POST to a target: no redirect is followed, no proxy of the environment is used, a
 * private address only where the target says so, ten seconds at most, the answer's body ignored.
 */
#pragma once

#include "webhook/notify/notify_message.h"

enum notify_status {
	NOTIFY_DELIVERED,
	NOTIFY_TRY_AGAIN,
	NOTIFY_NEVER, /* the receiver says that it is gone (410), or the event is no JSON */
};

struct notify_sender;

struct notify_sender *notify_sender_new(void); /* NULL: out of memory */
void notify_sender_free(struct notify_sender *s);

/* Errors: for what is not NOTIFY_DELIVERED, why; never the URL. Blocks. */
enum notify_status notify_send(struct notify_sender *s, const struct notify_target *t,
	const struct notify_event *ev, struct err *e);

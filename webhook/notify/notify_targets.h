/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is told of holds: the file of --notify-targets.
 *
 *   targets:
 *   - name: oncall
 *     type: slack                 # an incoming webhook of Slack or of what speaks like it
 *     urlFile: /etc/holdpoint/slack-url
 *   - name: bot
 *     type: webhook               # CloudEvents 1.0, signed as Standard Webhooks say
 *     url: https://bot.example.com/holds
 *     secretFile: /etc/holdpoint/bot-secret      # whsec_<base64>, or at least 24 bytes as they are
 *     events: [hold.pending, hold.approved]      # default: .pending and .impersonated
 *     caFile: /etc/holdpoint/bot-ca.crt          # default: the system's
 *     allowPrivate: true          # the address may be private; default: public addresses only
 *
 * A URL that is a secret itself (Slack's) stands in urlFile. https only.
 */
#pragma once

#include "common/base/err.h"

#define NOTIFY_TARGETS_MAX 32
#define NOTIFY_EVENTS_MAX  8

enum notify_type { NOTIFY_SLACK, NOTIFY_WEBHOOK };

struct notify_target {
	char *name;
	enum notify_type type;
	char *url;
	char *secret; /* raw key bytes; NULL: not signed (slack) */
	size_t secret_len;
	char *ca_file; /* or NULL */
	bool allow_private;
	char *events[NOTIFY_EVENTS_MAX];
	size_t event_count;
};

struct notify_targets {
	struct notify_target items[NOTIFY_TARGETS_MAX];
	size_t count;
};

/* Reads the file and the files it names. Errors: "file:line:column: message" of the first one. */
int notify_targets_read(const char *path, struct notify_targets *ret, struct err *e) _must_check_;
/* Wipes the secrets. Fit for what notify_targets_read() filled, or all zeroes. */
void notify_targets_free(struct notify_targets *t);

/* holds.STATE, of several, is wanted where hold.STATE is. */
bool notify_target_wants(const struct notify_target *t, const char *event);

/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of kubectl holdpoint share. */
#pragma once

#include "cli/command.h"
#include "cli/kubectl/kube_client.h"
#include "common/json/json.h"

#define KUBECTL_REVIEWS_PATH "/apis/holdpoint.dev/v1alpha1/holdreviews"
#define KUBECTL_ARENA_MAX    ((size_t)64 << 20)

#define KUBECTL_FLAGS(kube, output)                                                                \
	CLI_FLAG_TEXT("kubeconfig", (kube).kubeconfig, "FILE", "kubeconfig instead of kubectl's"), \
		CLI_FLAG_TEXT("context", (kube).context, "NAME", "context of the kubeconfig"),     \
		CLI_FLAG_OUTPUT(output)

extern const struct command kubectl_commands[];
extern const struct json_limits kubectl_limits;

/* Finds the API server and the user. Returns the exit code, an error was said. arena may be NULL.
 */
int kubectl_config(const struct command *self, const struct kube_options *kube, struct arena *arena,
	struct kube_config *ret);

/* kube_request(); returns the exit code, an error was said. */
int kubectl_request(const struct command *self, const struct kube_config *config, const char *path,
	const char *body, struct kube_answer *ret);

/* Says the API server's Status in one line; returns the exit code that it means. */
int kubectl_explain(
	const struct command *self, const struct kube_answer *answer, struct arena *arena);

/* The text at a pointer of an object, for printing (NULs are another control character); "" when
 * there is none, or the arena is full. */
const char *kubectl_field(
	const struct json_doc *d, json_ref object, const char *pointer, struct arena *arena);

/* Members of a HoldReview's spec; of what is NULL or 0: nothing. */
void kubectl_put_member(struct buf *b, const char *key, const char *value);
void kubectl_put_number(struct buf *b, const char *key, int64_t value);
void kubectl_put_filter(struct buf *b, const struct cli_hold_filter *f);
/* The time that lies so long ahead, or back when it is negative; 0: none. */
void kubectl_put_time(struct buf *b, const char *key, int64_t ms);
void kubectl_put_since(struct buf *b, int64_t ms); /* so long ago */

/* kubectl holdpoint deny --user: all of one requester (kubectl_cancel.c) */
struct kubectl_user_denial {
	const struct command *self;
	struct kube_options kube;
	const char *output, *reason;
	struct cli_hold_filter filter;
	bool yes;
};
int kubectl_deny_user(const struct kubectl_user_denial *m, struct arena *arena);
/* Creates an object of ours, and prints what the webhook says of it. Returns the exit code. */
int kubectl_create(const struct command *self, const struct kube_config *config, const char *path,
	const char *output, const char *body, struct arena *arena);
/* kubectl holdpoint stop, resume (kubectl_stop.c) */
int kubectl_stop(const struct command *self, int argc, char **argv);
int kubectl_resume(const struct command *self, int argc, char **argv);
/* kubectl holdpoint status, wait, comment (kubectl_own.c) */
int kubectl_status(const struct command *self, int argc, char **argv);
int kubectl_wait(const struct command *self, int argc, char **argv);
int kubectl_comment(const struct command *self, int argc, char **argv);
/* kubectl holdpoint mcp */
int kubectl_mcp(const struct command *self, int argc, char **argv);
/* kubectl holdpoint withdraw */
int kubectl_withdraw(const struct command *self, int argc, char **argv);

/*
 * Asks what waits for the user (hold NULL), or for one hold, also what became of their approval of
 * it: `more`, further members of the spec, or NULL; the answer's document, in `arena`, has
 * /status/holds and /status/review. Returns the exit code, an error was said.
 */
int kubectl_ask_holds(const struct command *self, const struct kube_config *config,
	const char *hold, const char *more, struct arena *arena, struct kube_answer *ret,
	struct json_doc *ret_doc);

/* The same of one hold of the user's own, in whatever state: /status/holds/0. */
int kubectl_ask_status(const struct command *self, const struct kube_config *config,
	const char *hold, struct arena *arena, struct kube_answer *ret, struct json_doc *ret_doc);

/*
 * After an approval: waits until it counts, at most wait_ms, and says what came of it (kubectl_
 * confirm.c). Prints nothing to stdout when quiet. Returns the exit code.
 */
int kubectl_await_confirmation(const struct command *self, const struct kube_config *config,
	const char *hold, int64_t wait_ms, bool quiet);

/* kubectl holdpoint list, show (kubectl_holds.c) */
int kubectl_list(const struct command *self, int argc, char **argv);
int kubectl_show(const struct command *self, int argc, char **argv);

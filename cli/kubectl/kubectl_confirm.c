/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of an approval with kubectl: where it waits for the API server's audit event, so
 * does this, by asking again and again, as a dry run.
 */
#include <stdio.h>
#include <time.h>

#include "cli/kubectl/kubectl_review.h"
#include "common/base/clock.h"
#include "common/base/utf8.h"

#define ASK_EVERY_MS 500

struct review {
	char state[16], hold_state[16], approvals[16], min_approvals[16];
	char why[512], opens[1024];
	bool counted;
};

static void keep(char *to, size_t size, const struct json_doc *d, json_ref r, const char *pointer,
	struct arena *arena)
{
	snprintf(to, size, "%s", kubectl_field(d, r, pointer, arena));
}

static int ask(const struct command *self, const struct kube_config *config, const char *hold,
	struct review *ret)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	_cleanup_(kube_answer_free) struct kube_answer answer = {0};
	struct json_doc d = {0};
	json_ref r;
	int rc;

	if (!arena)
		return cli_error(self, CLI_FAILED, "out of memory");
	rc = kubectl_ask_holds(self, config, hold, NULL, arena, &answer, &d);
	if (rc > 0)
		return rc;
	r = json_pointer_str(&d, JSON_ROOT, "/status/review");
	keep(ret->state, sizeof(ret->state), &d, r, "/state", arena);
	keep(ret->hold_state, sizeof(ret->hold_state), &d, r, "/holdState", arena);
	keep(ret->approvals, sizeof(ret->approvals), &d, r, "/approvals", arena);
	keep(ret->min_approvals, sizeof(ret->min_approvals), &d, r, "/minApprovals", arena);
	keep(ret->why, sizeof(ret->why), &d, r, "/why", arena);
	keep(ret->opens, sizeof(ret->opens), &d, r, "/opens", arena);
	ret->counted = json_type(&d, json_get_str(&d, r, "counted")) == JSON_TRUE;
	return CLI_OK;
}

static int say(const struct command *self, const char *hold, const struct review *r,
	int64_t waited_ms, bool quiet)
{
	_cleanup_(buf_free) struct buf why = BUF_INIT(4096), opens = BUF_INIT(8192);

	if (strcmp(r->state, "waiting") == 0 && !r->counted)
		return cli_error(self, CLI_NOT_YET,
			"hold %s: your approval is written down and does not count yet: the API "
			"server's audit event, which must confirm it, has not come within %lld s. "
			"It counts when it comes; look with: kubectl holdpoint show %s",
			hold, (long long)waited_ms / 1000, hold);
	if (!r->counted) {
		utf8_put_printable(&why, span_of(r->why));
		return cli_error(self, CLI_NO, "hold %s: your approval does not count: %s", hold,
			cli_text(&why));
	}
	if (quiet)
		return CLI_OK;
	if (strcmp(r->hold_state, "pending") == 0)
		printf("hold %s: your approval counts: %s of %s approvals\n", hold, r->approvals,
			r->min_approvals);
	else {
		utf8_put_printable(&opens, span_of(r->opens));
		printf("hold %s %s%s%s\n", hold, r->hold_state, *r->opens ? ". Opens: " : "",
			*r->opens ? cli_text(&opens) : "");
	}
	return CLI_OK;
}

int kubectl_await_confirmation(const struct command *self, const struct kube_config *config,
	const char *hold, int64_t wait_ms, bool quiet)
{
	int64_t until = monotonic_ms() + wait_ms;
	struct review r = {0};

	for (;;) {
		int rc = ask(self, config, hold, &r);

		if (rc > 0)
			return rc;
		if (strcmp(r.state, "waiting") != 0 || r.counted || monotonic_ms() >= until)
			break;
		nanosleep(&(struct timespec){.tv_nsec = ASK_EVERY_MS * 1000000L}, NULL);
	}
	return say(self, hold, &r, wait_ms, quiet);
}

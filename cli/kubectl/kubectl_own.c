/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl holdpoint status, wait, comment: what a requester may know and say of holds of their own.
 * The state is asked for by a HoldReview that is created as a dry run (`decision: Status`).
 */
#include <stdio.h>
#include <time.h>

#include "cli/holds.h"
#include "cli/kubectl/kubectl_review.h"
#include "common/base/clock.h"

#define ASK_FIRST_MS 1000 /* between two looks; more and more up to ASK_LAST_MS */
#define ASK_LAST_MS  5000

/* What a hold's state means for who asked: the exit code, and a sentence. */
static const struct {
	const char *state;
	enum cli_exit code;
	const char *next;
} states[] = {
	{"pending", CLI_NOT_YET, "it waits; do not try another way"},
	{"approved", CLI_OK, "repeat exactly the request now"},
	{"used", CLI_OK, "the request has passed"},
	{"denied", CLI_NO, "do not repeat the request, and do not try another way"},
	{"expired", CLI_NO, "nobody decided in time; repeat the request to ask again, once"},
	{"withdrawn", CLI_NO, "it was taken back"},
};

static size_t state_of(const char *state)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(states[i].state, state) == 0)
			return i;
	return ARRAY_LEN(states);
}

/* One look at a hold; its state is an index of `states`. */
struct look {
	struct kube_answer answer;
	struct json_doc doc;
	json_ref hold;
	size_t state;
};

static void look_free(struct look *l)
{
	kube_answer_free(&l->answer);
}

static int look(const struct command *self, const struct kube_config *config, const char *id,
	struct arena *arena, struct look *ret)
{
	int rc = kubectl_ask_status(self, config, id, arena, &ret->answer, &ret->doc);

	if (rc > 0)
		return rc;
	ret->hold = json_pointer_str(&ret->doc, JSON_ROOT, "/status/holds/0");
	ret->state = state_of(kubectl_field(&ret->doc, ret->hold, "/state", arena));
	if (ret->state == ARRAY_LEN(states))
		return cli_error(self, CLI_FAILED, "the answer has no state of hold %s", id);
	return CLI_OK;
}

static void print_field(
	const struct look *l, const char *title, const char *pointer, struct arena *arena)
{
	json_ref v = json_pointer(&l->doc, l->hold, span_of(pointer));

	if (v == JSON_NONE || json_type(&l->doc, v) == JSON_NULL)
		return;
	printf("  %-11s", title);
	print_printable(stdout, kubectl_field(&l->doc, l->hold, pointer, arena));
	putchar('\n');
}

static void print_state(const char *id, const struct look *l, struct arena *arena)
{
	_cleanup_(buf_free) struct buf what = BUF_INIT(8192);
	const char *state = states[l->state].state;
	char left[24];

	printf("hold %s %s%s%s: %s\n", id, colour_on(holds_state_colour(state), stdout), state,
		colour_off(stdout), states[l->state].next);
	holds_put_what(&what, kubectl_field(&l->doc, l->hold, "/operation", arena),
		kubectl_field(&l->doc, l->hold, "/resource", arena),
		kubectl_field(&l->doc, l->hold, "/namespace", arena),
		kubectl_field(&l->doc, l->hold, "/name", arena));
	fputs("  Request:   ", stdout);
	print_printable(stdout, cli_text(&what));
	putchar('\n');
	print_field(l, "Rule:", "/rules", arena);
	if (states[l->state].code == CLI_NOT_YET)
		print_field(l, "Approvers:", "/approverNames", arena);
	if (strcmp(state, "pending") == 0 || strcmp(state, "approved") == 0)
		printf("  Expires:   in %s\n", age_text(strtoll(kubectl_field(&l->doc, l->hold,
									"/expiresInSeconds", arena),
								NULL, 10),
						       left));
	print_field(l, "By:", "/decidedBy", arena);
	print_field(l, "Reason:", "/reason", arena);
}

static int print(const struct command *self, const char *output, const char *id,
	const struct look *l, struct arena *arena)
{
	if (cli_wants_json(output))
		return cli_print_json(self, json_text(&l->doc, l->hold));
	print_state(id, l, arena);
	return CLI_OK;
}

struct own {
	const struct command *self;
	struct kube_config config;
	const char *output;
	char numbers[CLI_HOLDS_MAX][24];
	size_t count;
	struct arena *arena;
};

/* Of several, the one that asks for most attention: it did not work, no, not yet. */
static int worse(int a, int b)
{
	static const int order[] = {
		[CLI_OK] = 0, [CLI_NOT_YET] = 1, [CLI_NO] = 2, [CLI_FAILED] = 3};

	return order[b] > order[a] ? b : a;
}

/* As cli_parse(): the flags, the numbers of holds, and whom to ask for them. */
static int begin(struct own *o, const struct flag *flags, int argc, char **argv,
	const struct kube_options *kube)
{
	const char *ids[CLI_HOLDS_MAX];
	int rc = cli_parse(o->self, flags, argc, argv, 1, CLI_HOLDS_MAX, ids, &o->count);

	if (rc >= 0)
		return rc;
	rc = holds_parse_numbers(o->self, ids, o->count, o->numbers);
	if (rc == 0)
		rc = kubectl_config(o->self, kube, o->arena, &o->config);
	return rc > 0 ? rc : -1;
}

int kubectl_status(const struct command *self, int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	struct own o = {.self = self, .arena = arena};
	struct kube_options kube = {0};
	const struct flag flags[] = {KUBECTL_FLAGS(kube, o.output), {0}};
	int worst = CLI_OK, rc = begin(&o, flags, argc, argv, &kube);

	if (rc >= 0)
		return rc;
	for (size_t i = 0; i < o.count; i++) {
		_cleanup_(look_free) struct look l = {0};

		rc = look(self, &o.config, o.numbers[i], arena, &l);
		if (rc == CLI_OK)
			rc = print(self, o.output, o.numbers[i], &l, arena);
		worst = worse(worst, rc == CLI_OK ? (int)states[l.state].code : rc);
	}
	return worst;
}

/* ---- wait ---- */

/* Until it is decided, or the time is over. */
static int await_one(struct own *o, const char *id, int64_t until_ms)
{
	int64_t pause_ms = ASK_FIRST_MS;

	for (;;) {
		_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
		_cleanup_(look_free) struct look l = {0};
		int64_t left_ms;
		int rc;

		if (!arena)
			return cli_error(o->self, CLI_FAILED, "out of memory");
		rc = look(o->self, &o->config, id, arena, &l);
		left_ms = until_ms - monotonic_ms();
		if (rc > 0)
			return rc;
		if (states[l.state].code != CLI_NOT_YET || left_ms <= 0 || cli_interrupted()) {
			rc = print(o->self, o->output, id, &l, arena);
			return rc > 0 ? rc : (int)states[l.state].code;
		}
		pause_ms = pause_ms < left_ms ? pause_ms : left_ms;
		nanosleep(&(struct timespec){pause_ms / 1000, pause_ms % 1000 * 1000000L}, NULL);
		pause_ms = pause_ms * 3 / 2 < ASK_LAST_MS ? pause_ms * 3 / 2 : ASK_LAST_MS;
	}
}

int kubectl_wait(const struct command *self, int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	struct own o = {.self = self, .arena = arena};
	struct kube_options kube = {0};
	int64_t timeout_ms = 600000, until_ms;
	const struct flag flags[] = {KUBECTL_FLAGS(kube, o.output),
		CLI_FLAG_DURATION("timeout", timeout_ms, 0, INT64_C(86400000),
			"how long at most; then the exit code is 4"),
		{0}};
	int worst = CLI_OK, rc = begin(&o, flags, argc, argv, &kube);

	if (rc >= 0)
		return rc;
	cli_catch_interrupt();
	until_ms = monotonic_ms() + timeout_ms;
	for (size_t i = 0; i < o.count; i++)
		worst = worse(worst, await_one(&o, o.numbers[i], until_ms));
	return worst;
}

/* ---- comment ---- */

int kubectl_comment(const struct command *self, int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	_cleanup_(buf_free) struct buf body = BUF_INIT(32768);
	struct kube_options kube = {0};
	const char *output = NULL, *args[2];
	const struct flag flags[] = {KUBECTL_FLAGS(kube, output), {0}};
	struct kube_config config;
	char id[1][24];
	size_t count;
	int rc = cli_parse(self, flags, argc, argv, 2, 2, args, &count);

	if (rc >= 0)
		return rc;
	if ((rc = holds_parse_numbers(self, args, 1, id)) > 0 ||
		(rc = kubectl_config(self, &kube, arena, &config)) > 0)
		return rc;
	buf_printf(&body,
		"{\"apiVersion\":\"holdpoint.dev/v1alpha1\",\"kind\":\"HoldReview\",\"metadata\":{"
		"\"generateName\":\"comment-%s-\"},\"spec\":{\"decision\":\"Comment\",\"hold\":%s",
		id[0], id[0]);
	kubectl_put_member(&body, "reason", args[1]);
	buf_add_str(&body, "}}");
	return kubectl_create(self, &config, KUBECTL_REVIEWS_PATH "?fieldManager=kubectl-holdpoint",
		output, cli_text(&body), arena);
}

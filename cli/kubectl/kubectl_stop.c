/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl holdpoint stop, resume: a HoldStop that the user of the kubeconfig creates. */
#include "cli/kubectl/kubectl_review.h"
#include "cli/stops.h"

#define STOPS_PATH "/apis/holdpoint.dev/v1alpha1/holdstops?fieldManager=kubectl-holdpoint"

static int create(const struct command *self, int argc, char **argv, bool stop)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, KUBECTL_ARENA_MAX);
	_cleanup_(buf_free) struct buf body = BUF_INIT(32768);
	struct kube_options kube = {0};
	const char *output = NULL, *reason = NULL, *group = NULL, *user = NULL;
	int64_t for_ms = 0;
	const struct flag stop_flags[] = {KUBECTL_FLAGS(kube, output),
		CLI_FLAG_STOPPED_GROUP(group), CLI_FLAG_STOP_REASON(reason),
		CLI_FLAG_STOP_FOR(for_ms), {0}};
	const struct flag resume_flags[] = {KUBECTL_FLAGS(kube, output),
		CLI_FLAG_STOPPED_GROUP(group), CLI_FLAG_STOP_REASON(reason), {0}};
	struct kube_config config;
	int rc = stops_parse(self, stop ? stop_flags : resume_flags, argc, argv, &group, &user);

	if (rc >= 0 || (rc = kubectl_config(self, &kube, arena, &config)) > 0)
		return rc;
	buf_printf(&body,
		"{\"apiVersion\":\"holdpoint.dev/v1alpha1\",\"kind\":\"HoldStop\",\"metadata\":{"
		"\"generateName\":\"%s-\"},\"spec\":{\"action\":\"%s\"",
		stop ? "stop" : "resume", stop ? "Stop" : "Resume");
	kubectl_put_member(&body, group ? "group" : "user", group ? group : user);
	kubectl_put_member(&body, "reason", reason);
	kubectl_put_time(&body, "until", for_ms);
	buf_add_str(&body, "}}");
	return kubectl_create(self, &config, STOPS_PATH, output, cli_text(&body), arena);
}

int kubectl_stop(const struct command *self, int argc, char **argv)
{
	return create(self, argc, argv, true);
}

int kubectl_resume(const struct command *self, int argc, char **argv)
{
	return create(self, argc, argv, false);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint policy scan: the command line, and each object through the policies. */
#include "cli/scan/scan.h"

#include <stdio.h>

#include "cli/kubectl/kubectl_review.h"
#include "cli/policy.h"
#include "cli/scan/scan_internal.h"
#include "policy/objects.h"

#define OBJECT_ARENA_MAX ((size_t)256 << 20)
#define KEPT_ARENA_MAX	 ((size_t)512 << 20)

int scan_request(struct scan *s, struct policy_request *q, struct arena *arena)
{
	struct scan_report *r = &s->report;
	struct policy_decision d;

	if (s->wanted->max_objects && r->objects >= (uint64_t)s->wanted->max_objects) {
		report_incomplete(r, "the rest", "there are more than --max-objects");
		return -1;
	}
	r->objects++;
	q->cluster = s->cluster;
	if (policy_decide(s->set, q, arena, &d) < 0)
		report_incomplete(r, "an object", "it needs too much memory");
	else
		report_add(r, q, &d, arena);
	return 0;
}

int scan_object(struct scan *s, const struct manifest_object *o)
{
	struct review *review = arena_alloc(s->scratch, sizeof(*review));
	struct err e = {.msg = "it needs too much memory"};

	if (review && manifest_review(o, &s->sender, s->scratch, review, &e) == 0)
		return scan_request(s, &review->request, s->scratch);
	char name[600];
	snprintf(name, sizeof(name), "%.200s %.*s%s%.*s", o->resource.len ? o->resource.ptr : "",
		SPAN_FMT(o->namespace_), o->namespace_.len ? "/" : "", SPAN_FMT(o->name));
	report_incomplete(&s->report, name, "%s", e.msg);
	return 0;
}

/* ---- manifests ---- */

static int read_objects(struct scan *s, struct policy_objects *objects)
{
	const struct scan_wanted *w = s->wanted;
	const char *const *paths = w->objects ? &w->objects : w->manifests.items;
	size_t kinds = 0;
	struct yaml_errors errors = {0};

	policy_set_kinds(s->set, &kinds);
	if (!w->objects && !kinds)
		return CLI_OK;
	int rc = policy_objects_read(objects, paths, w->objects ? 1 : w->manifests.count, &errors);
	if (rc < 0)
		fputs(cli_text(&errors.text), stderr);
	buf_free(&errors.text);
	return rc < 0 ? CLI_FAILED : CLI_OK;
}

static int scan_manifests(struct scan *s, struct arena *arena)
{
	struct policy_objects objects = {.arena = arena};
	const struct cluster_source source = policy_objects_source(&objects);
	struct yaml_errors errors = {0};
	struct manifest *m;
	int rc = manifests_read(s->wanted->manifests.items, s->wanted->manifests.count, &s->sender,
		arena, &errors, &m);

	if (rc < 0)
		fputs(cli_text(&errors.text), stderr);
	buf_free(&errors.text);
	if (rc < 0 || read_objects(s, &objects) != CLI_OK)
		return CLI_FAILED;
	s->cluster = &source;
	for (; m; m = m->next) {
		arena_reset(s->scratch);
		if (scan_request(s, &m->review.request, s->scratch) < 0)
			break;
	}
	s->cluster = NULL;
	return CLI_OK;
}

/* ---- the command ---- */

static int scan_cluster(struct scan *s, struct arena *arena, struct arena *page)
{
	struct scan_cluster c = {.arena = arena, .page = page};
	const struct cluster_source source = scan_lookup(&c);
	int rc = kubectl_config(s->self, &s->wanted->kube, arena, &c.config);

	s->cluster = &source;
	if (rc == CLI_OK)
		rc = scan_all(s, &c);
	s->cluster = NULL;
	return rc;
}

static int scan(const struct command *self, const char *const *files, size_t count,
	const struct scan_wanted *w)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	_cleanup_(arena_freep) struct arena *arena = arena_new(1u << 20, KEPT_ARENA_MAX);
	_cleanup_(arena_freep) struct arena *page = arena_new(1u << 20, KEPT_ARENA_MAX);
	_cleanup_(arena_freep) struct arena *scratch = arena_new(1u << 20, OBJECT_ARENA_MAX);
	struct scan s = {.self = self,
		.wanted = w,
		.sender = {.username = w->username,
			.groups = w->groups.items,
			.group_count = w->groups.count,
			.namespace_ = w->namespace_},
		.scratch = scratch};
	int rc;

	if (!arena || !page || !scratch)
		return cli_error(self, CLI_FAILED, "out of memory");
	if ((rc = cli_policy_load(self, files, count, &set)) != CLI_OK)
		return rc;
	s.set = set;
	report_begin(&s.report, w);
	rc = w->manifests.count ? scan_manifests(&s, arena) : scan_cluster(&s, arena, page);
	if (rc == CLI_OK)
		rc = report_end(&s.report, self);
	report_free(&s.report);
	return rc;
}

static int check_wanted(const struct command *self, const struct scan_wanted *w)
{
	if (w->objects && !w->manifests.count)
		return cli_error(
			self, CLI_USAGE, "--objects is for --manifest: a cluster is asked");
	if (w->manifests.count && (w->resources.count || w->kube.kubeconfig || w->kube.context))
		return cli_error(self, CLI_USAGE,
			"--resource, --kubeconfig and --context are for a cluster, not for "
			"--manifest");
	return CLI_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
	const char *files[CLI_POLICY_MAX_FILES];
	struct scan_wanted w = {.limit = 100, .max_objects = 1000000};
	size_t count;
	const struct flag flags[] = {
		{.name = "as",
			.type = FLAG_STRING,
			.value = &w.username,
			.arg = "USER",
			.no_env = true,
			.required = true,
			.help = "who would create it all: policies concern those who ask"},
		{.name = "as-group",
			.type = FLAG_STRING_LIST,
			.value = &w.groups,
			.arg = "GROUP",
			.no_env = true,
			.help = "a group of that user"},
		{.name = "manifest",
			.short_name = 'f',
			.type = FLAG_STRING_LIST,
			.value = &w.manifests,
			.arg = "PATH",
			.no_env = true,
			.help = "objects of YAML or JSON files or folders, in place of a cluster"},
		CLI_FLAG_TEXT("objects", w.objects, "PATH",
			"with --manifest: what rules look up, if not in the manifests themselves"),
		{.name = "resource",
			.type = FLAG_STRING_LIST,
			.value = &w.resources,
			.arg = "RESOURCE",
			.no_env = true,
			.help = "only this resource: pods, deployments.apps"},
		CLI_FLAG_NAMESPACE(w.namespace_,
			"only this namespace; with --manifest: of objects that name none"),
		CLI_FLAG_LIMIT(w.limit, "findings that are shown"),
		CLI_FLAG_SWITCH("all", w.all, "no limit: all findings"),
		CLI_FLAG_NUMBER("max-objects", w.max_objects, "N", 1, 100000000,
			"objects that are looked at, at most"),
		KUBECTL_FLAGS(w.kube, w.output), {0}};
	int rc = cli_parse(self, flags, argc, argv, 1, ARRAY_LEN(files), files, &count);

	if (rc < 0)
		rc = check_wanted(self, &w);
	else
		return rc;
	return rc == CLI_OK ? scan(self, files, count, &w) : rc;
}

const struct command scan_commands[] = {
	{.name = "policy scan",
		.args = "FILE…",
		.run = run,
		.summary = "Say what of a cluster policies would deny or hold, if it were created "
			   "now",
		.examples = "  holdpoint policy scan policies/ --as claude-code --as-group "
			    "ai-agents\n"
			    "  holdpoint policy scan policies/ --as alice -n prod --resource "
			    "deployments.apps\n"
			    "  holdpoint policy scan policies/ --as alice -f manifests/ -o json\n"},
	{.name = NULL},
};

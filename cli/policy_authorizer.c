/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint policy authorizer FILE…: the AuthorizationConfiguration that these policies need. */
#include <stdio.h>

#include "cli/cluster_flags.h"
#include "cli/policy.h"

#define NEWEST_MINOR 36u /* what is written when nothing is said */

static int print_config(const struct policy_set *set, const struct authorizer_options *options)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(4u << 20);
	bool everyone;

	authorizer_put_config(&out, set, options, &everyone);
	fputs(cli_text(&out), stdout);
	if (everyone)
		fputs("note: a policy with verbs has no subjects: with Holdpoint away nobody but "
		      "system:masters, nodes and the cluster's own controllers is served; "
		      "name subjects to change that\n",
			stderr);
	return CLI_OK;
}

int cli_policy_authorizer(const struct command *self, int argc, char **argv)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	const char *files[CLI_POLICY_MAX_FILES];
	struct cluster_flags cluster = {0};
	struct authorizer_options options = {.dir = "/etc/kubernetes/holdpoint"};
	size_t count;
	const struct flag flags[] = {CLUSTER_FLAG_VERSION(cluster),
		CLI_FLAG_TEXT("dir", options.dir, "DIR", "where the API server finds its files"),
		{0}};
	int rc = cli_parse(self, flags, argc, argv, 1, ARRAY_LEN(files), files, &count);

	if (rc >= 0)
		return rc;
	rc = cluster_minor(self, cluster.version, &options.minor);
	if (rc > 0)
		return rc;
	if (!options.minor)
		options.minor = NEWEST_MINOR;
	if (options.minor < AUTHORIZER_MINOR_CONFIG)
		return cli_error(self, CLI_NO,
			"Kubernetes 1.%u reads no such file; start kube-apiserver with "
			"--authorization-mode=Webhook,Node,RBAC "
			"--authorization-webhook-config-file=%s/authorization-webhook.kubeconfig "
			"--authorization-webhook-version=v1 "
			"--authorization-webhook-cache-authorized-ttl=1ns "
			"--authorization-webhook-cache-unauthorized-ttl=1ns: it then asks about "
			"everybody",
			options.minor, options.dir);
	rc = cli_policy_load(self, files, count, &set);
	return rc > 0 ? rc : print_config(set, &options);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "auditsink/source.h"

#include <stdatomic.h>

#include "auditsink/batch.h"
#include "auditsink/sink_metrics.h"
#include "common/base/crypto.h"
#include "common/base/flags.h"

#define TOKEN_MAX 4096

struct source {
	struct span name;
	struct span cluster;
	size_t namesake; /* the first of this name: a source is one, whatever clusters it posts for
			  */
	_Atomic int64_t last_us, pause_us; /* CLOCK_MONOTONIC; 0: never */
};

struct source_table {
	struct source items[FLAG_LIST_MAX + 1];
	size_t count;
	struct span default_cluster;
	bool client_certificates;
	bool has_token;
	uint8_t token_digest[SHA256_LEN]; /* the token itself is not kept */
};

static bool is_cluster_name(struct span s)
{
	if (s.len == 0 || s.len > CLUSTER_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			c != '-' && c != '_' && c != '.')
			return false;
	}
	return true;
}

static void append(struct source_table *t, struct span name, struct span cluster)
{
	struct source *s = &t->items[t->count];

	s->name = name;
	s->cluster = cluster;
	while (!span_eq(t->items[s->namesake].name, name))
		s->namesake++;
	t->count++;
	metric_set_for(&sink_metrics[SINK_LAST_BODY], name, 0);
}

static int add_source(struct source_table *t, const char *text, struct err *e)
{
	const char *equals = strrchr(text, '='); /* a certificate's name may hold one */
	struct span name, cluster;

	if (!equals)
		return err_set(e, "--source %s: expected NAME=CLUSTER", text);
	name = (struct span){text, (size_t)(equals - text)};
	cluster = span_of(equals + 1);
	if (name.len == 0 || name.len > SOURCE_NAME_MAX)
		return err_set(
			e, "--source %s: the name must have 1 to %d bytes", text, SOURCE_NAME_MAX);
	if (!is_cluster_name(cluster))
		return err_set(e, "--source %s: a cluster's name has 1 to %d of A-Z a-z 0-9 - _ .",
			text, CLUSTER_NAME_MAX);
	append(t, name, cluster);
	return 0;
}

static int read_token(struct source_table *t, const char *path, struct err *e)
{
	char *token;
	size_t len;

	if (secret_read_file(path, TOKEN_MAX, &token, &len, e) < 0)
		return err_prefix(e, "--bearer-token-file");
	t->has_token = len > 0;
	sha256_of(token, len, t->token_digest);
	secret_free(token, len);
	return t->has_token ? 0 : err_set(e, "--bearer-token-file %s: the file is empty", path);
}

/* Where nobody was named, whoever is let in posts for the default cluster. */
static int add_default(struct source_table *t, struct err *e)
{
	if (t->client_certificates)
		return err_set(e, "--client-ca-file needs --source NAME=CLUSTER: which certificate "
				  "may post events for which cluster");
	append(t, t->has_token ? SPAN("bearer-token") : SPAN("loopback"), t->default_cluster);
	return 0;
}

static int fill(struct source_table *t, const struct source_config *config, struct err *e)
{
	t->default_cluster = span_of(config->default_cluster);
	t->client_certificates = config->client_certificates;
	if (!is_cluster_name(t->default_cluster))
		return err_set(e, "--cluster %s: a cluster's name has 1 to %d of A-Z a-z 0-9 - _ .",
			config->default_cluster, CLUSTER_NAME_MAX);
	if (config->bearer_token_file && read_token(t, config->bearer_token_file, e) < 0)
		return -1;
	for (size_t i = 0; i < config->sources->count; i++) {
		if (add_source(t, config->sources->items[i], e) < 0)
			return -1;
	}
	return t->count > 0 ? 0 : add_default(t, e);
}

int source_table_new(const struct source_config *config, struct source_table **ret, struct err *e)
{
	struct source_table *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(e, "out of memory");
	if (fill(t, config, e) < 0) {
		source_table_free(t);
		return -1;
	}
	*ret = t;
	return 0;
}

void source_table_free(struct source_table *t)
{
	if (!t)
		return;
	crypto_wipe(t->token_digest, sizeof(t->token_digest));
	free(t);
}

/* Digests are compared, so that the time taken tells nothing of the token, not even its length. */
static bool is_token(const struct source_table *t, struct span authorization)
{
	static const char scheme[] = "Bearer ";
	uint8_t digest[SHA256_LEN];

	if (authorization.len < sizeof(scheme) - 1 ||
		strncasecmp(authorization.ptr, scheme, sizeof(scheme) - 1) != 0)
		return false;
	sha256_of(authorization.ptr + sizeof(scheme) - 1, authorization.len - (sizeof(scheme) - 1),
		digest);
	return crypto_equal(digest, t->token_digest, sizeof(digest));
}

static struct span cluster_of_path(const struct source_table *t, struct span path)
{
	static const char root[] = "/audit";
	struct span cluster;

	if (span_eq_str(path, root))
		return t->default_cluster;
	if (path.len <= sizeof(root) || memcmp(path.ptr, "/audit/", sizeof(root)) != 0)
		return (struct span){NULL, 0};
	cluster = (struct span){path.ptr + sizeof(root), path.len - sizeof(root)};
	return is_cluster_name(cluster) ? cluster : (struct span){NULL, 0};
}

enum source_verdict source_check(const struct source_table *t, struct span client_name,
	struct span authorization, struct span path, struct source_match *ret)
{
	struct span cluster = cluster_of_path(t, path);

	if (t->has_token && !is_token(t, authorization))
		return SOURCE_UNKNOWN;
	if (t->client_certificates)
		ret->name = client_name;
	else
		ret->name = t->has_token ? SPAN("bearer-token") : SPAN("loopback");
	if (!cluster.ptr)
		return SOURCE_NO_CLUSTER;
	for (size_t i = 0; i < t->count; i++) {
		if (span_eq(ret->name, t->items[i].name) && span_eq(cluster, t->items[i].cluster)) {
			*ret = (struct source_match){t->items[i].name, t->items[i].cluster, i};
			return SOURCE_OK;
		}
	}
	return SOURCE_FORBIDDEN;
}

void source_seen(
	struct source_table *t, const struct source_match *m, int64_t wall_us, int64_t now_us)
{
	struct source *s = &t->items[t->items[m->index].namesake];
	int64_t last_us = atomic_exchange(&s->last_us, now_us);
	int64_t pause_us = atomic_load(&s->pause_us);

	metric_set_for(&sink_metrics[SINK_LAST_BODY], m->name, wall_us / 1000000);
	while (last_us > 0 && now_us - last_us > pause_us) {
		if (!atomic_compare_exchange_weak(&s->pause_us, &pause_us, now_us - last_us))
			continue;
		metric_set_for(
			&sink_metrics[SINK_LONGEST_PAUSE], m->name, (now_us - last_us) / 1000000);
		return;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread watches the folders of --policy with inotify and loads again when they have been
 * quiet for a moment: a ConfigMap swap or an editor's save is several events, one change.
 */
#include "webhook/policy_store.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"

#define PATHS_MAX     64
#define QUIET_MS      100
#define QUIET_ROUNDS  20    /* a folder that never comes to rest is loaded all the same */
#define LOOK_AGAIN_MS 10000 /* whether a folder has been replaced by another one */
#define WATCHED	      (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE)

struct policy_store {
	const char *const *paths;
	size_t path_count;
	struct policy_store_hooks hooks;

	pthread_mutex_t lock; /* of current only: held for a reference count's time */
	struct policy_set *current;

	pthread_t thread;
	bool thread_runs;
	int wake_fd; /* eventfd: look at stopping and reload_wanted */
	int watch_fd;
	int watches[PATHS_MAX];
	_Atomic bool stopping;
	_Atomic bool reload_wanted;
};

static const char *const reload_results[] = {"loaded", "unchanged", "refused", NULL};
enum { RELOAD_LOADED, RELOAD_UNCHANGED, RELOAD_REFUSED };

enum { M_RELOADS, M_RULES, M_STALE, M_LOADED_AT };

static struct metric metrics[] = {
	[M_RELOADS] = {.name = "holdpoint_webhook_policy_reloads_total",
		.help = "Times the policies were read, by result; refused means the old set stays.",
		.type = METRIC_COUNTER,
		.label = "result",
		.label_values = reload_results},
	[M_RULES] = {.name = "holdpoint_webhook_policy_rules",
		.help = "Rules in force.",
		.type = METRIC_GAUGE},
	[M_STALE] = {.name = "holdpoint_webhook_policy_stale",
		.help = "1 while the files of --policy have an error and an older set is in force.",
		.type = METRIC_GAUGE},
	[M_LOADED_AT] = {.name = "holdpoint_webhook_policy_loaded_timestamp_seconds",
		.help = "When the set in force was loaded.",
		.type = METRIC_GAUGE},
	{.name = NULL},
};

struct metric *const *policy_store_metrics(size_t *ret_count)
{
	static struct metric *const tables[] = {metrics};

	*ret_count = ARRAY_LEN(tables);
	return tables;
}

struct policy_set *policy_store_get(struct policy_store *s)
{
	struct policy_set *set;

	pthread_mutex_lock(&s->lock);
	set = policy_set_ref(s->current);
	pthread_mutex_unlock(&s->lock);
	return set;
}

static void put_into_force(struct policy_store *s, struct policy_set *set)
{
	struct policy_set *old;

	pthread_mutex_lock(&s->lock);
	old = s->current;
	s->current = set;
	pthread_mutex_unlock(&s->lock);
	policy_set_unref(old);

	metric_add_at(&metrics[M_RELOADS], RELOAD_LOADED, 1);
	metric_set(&metrics[M_RULES], (int64_t)policy_set_rule_count(set));
	metric_set(&metrics[M_LOADED_AT], (int64_t)time(NULL));
	log_info("policy_loaded", LOG_STR("digest", policy_set_digest(set)),
		LOG_INT("policies", policy_set_policy_count(set)),
		LOG_INT("rules", policy_set_rule_count(set)));
	if (s->hooks.loaded)
		s->hooks.loaded(set, s->hooks.userdata);
}

/* Logs every error as an event of its own: an operator sees all of them at once. */
static void log_errors(struct yaml_errors *errors)
{
	const char *line = buf_str(&errors->text);

	while (line && *line) {
		size_t len = strcspn(line, "\n");

		log_error("policy_error", LOG_SPAN("error", ((struct span){line, len})));
		line += len + (line[len] == '\n');
	}
}

static void first_error(struct yaml_errors *errors, struct err *e)
{
	const char *text = buf_str(&errors->text);
	size_t len = text ? strcspn(text, "\n") : 0;

	err_set(e, "the policies have %u error%s: %.*s", errors->count,
		errors->count == 1 ? "" : "s", (int)len, text ? text : "");
}

static int load(struct policy_store *s, struct err *e)
{
	struct yaml_errors errors = {.text = BUF_INIT(1 << 20)};
	struct policy_set *set = NULL;
	int rc = policy_set_load(s->paths, s->path_count, &set, &errors);

	if (rc != 0) {
		metric_add_at(&metrics[M_RELOADS], RELOAD_REFUSED, 1);
		log_errors(&errors);
		first_error(&errors, e);
	} else if (s->hooks.check && s->hooks.check(set, s->hooks.userdata, e) != 0) {
		metric_add_at(&metrics[M_RELOADS], RELOAD_REFUSED, 1);
		policy_set_unref(set);
		rc = -1;
	} else if (s->current &&
		   strcmp(policy_set_digest(s->current), policy_set_digest(set)) == 0) {
		metric_add_at(&metrics[M_RELOADS], RELOAD_UNCHANGED, 1);
		policy_set_unref(set);
	} else {
		put_into_force(s, set);
	}
	metric_set(&metrics[M_STALE], rc != 0);
	buf_free(&errors.text);
	return rc;
}

static void reload(struct policy_store *s)
{
	struct err e;

	if (load(s, &e) != 0)
		log_error("policy_refused", LOG_STR("error", e.msg),
			LOG_STR("in_force", policy_set_digest(s->current)));
}

/* The folder to watch for a path: itself, or the one that a file stands in. */
static int watch_path(struct policy_store *s, const char *path)
{
	char folder[PATH_MAX];
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return inotify_add_watch(s->watch_fd, path, WATCHED | IN_ONLYDIR);
	snprintf(folder, sizeof(folder), "%s", path);
	return inotify_add_watch(s->watch_fd, dirname(folder), WATCHED | IN_ONLYDIR);
}

/* Watches what the paths name now. True if that is another folder than before. */
static bool watch_all(struct policy_store *s)
{
	bool changed = false;

	for (size_t i = 0; i < s->path_count && i < PATHS_MAX; i++) {
		int wd = watch_path(s, s->paths[i]);

		if (wd >= 0 && wd != s->watches[i])
			changed = true;
		s->watches[i] = wd;
	}
	return changed;
}

static bool drain(int fd)
{
	char events[4096];
	bool any = false;

	while (read(fd, events, sizeof(events)) > 0)
		any = true;
	return any;
}

static void wait_until_quiet(struct policy_store *s)
{
	struct pollfd p = {.fd = s->watch_fd, .events = POLLIN};

	for (int i = 0; i < QUIET_ROUNDS && poll(&p, 1, QUIET_MS) > 0; i++)
		drain(s->watch_fd);
}

static void *watch(void *arg)
{
	struct policy_store *s = arg;
	struct pollfd fds[] = {
		{.fd = s->watch_fd, .events = POLLIN}, {.fd = s->wake_fd, .events = POLLIN}};

	while (!s->stopping) {
		bool wanted;

		poll(fds, ARRAY_LEN(fds), LOOK_AGAIN_MS);
		drain(s->wake_fd);
		wanted = atomic_exchange(&s->reload_wanted, false);
		wanted |= drain(s->watch_fd);
		wanted |= watch_all(s);
		if (!wanted || s->stopping)
			continue;
		wait_until_quiet(s);
		reload(s);
	}
	return NULL;
}

static void wake(struct policy_store *s)
{
	uint64_t one = 1;
	ssize_t n = write(s->wake_fd, &one, sizeof(one));

	(void)n; /* a full counter wakes as well */
}

void policy_store_reload(struct policy_store *s)
{
	s->reload_wanted = true;
	wake(s);
}

static int start_watching(struct policy_store *s, struct err *e)
{
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->wake_fd < 0 || s->watch_fd < 0)
		return err_set_errno(e, errno, "cannot watch the files of --policy");
	watch_all(s);
	return 0;
}

int policy_store_open(const char *const *paths, size_t path_count,
	const struct policy_store_hooks *hooks, struct policy_store **ret, struct err *e)
{
	_cleanup_(policy_store_closep) struct policy_store *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_set(e, "out of memory");
	*s = (struct policy_store){.paths = paths,
		.path_count = path_count,
		.hooks = hooks ? *hooks : (struct policy_store_hooks){0},
		.wake_fd = -1,
		.watch_fd = -1};
	pthread_mutex_init(&s->lock, NULL);
	/* Watched before it is read: a change in between is not missed. */
	if (start_watching(s, e) != 0 || load(s, e) != 0)
		return -1;
	rc = pthread_create(&s->thread, NULL, watch, s);
	if (rc != 0)
		return err_set_errno(e, rc, "cannot start the thread that watches --policy");
	s->thread_runs = true;
	*ret = TAKE_PTR(s);
	return 0;
}

void policy_store_close(struct policy_store *s)
{
	if (!s)
		return;
	s->stopping = true;
	if (s->thread_runs) {
		wake(s);
		pthread_join(s->thread, NULL);
	}
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	if (s->watch_fd >= 0)
		close(s->watch_fd);
	policy_set_unref(s->current);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

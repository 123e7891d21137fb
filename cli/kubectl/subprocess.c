/* SPDX-License-Identifier: Apache-2.0 */
/* See subprocess.h. */
#include "cli/kubectl/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"

extern char **environ;

/* Ours and extra_env, which comes first and so wins. The array is the caller's to free. */
static char **merge_env(const char *const *extra)
{
	size_t n = 0;
	char **env;

	for (const char *const *v = extra; v && *v; v++)
		n++;
	for (char **v = environ; *v; v++)
		n++;
	env = calloc(n + 1, sizeof(*env));
	if (!env)
		return NULL;
	n = 0;
	for (; extra && *extra; extra++)
		env[n++] = (char *)*extra;
	for (char **v = environ; *v; v++)
		env[n++] = *v;
	return env;
}

static int spawn(const char *const *argv, const char *const *extra_env, int out, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	_cleanup_(freep) char **env = merge_env(extra_env);
	int rc;

	if (!env)
		return ENOMEM;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	rc = posix_spawnp(ret, argv[0], &actions, NULL, (char *const *)argv, env);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

int subprocess_output(
	const char *const *argv, const char *const *extra_env, struct buf *out, struct err *e)
{
	int fds[2], status = 0, rc;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_set_errno(e, errno, "pipe");
	rc = spawn(argv, extra_env, fds[1], &pid);
	close(fds[1]);
	if (rc != 0) {
		close(fds[0]);
		return err_set_errno(e, rc, "cannot run %s", argv[0]);
	}
	rc = file_read_fd(fds[0], out, e);
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (rc < 0)
		return err_prefix(e, "what %s prints", argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, "%s failed: exit status %d", argv[0],
			WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}

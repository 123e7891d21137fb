/* See subprocess.h. */
#include "cli/kubectl/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* 0, or errno. */
static int read_all(int fd, struct buf *out)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			buf_add(out, chunk, (size_t)n);
	explicit_bzero(chunk, sizeof(chunk)); /* it may be a credential */
	return n < 0 ? errno : 0;
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
	rc = read_all(fds[0], out);
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, "%s failed: exit status %d", argv[0],
			WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	if (rc != 0)
		return err_set_errno(e, rc, "what %s prints", argv[0]);
	return out->failed ? err_set(e, "%s printed too much", argv[0]) : 0;
}

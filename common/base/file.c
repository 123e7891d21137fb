/* SPDX-License-Identifier: Apache-2.0 */
/* See file.h. */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

int file_read_fd(int fd, struct buf *out, struct err *e)
{
	char chunk[16384];
	ssize_t n = 1;

	while (!out->failed && n != 0) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			buf_add(out, chunk, (size_t)n);
	}
	explicit_bzero(chunk, sizeof(chunk)); /* it may have been a credential */
	if (n < 0)
		return err_set_errno(e, errno, "cannot be read");
	if (!out->failed)
		return 0;
	if (out->max % (1 << 20) == 0)
		return err_set(e, "larger than %zu MiB", out->max >> 20);
	return err_set(e, "larger than %zu bytes", out->max);
}

int file_read(const char *path, struct buf *out, struct err *e)
{
	int rc, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, errno, "%s", path);
	rc = file_read_fd(fd, out, e);
	close(fd);
	return rc < 0 ? err_prefix(e, "%s", path) : 0;
}

static int write_all(int fd, struct span text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.ptr, text.len);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			text = (struct span){text.ptr + n, text.len - (size_t)n};
	}
	return 0;
}

int file_replace(const char *path, struct span text, struct err *e)
{
	char temporary[PATH_MAX];
	int fd, rc;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return err_set(e, "%s: too long a name", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_set_errno(e, errno, "%s", temporary);
	rc = write_all(fd, text);
	if ((close(fd) != 0) | (rc != 0) || rename(temporary, path) != 0) {
		err_set_errno(e, errno, "%s", temporary);
		unlink(temporary);
		return -1;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/import/import_source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define BLOCK		((size_t)64 << 10)
#define ZSTD_WINDOW_MAX 27 /* 128 MiB, what the zstd command itself takes */

enum codec { PLAIN, GZIP, ZSTD };

struct import_source {
	int fd;
	enum codec codec;
	uint64_t size;
	bool is_file;
	bool ended;	/* the file is at its end */
	bool in_member; /* a gzip member or zstd frame has begun and not ended */
	z_stream gz;
	ZSTD_DStream *zstd;
	size_t at, len; /* of block */
	char block[BLOCK];
};

/* Reads on behind what is there. -1: errno. */
static int fill(struct import_source *s)
{
	ssize_t n;

	if (s->at == s->len)
		s->at = s->len = 0;
	do
		n = read(s->fd, s->block + s->len, BLOCK - s->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	s->ended = n == 0;
	s->len += (size_t)n;
	return 0;
}

static enum codec codec_of(const struct import_source *s)
{
	static const char gzip[] = "\x1f\x8b", zstd[] = "\x28\xb5\x2f\xfd";

	if (s->len >= 2 && memcmp(s->block, gzip, 2) == 0)
		return GZIP;
	return s->len >= 4 && memcmp(s->block, zstd, 4) == 0 ? ZSTD : PLAIN;
}

static int begin_codec(struct import_source *s, struct err *e)
{
	while (s->len < 4 && !s->ended)
		if (fill(s) < 0)
			return err_set_errno(e, errno, "cannot be read");
	s->codec = codec_of(s);
	if (s->codec == GZIP && inflateInit2(&s->gz, 15 + 16) != Z_OK)
		return err_set(e, "out of memory");
	if (s->codec == ZSTD) {
		s->zstd = ZSTD_createDStream();
		if (!s->zstd)
			return err_set(e, "out of memory");
		ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_MAX);
	}
	return 0;
}

int import_source_open(const char *path, struct import_source **ret, struct err *e)
{
	_cleanup_(import_source_closep) struct import_source *s = calloc(1, sizeof(*s));
	struct stat st;

	if (!s)
		return err_set(e, "out of memory");
	s->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				       : open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return err_set_errno(e, errno, "cannot be opened");
	if (S_ISDIR(st.st_mode))
		return err_set_errno(e, EISDIR, "cannot be read");
	if (begin_codec(s, e) < 0)
		return -1;
	s->is_file = S_ISREG(st.st_mode);
	s->size = s->codec == PLAIN && s->is_file ? (uint64_t)st.st_size : 0;
	*ret = TAKE_PTR(s);
	return 0;
}

void import_source_close(struct import_source *s)
{
	if (!s)
		return;
	if (s->codec == GZIP)
		inflateEnd(&s->gz);
	ZSTD_freeDStream(s->zstd);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

/* ---- reading ---- */

/* One step; how many bytes came out, which may be none. */
static ssize_t step_gzip(struct import_source *s, char *into, size_t room, struct err *e)
{
	int rc;

	while (!s->in_member && s->at < s->len && s->block[s->at] == 0)
		s->at++; /* padding behind a member, as tapes and block devices make it */
	if (s->at == s->len && !s->in_member)
		return 0;
	if (!s->in_member && inflateReset(&s->gz) != Z_OK)
		return err_set(e, "out of memory");
	s->in_member = true;
	s->gz.next_in = (Bytef *)s->block + s->at;
	s->gz.avail_in = (uInt)(s->len - s->at);
	s->gz.next_out = (Bytef *)into;
	s->gz.avail_out = room > INT32_MAX ? INT32_MAX : (uInt)room;
	room = s->gz.avail_out;
	rc = inflate(&s->gz, Z_NO_FLUSH);
	s->at = s->len - s->gz.avail_in;
	if (rc == Z_STREAM_END)
		s->in_member = false;
	else if (rc == Z_MEM_ERROR)
		return err_set(e, "out of memory");
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		return err_set(e, "what gzip compressed is damaged (%s)",
			s->gz.msg ? s->gz.msg : "bad data");
	return (ssize_t)(room - s->gz.avail_out);
}

static ssize_t step_zstd(struct import_source *s, char *into, size_t room, struct err *e)
{
	ZSTD_inBuffer in = {s->block, s->len, s->at};
	ZSTD_outBuffer out = {into, room, 0};
	size_t rc;

	rc = ZSTD_decompressStream(s->zstd, &out, &in);
	s->at = in.pos;
	if (ZSTD_isError(rc))
		return err_set(e, "what zstd compressed is damaged (%s)", ZSTD_getErrorName(rc));
	s->in_member = rc != 0;
	return (ssize_t)out.pos;
}

static ssize_t step_plain(struct import_source *s, char *into, size_t room)
{
	size_t n = s->len - s->at < room ? s->len - s->at : room;

	memcpy(into, s->block + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

static ssize_t step(struct import_source *s, char *into, size_t room, struct err *e)
{
	switch (s->codec) {
	case GZIP:
		return step_gzip(s, into, room, e);
	case ZSTD:
		return step_zstd(s, into, room, e);
	default:
		return step_plain(s, into, room);
	}
}

ssize_t import_source_read(struct import_source *s, char *into, size_t room, struct err *e)
{
	for (;;) {
		ssize_t n;

		if (s->at == s->len && !s->ended && fill(s) < 0)
			return err_set_errno(e, errno, "cannot be read");
		if (s->at == s->len && !s->in_member)
			return 0;
		n = step(s, into, room, e);
		if (n != 0)
			return n;
		if (s->ended && s->at == s->len && s->in_member)
			return err_set(e, "is cut off: what compressed it did not end");
	}
}

bool import_source_may_grow(const struct import_source *s)
{
	return s->codec == PLAIN && s->is_file;
}

uint64_t import_source_size(const struct import_source *s)
{
	return s->size;
}

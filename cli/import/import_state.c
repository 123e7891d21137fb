/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/import/import_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/hex.h"

#define LOGS_MAX   65536
#define NAME_CHARS 32 /* of a digest */

struct import_log {
	uint64_t done;		    /* bytes whose events are stored */
	uint64_t known;		    /* bytes in all that were read and sent once */
	uint8_t digest[SHA256_LEN]; /* of the first `known` bytes */
	char name[NAME_CHARS + 1];  /* of its file; "" until it has one */
};

struct import_state {
	char *folder;
	int lock_fd;
	struct import_log **logs; /* by what is known of them */
	size_t count, cap;
	size_t next;		 /* to be tried */
	struct import_log *best; /* that fitted */
};

static void name_of(const void *data, size_t len, char ret[NAME_CHARS + 1])
{
	_cleanup_(buf_free) struct buf hex = BUF_INIT(2 * SHA256_LEN + 1);
	uint8_t digest[SHA256_LEN];

	sha256_of(data, len, digest);
	hex_put(&hex, digest, NAME_CHARS / 2);
	snprintf(ret, NAME_CHARS + 1, "%s", buf_str(&hex));
}

/* ---- the files ---- */

static int make_folders(const char *path, struct err *e)
{
	_cleanup_(freep) char *copy = strdup(path);

	if (!copy)
		return err_set(e, "out of memory");
	for (char *p = copy + 1;; p++) {
		const char was = *p;

		if (was != '/' && was != 0)
			continue;
		*p = 0;
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return err_set_errno(e, errno, "cannot make %s", copy);
		if (was == 0)
			return 0;
		*p = was;
	}
}

static int add(struct import_state *s, struct import_log *l)
{
	if (s->count == s->cap) {
		const size_t cap = s->cap ? 2 * s->cap : 64;
		struct import_log **larger =
			cap > LOGS_MAX ? NULL
				       : reallocarray(s->logs, cap, sizeof(struct import_log *));

		if (!larger)
			return -1;
		s->logs = larger;
		s->cap = cap;
	}
	s->logs[s->count++] = l;
	return 0;
}

/* A file that cannot be read is as none: the log is sent again, and the sink knows it. */
static struct import_log *read_log(const char *folder, const char *name)
{
	struct import_log *l = calloc(1, sizeof(*l));
	char path[PATH_MAX], digest[2 * SHA256_LEN + 1];
	FILE *f;
	int n = 0;

	if (!l || strlen(name) != NAME_CHARS ||
		snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
		free(l);
		return NULL;
	}
	f = fopen(path, "re");
	if (f) {
		n = fscanf(f, "%" SCNu64 " %" SCNu64 " %64s", &l->done, &l->known, digest);
		fclose(f);
	}
	if (n != 3 || l->done > l->known ||
		hex_decode(span_of(digest), l->digest, SHA256_LEN) < 0) {
		free(l);
		return NULL;
	}
	memcpy(l->name, name, NAME_CHARS + 1);
	return l;
}

static int by_known(const void *a, const void *b)
{
	const struct import_log *x = *(struct import_log *const *)a;
	const struct import_log *y = *(struct import_log *const *)b;

	return x->known < y->known ? -1 : x->known > y->known;
}

static int read_logs(struct import_state *s, struct err *e)
{
	DIR *d = opendir(s->folder);
	const struct dirent *entry;
	int rc = 0;

	if (!d)
		return err_set_errno(e, errno, "cannot read %s", s->folder);
	while (rc == 0 && (entry = readdir(d))) {
		struct import_log *l = read_log(s->folder, entry->d_name);

		if (l && add(s, l) < 0) {
			free(l);
			rc = err_set(e, "%s: more than %d logs: remove those that are long done",
				s->folder, LOGS_MAX);
		}
	}
	closedir(d);
	if (rc == 0 && s->count > 0)
		qsort(s->logs, s->count, sizeof(struct import_log *), by_known);
	return rc;
}

static int lock(struct import_state *s, struct err *e)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/lock", s->folder) >= (int)sizeof(path))
		return err_set(e, "too long a path");
	s->lock_fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return err_set_errno(e, errno, "cannot write %s", path);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, "another import into this sink is running (it holds %s)", path);
	return 0;
}

int import_state_open(const char *dir, const char *sink, struct import_state **ret, struct err *e)
{
	_cleanup_(import_state_closep) struct import_state *s = calloc(1, sizeof(*s));
	char name[NAME_CHARS + 1];

	if (!s)
		return err_set(e, "out of memory");
	s->lock_fd = -1;
	name_of(sink, strlen(sink), name);
	if (asprintf(&s->folder, "%s/import-%s", dir, name) < 0) {
		s->folder = NULL;
		return err_set(e, "out of memory");
	}
	if (make_folders(s->folder, e) < 0 || lock(s, e) < 0 || read_logs(s, e) < 0)
		return -1;
	*ret = TAKE_PTR(s);
	return 0;
}

void import_state_close(struct import_state *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		free(s->logs[i]);
	free(s->logs);
	free(s->folder);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s);
}

/* ---- which log is it? ---- */

void import_state_rewind(struct import_state *s)
{
	s->next = 0;
	s->best = NULL;
	if (s->count > 0)
		qsort(s->logs, s->count, sizeof(struct import_log *), by_known);
}

uint64_t import_state_wanted(const struct import_state *s)
{
	return s->next < s->count ? s->logs[s->next]->known : UINT64_MAX;
}

void import_state_try(struct import_state *s, const uint8_t digest[SHA256_LEN])
{
	struct import_log *l = s->logs[s->next++];

	if (memcmp(l->digest, digest, SHA256_LEN) == 0)
		s->best = l;
}

void import_state_pass(struct import_state *s)
{
	s->next++;
}

struct import_log *import_state_found(struct import_state *s)
{
	struct import_log *l = s->best;

	if (l)
		return l;
	l = calloc(1, sizeof(*l));
	if (l && add(s, l) < 0) {
		free(l);
		return NULL;
	}
	return l;
}

uint64_t import_log_done(const struct import_log *l)
{
	return l->done;
}

uint64_t import_log_planned(const struct import_log *l)
{
	return l->known > l->done ? l->known : 0;
}

static int write_log(const struct import_state *s, const struct import_log *l, struct err *e)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(256);
	char path[PATH_MAX];

	buf_printf(&text, "%" PRIu64 " %" PRIu64 " ", l->done, l->known);
	hex_put(&text, l->digest, SHA256_LEN);
	buf_add_char(&text, '\n');
	if (snprintf(path, sizeof(path), "%s/%s", s->folder, l->name) >= (int)sizeof(path))
		return err_set(e, "too long a path");
	return file_replace(path, buf_span(&text), e);
}

int import_log_save(struct import_state *s, struct import_log *l, uint64_t done, uint64_t known,
	const uint8_t digest[SHA256_LEN], struct err *e)
{
	l->done = done;
	l->known = known;
	memcpy(l->digest, digest, SHA256_LEN);
	if (!l->name[0]) {
		uint8_t random[16];

		random_bytes(random, sizeof(random));
		name_of(random, sizeof(random), l->name);
	}
	return write_log(s, l, e);
}

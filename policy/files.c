/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders; see files_internal.h. */
#include "common/base/file.h"
#include "policy/files_internal.h"

#include "common/yaml/errors.h"
#include "policy/set_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct files {
	struct arena *arena;
	struct yaml_errors *errors;
	struct tree_file *items;
	size_t count;
	size_t total_bytes;
};

static void complain(struct files *f, const char *path, const char *what)
{
	struct tree_file file = {.path = path};
	errors_add(f->errors, &file, 0, 0, "%s", what);
}

/* The whole of an open file, which may grow or shrink while it is read. */
static struct span read_all(struct files *f, int fd, const char *path)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(TREE_MAX_FILE_BYTES);
	struct err e;
	if (file_read_fd(fd, &b, &e) < 0 && !b.failed) {
		complain(f, path, e.msg);
		return (struct span){0};
	}
	f->total_bytes += b.len;
	if (b.failed || f->total_bytes > SET_MAX_TOTAL_BYTES) {
		complain(f, path, "too large: at most 16 MiB a file, 64 MiB in all");
		return (struct span){0};
	}
	char *copy = arena_strndup(f->arena, b.ptr ? b.ptr : "", b.len);
	if (!copy)
		complain(f, path, "the policies need too much memory");
	return (struct span){copy, copy ? b.len : 0};
}

/* A file of the folder dir, or of the working directory; path is its name in errors. */
static void read_file(struct files *f, int dir, const char *file, const char *path)
{
	struct stat st;
	if (f->count == SET_MAX_FILES) {
		complain(f, path, "more than 2000 policy files");
		return;
	}
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		complain(f, path, strerror(errno));
		return;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		complain(f, path, "not a file");
	} else {
		struct span text = read_all(f, fd, path);
		const char *name = arena_strndup(f->arena, path, strlen(path));
		if (text.ptr && name)
			f->items[f->count++] = (struct tree_file){name, text};
	}
	close(fd);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);
	return n > s && !strcmp(name + n - s, suffix);
}

static int is_policy_file(const struct dirent *d)
{
	return d->d_name[0] != '.' &&
	       (has_suffix(d->d_name, ".yaml") || has_suffix(d->d_name, ".yml"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* ---- folders ---- */

#define READ_AGAIN 10 /* times, when it was swapped while it was read */

static bool leads_into_data(int dir, const char *name)
{
	char target[8];
	return readlinkat(dir, name, target, sizeof target) >= 7 && !memcmp(target, "..data/", 7);
}

/* The policy files of an open folder; path is its name in errors. */
static void read_open_folder(struct files *f, int dir, const char *path, bool links_into_data)
{
	struct dirent **names;
	int n = scandirat(dir, ".", &names, is_policy_file, by_name);
	if (n < 0) {
		complain(f, path, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		const char *slash = has_suffix(path, "/") ? "" : "/";
		char *file;
		if (asprintf(&file, "%s%s%s", path, slash, name) < 0)
			complain(f, path, "out of memory");
		else {
			if (links_into_data || !leads_into_data(dir, name))
				read_file(f, dir, name, file);
			free(file);
		}
		free(names[i]);
	}
	free(names);
}

/* Is an open "..data" no longer the one that the folder has? */
static bool is_swapped(int dir, int data)
{
	struct stat old, now;
	return data >= 0 && fstat(data, &old) == 0 &&
	       (fstatat(dir, "..data", &now, 0) < 0 || now.st_ino != old.st_ino);
}

/* The folder's files, and with "..data" (-1: there is none) those that it leads to. */
static void read_version(struct files *f, int dir, int data, const char *path)
{
	if (data >= 0)
		read_open_folder(f, data, path, true);
	read_open_folder(f, dir, path, data < 0);
}

/*
 * A ConfigMap mount is swapped by leading "..data" elsewhere. Its files are read from where that
 * led once, not each through its link, or a swap in between would make a set that nobody wrote; and
 * once more when that version went meanwhile, for some of its files may have gone first.
 */
static void read_folder_at(struct files *f, int dir, const char *path)
{
	for (int i = 0; i < READ_AGAIN; i++) {
		struct files start = *f;
		struct arena_mark mark = arena_mark(f->arena);
		unsigned errors = f->errors->count;
		size_t text = f->errors->text.len;
		int data = openat(dir, "..data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		read_version(f, dir, data, path);
		bool swapped = is_swapped(dir, data);
		if (data >= 0)
			close(data);
		if (!swapped)
			return;
		*f = start;
		arena_rewind(f->arena, mark);
		f->errors->count = errors;
		f->errors->text.len = text;
	}
	complain(f, path, "swapped whenever it was read: is something writing it in a loop?");
}

static void read_folder(struct files *f, const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		complain(f, path, strerror(errno));
		return;
	}
	read_folder_at(f, dir, path);
	close(dir);
}

void files_read(const char *const *paths, size_t path_count, struct arena *arena,
	struct yaml_errors *errors, struct tree_file **ret, size_t *ret_count)
{
	struct files f = {.arena = arena, .errors = errors};
	f.items = arena_calloc(arena, SET_MAX_FILES, sizeof *f.items);
	if (!f.items) {
		errors_add(errors, NULL, 0, 0, "out of memory");
	}
	for (size_t i = 0; f.items && i < path_count; i++) {
		struct stat st;
		if (stat(paths[i], &st) < 0)
			complain(&f, paths[i], strerror(errno));
		else if (S_ISDIR(st.st_mode))
			read_folder(&f, paths[i]);
		else
			read_file(&f, AT_FDCWD, paths[i], paths[i]);
	}
	*ret = f.items;
	*ret_count = f.count;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of masking share: a masker with a fixed key, reading, masking, files. */
#pragma once

#include <check.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mask/mask.h"

#define MASK_TEST_KEY "test-key-test-key-test-key-test-"

/* Writes text to a new file that only we may read; path is a template of mkstemp(). */
static inline void put_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static inline struct masker *new_masker(const char *key, const char *config)
{
	char key_path[] = "/tmp/holdpoint-mask-key.XXXXXX";
	char config_path[] = "/tmp/holdpoint-mask-config.XXXXXX";
	struct masker *m = NULL;
	struct err e = {0};
	int ret;

	put_file(key_path, key);
	if (config)
		put_file(config_path, config);
	ret = masker_new(key_path, config ? config_path : NULL, &m, &e);
	unlink(key_path);
	if (config)
		unlink(config_path);
	ck_assert_msg(ret == 0, "%s", e.msg);
	return m;
}

static const struct json_limits mask_test_limits = {.max_bytes = 64u << 20,
	.max_depth = 10000,
	.max_nodes = 8u << 20,
	.allow_lone_surrogates = true,
	.allow_duplicate_keys = true};

static inline void read_doc(struct span text, struct arena *a, struct json_doc *ret)
{
	struct json_error je = {0};

	ck_assert_msg(json_read(text.ptr, text.len, &mask_test_limits, a, ret, &je) == 0,
		"offset %zu: %s in %.*s", je.offset, je.what,
		(int)(text.len < 2000 ? text.len : 2000), text.ptr);
}

/* The whole file; free() ret.ptr. */
static inline struct span get_file(const char *path)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	char *text;

	ck_assert_msg(f != NULL, "%s", path);
	ck_assert_int_eq(fstat(fileno(f), &st), 0);
	text = malloc((size_t)st.st_size + 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(fread(text, 1, (size_t)st.st_size, f), (size_t)st.st_size);
	text[st.st_size] = '\0';
	fclose(f);
	return (struct span){text, (size_t)st.st_size};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* AdmissionReviews for tests: the recorded ones, changed ones, their fingerprints. */
#pragma once

#include <check.h>
#include <dirent.h>
#include <stdio.h>

#include "policy/review/fingerprint.h"
#include "policy/review/review.h"

#define REVIEW_FIXTURES HOLDPOINT_FIXTURES "/admission"

#define ACCESS_HEAD                                                                                \
	"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":{"
#define ACCESS(version, spec)                                                                      \
	"{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/" version         \
	"\",\"spec\":" spec "}"

/* The beginning of a Deployment's update. */
#define REVIEW_UPDATE                                                                              \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"       \
	"\"uid\":\"u\",\"resource\":{\"group\":\"apps\",\"version\":\"v1\",\"resource\":"          \
	"\"deployments\"},\"name\":\"web\",\"namespace\":\"prod\",\"operation\":\"UPDATE\","       \
	"\"userInfo\":{\"username\":\"agent\"},"

/* head, `count` of "g" with commas, tail. */
static inline void put_groups(struct buf *b, const char *head, unsigned count, const char *tail)
{
	buf_reset(b);
	buf_add_str(b, head);
	for (unsigned i = 0; i < count; i++)
		buf_add_str(b, i ? ",\"g\"" : "\"g\"");
	buf_add_str(b, tail);
	ck_assert(!b->failed);
}

/* The whole file, NUL-terminated, malloc'ed. */
static inline char *read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	char *text = malloc(1 << 20);
	size_t len;

	ck_assert_msg(f && text, "%s", path);
	len = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	text[len] = '\0';
	if (ret_len)
		*ret_len = len;
	return text;
}

/* "v1.36/020": the fixture whose name begins so. */
static inline char *read_fixture(const char *prefix)
{
	char folder[512], path[1024], *text = NULL;
	const char *number = strchr(prefix, '/') + 1;
	struct dirent *entry;
	DIR *d;

	snprintf(
		folder, sizeof(folder), "%s/%.*s", REVIEW_FIXTURES, (int)(number - prefix), prefix);
	d = opendir(folder);
	ck_assert_msg(d != NULL, "%s", folder);
	while (!text && (entry = readdir(d))) {
		if (strncmp(entry->d_name, number, strlen(number)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		text = read_file(path, NULL);
	}
	closedir(d);
	ck_assert_msg(text != NULL, "no fixture %s", prefix);
	return text;
}

typedef void (*fixture_fn)(const char *name, const char *text, size_t len, void *userdata);

/* Calls fn for every recorded AdmissionReview; returns how many there are. */
static inline unsigned each_fixture(fixture_fn fn, void *userdata)
{
	static const char *const folders[] = {"v1.20", "v1.36"};
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char folder[512], path[1024];
		struct dirent **names;
		int n;

		snprintf(folder, sizeof(folder), "%s/%s", REVIEW_FIXTURES, folders[i]);
		n = scandir(folder, &names, NULL, alphasort);
		ck_assert_int_gt(n, 0);
		for (int k = 0; k < n; k++) {
			size_t len;
			char *text;

			snprintf(path, sizeof(path), "%s/%s", folder, names[k]->d_name);
			if (strstr(path, ".json")) {
				text = read_file(path, &len);
				fn(path + strlen(REVIEW_FIXTURES) + 1, text, len, userdata);
				free(text);
				count++;
			}
			free(names[k]);
		}
		free(names);
	}
	return count;
}

/* A copy with every occurrence of `from` replaced; from must be there. malloc'ed. */
static inline char *replaced(const char *text, const char *from, const char *to)
{
	size_t from_len = strlen(from), to_len = strlen(to), n = 0;
	char *out, *w;

	for (const char *p = strstr(text, from); p; p = strstr(p + from_len, from))
		n++;
	ck_assert_msg(n > 0, "\"%s\" is not in the text", from);
	out = w = malloc(strlen(text) + n * to_len + 1);
	for (const char *p; (p = strstr(text, from)); text = p + from_len) {
		memcpy(w, text, (size_t)(p - text));
		w += p - text;
		memcpy(w, to, to_len);
		w += to_len;
	}
	strcpy(w, text);
	return out;
}

static inline void review_ok(const char *text, size_t len, struct arena *arena, struct review *ret)
{
	struct err e = {0};

	ck_assert_msg(review_read_admission((struct span){text, len}, 1000000, arena, ret, &e) ==
			      REVIEW_OK,
		"%s", e.msg);
}

/* The canonical form of a review's change; malloc'ed. */
static inline char *canonical_of(const char *text)
{
	struct arena *arena = arena_new(65536, 256 << 20);
	struct buf out = BUF_INIT(64 << 20);
	struct review r;
	struct err e = {0};

	/* Of either kind. */
	ck_assert_msg(review_read(span_of(text), 1000000, arena, &r, &e) == REVIEW_OK, "%s", e.msg);
	ck_assert_msg(fingerprint_put_canonical(&r.request, SPAN("test"), arena, &out, &e) == 0,
		"%s", e.msg);
	ck_assert_ptr_nonnull(buf_str(&out));
	arena_free(arena);
	return out.ptr;
}

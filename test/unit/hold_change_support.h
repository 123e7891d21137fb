/* SPDX-License-Identifier: Apache-2.0 */
/* The change of a request that is held: as it is stored, and as people read it. */
#pragma once

#include <check.h>
#include <stdio.h>

#include "common/display/display.h"
#include "policy/review/review.h"
#include "webhook/hold/hold_change.h"

static struct arena *arena;
static struct masker *masker;
static const char *group = ""; /* of the resource */
static struct buf text = BUF_INIT(16 << 20), shown_text = BUF_INIT(64 << 20);
static struct hold_change change;

static inline void setup(void)
{
	struct err e;

	arena = arena_new(65536, 256 << 20);
	ck_assert_ptr_nonnull(arena);
	group = "";
	ck_assert_msg(masker_new(NULL, NULL, &masker, &e) == 0, "%s", e.msg);
}

static inline void teardown(void)
{
	masker_free(masker);
	arena_free(arena);
	buf_free(&text);
	buf_free(&shown_text);
}

/* The change of a request about a config map, or another resource, made of `members`, into change;
 * as it is stored. */
static inline const char *change_of(
	const char *operation, const char *resource, const char *members)
{
	struct review r;
	struct err e;

	buf_reset(&text);
	buf_printf(&text,
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
		"\"uid\":\"u\",\"operation\":\"%s\",\"resource\":{\"group\":\"%s\",\"version\":"
		"\"v1\",\"resource\":\"%s\"},\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":"
		"\"X\"},"
		"\"name\":\"x\",\"namespace\":\"n\",\"userInfo\":{\"username\":\"agent\"}%s}}",
		operation, group, resource, members);
	ck_assert_msg(review_read((struct span){buf_str(&text), text.len}, 4000000, arena, &r,
			      &e) == REVIEW_OK,
		"%s", e.msg);
	ck_assert_int_eq(hold_change_of(masker, &r.request, arena, &change), 0);
	return change.text.ptr;
}

/* As people read it. */
static inline const char *shown(const char *operation, const char *resource, const char *members)
{
	struct json_doc d;
	struct err e;

	change_of(operation, resource, members);
	ck_assert_msg(display_read(change.text, arena, &d, &e) == 0, "%s", e.msg);
	buf_reset(&shown_text);
	display_put(&shown_text, &d);
	return buf_str(&shown_text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects as somebody to ask about: of each pattern, one name that it matches. */
#pragma once

#include "policy/coverage.h"
#include "policy/set_internal.h"

/* The spec of a SubjectAccessReview about s (NULL: somebody) doing what m, an authorization match,
 * is about; or with these attributes, a member of the spec. */
void coverage_put_spec(
	struct buf *out, const struct subject *s, const struct match *m, const char *attributes);
/*
 * What is wrong with a name of a resource or API group in m, where it is near to one that there is;
 * absent: nothing. *ret_all: with each of its resources.
 */
struct span coverage_wrong_name(const struct match *m, struct arena *arena, bool *ret_all);
/* The resource of this group that a misspelt one is near to; NULL: it is there, or none is near. */
const char *coverage_resource_meant(struct span group, struct span resource);
/* "group ai-agents"; of NULL "everybody". Absent when the arena is full. */
struct span coverage_subject_name(const struct subject *s, struct arena *arena);

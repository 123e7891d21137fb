/* What compile.c and its parts (compile_match.c, compile_mutation.c) share. */
#pragma once

#include "policy/set_internal.h"

struct compiler {
	struct policy_set *set;
	struct arena *arena;
	struct yaml_errors *errors;
};

/* Zeroed memory of the set; NULL with the error added at n. */
void *compiler_alloc(struct compiler *c, const struct node *n, size_t count, size_t size);

/* Copies a list of strings to patterns; refuses empty strings and repetitions. */
struct patterns compile_patterns(
	struct compiler *c, const struct yaml_list *list, const char *field);
void compile_subjects(struct compiler *c, const struct yaml_list *list, struct subjects *ret);
void compile_match(struct compiler *c, const struct source_match *m, struct match *ret);
/* The `mutate` of a rule; NULL with the errors added. */
const struct mutation *compile_mutation(struct compiler *c, struct expressions *x,
	const struct source_mutate *m, const struct node *at);

/* Mutations; see compile.h. */
#include "policy/compile.h"

const struct mutation *compile_mutation(struct compiler *c, struct expressions *x,
	const struct source_mutate *m, const struct node *at)
{
	(void)x, (void)m;
	errors_add_at(c->errors, at, "mutations are not supported yet");
	return NULL;
}

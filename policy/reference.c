/* SPDX-License-Identifier: Apache-2.0 */
/* The reference of the policy language as Markdown; see reference.h. */
#include "policy/reference.h"

#include "policy/language_internal.h"
#include "policy/test_cases.h"

#include "policy/cel/functions/library.h"

static void put_cell(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buf_add_char(out, '\\');
		buf_add_char(out, *text);
	}
}

/* One row a function; signatures are separated by "; ". */
static void put_functions(struct buf *out)
{
	const char *group = NULL;
	struct cel_function_info info, *f = &info;
	_cleanup_(cel_library_freep) struct cel_library *library = cel_library_new();
	if (!library) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; cel_function_at(library, i, f); i++) {
		if (!group || strcmp(group, f->group) != 0)
			buf_printf(out, "\n### %s\n\n| function | signatures | |\n|---|---|---|\n",
				f->group);
		group = f->group;
		buf_add_str(out, "| `");
		put_cell(out, f->name);
		buf_add_str(out, f->method ? "` (method) | `" : "` | `");
		put_cell(out, f->signatures);
		buf_add_str(out, "` | ");
		put_cell(out, f->doc);
		buf_add_str(out, " |\n");
	}
}

void policy_reference_put(struct buf *out)
{
	buf_add_str(out,
		"# Policy reference\n\n"
		"Generated from the code by `holdpoint policy reference`; [policy.md](policy.md) "
		"is the guide.\n\n"
		"Unknown fields, wrong types, duplicate keys, anchors, aliases, tags and merge "
		"keys are errors. A file is at most 16 MiB, all files together 64 MiB and 100,000 "
		"rules.\n\n"
		"## Policy files\n");
	schema_put_markdown(out, &language_policy);
	schema_put_markdown(out, &language_set);
	buf_add_str(out,
		"\n## Expressions\n\n"
		"CEL, as ValidatingAdmissionPolicy uses it. Variables:\n\n"
		"| variable | at admission | at authorization |\n|---|---|---|\n"
		"| `request` | the AdmissionRequest | `userInfo` (`username`, `groups`, `uid`, "
		"`extra`), `verb`, `resource` (`group`, `version`, `resource`), `subresource`, "
		"`namespace`, `name`, of a list or watch with selectors `fieldSelector` and "
		"`labelSelector` (`requirements`: `key`, `operator`, `values`); or `path` |\n"
		"| `object` | the object that is written; null on DELETE | not there: an error "
		"when the policy is loaded |\n"
		"| `oldObject` | the object as it was; null on CREATE | not there |\n"
		"| `variables.NAME` | the policy's variables; of a `lookup`, a list of objects of "
		"the cluster. An error while they are not known | those that use no object |\n"
		"| `namespaceObject` | the Namespace that the request is about; null for what is "
		"in none, and for Namespaces. An error while it is not known | the same; of a "
		"Namespace too |\n"
		"| `params` | the object that `paramRef` names | the same |\n"
		"| `now` | the time of the request | the same |\n\n"
		"## Functions\n");
	put_functions(out);
	buf_add_str(out,
		"\n## Left out\n\n"
		"What expressions of admission policies may say and these may not. Each is an "
		"error when the policy is loaded, with its place and this:\n\n"
		"| there | why not here | instead |\n|---|---|---|\n"
		"| `authorizer` | a decision would wait for the API server, whose authorizers may "
		"ask Holdpoint ([why](adr/0019-nobody-is-asked-while-a-request-waits.md)) | "
		"`subjects`, `excludeSubjects`, an `Allow` rule |\n"
		"| `selector` in `paramRef` | a list says the same, and which of all or any is "
		"meant | a `lookup` with `index: metadata.labels['NAME']` |\n"
		"| `Object{…}`, other message types | the kinds' schemas are not loaded, by which "
		"lists are merged | `mergePatch`, or a JSON patch |\n"
		"| `self`, `oldSelf` | of validation rules in CRDs | `object`, `oldObject` |\n");
	buf_add_str(out, "\n## Test files\n\nRun by `holdpoint policy test`.\n");
	schema_put_markdown(out, &language_test);
}

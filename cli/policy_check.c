/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint policy check FILE…: what the daemon would say about these policies, without it. */
#include <stdio.h>

#include "cli/policy.h"

/* Errors as an array of lines: "file:line:column: message" is what editors understand. */
static int print_json(
	const struct command *c, const struct policy_set *set, struct yaml_errors *errors)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(4u << 20);
	const char *line = errors->count ? cli_text(&errors->text) : "";
	bool first = true;

	buf_printf(&out, "{\"ok\":%s", set ? "true" : "false");
	if (set) {
		buf_printf(&out, ",\"policies\":%zu,\"rules\":%zu,\"digest\":\"%s\"",
			policy_set_policy_count(set), policy_set_rule_count(set),
			policy_set_digest(set));
	}
	buf_add_str(&out, ",\"errors\":[");
	while (line && *line) {
		size_t len = strcspn(line, "\n");
		if (!first)
			buf_add_char(&out, ',');
		json_put_string(&out, (struct span){line, len});
		first = false;
		line += len + (line[len] == '\n');
	}
	buf_add_str(&out, "]}");
	return cli_print_json(c, buf_span(&out));
}

int cli_policy_check(const struct command *self, int argc, char **argv)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	const char *files[CLI_POLICY_MAX_FILES], *output = NULL;
	size_t count;
	struct yaml_errors errors;
	const struct flag flags[] = {CLI_FLAG_OUTPUT(output), {0}};
	int rc = cli_parse(self, flags, argc, argv, 1, ARRAY_LEN(files), files, &count),
	    shown = CLI_OK;

	if (rc >= 0)
		return rc;
	rc = policy_set_load(files, count, &set, &errors);
	if (cli_wants_json(output))
		shown = print_json(self, set, &errors);
	else if (rc < 0)
		fputs(cli_text(&errors.text), stderr);
	else
		printf("%zu polic%s, %zu rule%s, %s\n", policy_set_policy_count(set),
			policy_set_policy_count(set) == 1 ? "y" : "ies", policy_set_rule_count(set),
			policy_set_rule_count(set) == 1 ? "" : "s", policy_set_digest(set));
	buf_free(&errors.text);
	return rc < 0 ? CLI_FAILED : shown;
}

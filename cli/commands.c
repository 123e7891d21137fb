/* SPDX-License-Identifier: Apache-2.0 */
/* The table of subcommands, from which dispatch and `holdpoint --help` come. */
#include "cli/commands.h"

const struct command commands[] = {
	{.name = "holds",
		.args = "",
		.run = cli_holds_list,
		.summary = "List the holds that wait or are approved, newest first",
		.examples = "  holdpoint holds\n"
			    "  holdpoint holds --state all --user claude-code@agents.example.com\n"
			    "  holdpoint holds --resource secrets -n prod --since 1h\n"},
	{.name = "holds list",
		.args = "",
		.run = cli_holds_list,
		.hidden = true,
		.summary = "List the holds that wait or are approved, newest first"},
	{.name = "holds show",
		.args = "HOLD",
		.run = cli_holds_show,
		.summary = "Show one hold: who, what, why, the change, what was decided",
		.examples = "  holdpoint holds show 42\n"},
	{.name = "holds watch",
		.args = "",
		.run = cli_holds_watch,
		.summary = "Follow the holds live, one line a step"},
	{.name = "approve",
		.args = "HOLD…",
		.run = cli_approve,
		.summary = "Approve a hold: the requester's next try passes",
		.examples = "  holdpoint approve 42 --reason 'CHG-1234'\n"
			    "  holdpoint approve 42 --for 15m --uses 3\n"},
	{.name = "deny",
		.args = "[HOLD…]",
		.run = cli_deny,
		.summary = "Deny a hold, or revoke an approval that is not used up",
		.examples =
			"  holdpoint deny 42 --reason 'not during the freeze'\n"
			"  holdpoint deny --user claude-code@agents.example.com --rule deletes\n"},
	{.name = "withdraw",
		.args = "HOLD…",
		.run = cli_withdraw,
		.summary = "Withdraw a hold that nobody needs any more"},
	{.name = "stop",
		.args = "[USER]",
		.run = cli_stop,
		.summary = "Stop an identity: everything it asks for is denied, reads included",
		.examples = "  holdpoint stop claude-code@agents.example.com --reason 'deletes in "
			    "a loop'\n"
			    "  holdpoint stop --group ai-agents --reason 'INC-7' --for 1h\n"},
	{.name = "resume",
		.args = "[USER]",
		.run = cli_resume,
		.summary = "Let an identity go on that was stopped",
		.examples = "  holdpoint resume --group ai-agents --reason 'INC-7 is over'\n"},
	{.name = "stops",
		.args = "",
		.run = cli_stops,
		.summary = "List who is stopped",
		.examples = "  holdpoint stops --all\n"},
	{.name = "sessions",
		.args = "",
		.run = cli_sessions,
		.summary = "List who did what, session by session",
		.examples =
			"  holdpoint sessions --since 7d --user claude-code@agents.example.com\n"},
	{.name = "replay",
		.args = "[SESSION]",
		.run = cli_replay,
		.summary = "Show what was done, in order: in a session, to an object, by a user",
		.examples = "  holdpoint replay s1-2048\n"
			    "  holdpoint replay s1-2048 -n prod --since 16:04\n"
			    "  holdpoint replay --resource deployments -n prod --name checkout "
			    "--writes "
			    "--since 7d\n"},
	{.name = "events",
		.args = "[EVENT]",
		.run = cli_events,
		.summary = "Search the audit events, follow them, or export them",
		.examples = "  holdpoint events --user claude-code@agents.example.com --since 1h\n"
			    "  holdpoint events --resource secrets --code 2xx --since yesterday\n"
			    "  holdpoint events default/2048\n"
			    "  holdpoint events --since 24h --all -o ocsf > events.jsonl\n"},
	{.name = "decisions",
		.args = "",
		.run = cli_decisions,
		.summary = "List what rules said, and who decided on holds",
		.examples = "  holdpoint decisions --action Deny --since yesterday\n"
			    "  holdpoint decisions --enforcement DryRun --policy agents\n"
			    "  holdpoint decisions --approver alice --since 2026-Q1\n"},
	{.name = "approvers",
		.args = "[NAME]",
		.run = cli_approvers,
		.summary = "Show who decided on holds, what, and how quickly",
		.examples = "  holdpoint approvers --since 2026-Q1\n"
			    "  holdpoint approvers alice --since yesterday\n"},
	{.name = "missing",
		.args = "",
		.run = cli_missing,
		.summary = "List requests that never ended, and decisions without an event",
		.examples = "  holdpoint missing --since 7d\n"},
	{.name = "sources",
		.args = "",
		.run = cli_sources,
		.summary = "Show who sends audit events, and what may be missing",
		.examples = "  holdpoint sources\n"
			    "  holdpoint sources --since 7d --unfinished -o json\n"},
	{.name = "retention",
		.args = "",
		.run = cli_retention,
		.summary = "Drop whole days of events and decisions that are old enough",
		.examples = "  holdpoint retention --keep 400d\n"
			    "  holdpoint retention --keep 400d --reason 'policy AU-11' --yes\n"},
	{.name = "erase",
		.args = "CLUSTER/NUMBER",
		.run = cli_erase,
		.summary = "Erase one event's body; its row and digest stay",
		.examples = "  holdpoint erase default/2048 --reason 'GDPR request 7'\n"},
	{.name = "mask",
		.args = "[FILE…]",
		.run = cli_mask,
		.summary = "Show what masking does to events or objects; needs no database",
		.examples = "  holdpoint mask --explain < events.json\n"
			    "  kubectl get secret db -o json | holdpoint mask\n"
			    "  holdpoint mask --pseudonyms --mask-key-file mask.key < "
			    "leaked-password\n"},
	{.name = "policy check",
		.args = "FILE…",
		.run = cli_policy_check,
		.summary = "Say what is wrong with policies, and which rules are never asked about",
		.examples = "  holdpoint policy check policies/\n"
			    "  holdpoint policy check policies/ --managed --require-coverage\n"},
	{.name = "policy authorizer",
		.args = "FILE…",
		.run = cli_policy_authorizer,
		.summary = "Print the AuthorizationConfiguration that policies need",
		.examples = "  holdpoint policy authorizer policies/ --kubernetes-version 1.31 > "
			    "authorization.yaml\n"},
	{.name = "policy history",
		.args = "[SET]",
		.run = cli_policy_history,
		.summary = "Show which policies were in force when, or the text of a set of them",
		.examples = "  holdpoint policy history --since 2026-01-02 --until 2026-01-02\n"
			    "  holdpoint policy history 4f1c09d2a7be\n"},
	{.name = "policy test",
		.args = "FILE…",
		.run = cli_policy_test,
		.summary = "Run the test cases of policies; exit 3 when one fails",
		.examples = "  holdpoint policy test policies/tests/\n"},
	{.name = "policy explain",
		.args = "FILE…",
		.run = cli_policy_explain,
		.summary = "Show which rules apply to a request, and why",
		.examples = "  holdpoint policy explain policies/ --review review.json\n"
			    "  holdpoint policy explain policies/ -f deploy.yaml --as claude-code "
			    "--as-group ai-agents\n"},
	{.name = "policy import",
		.args = "FILE…",
		.run = cli_policy_import,
		.summary = "Write ValidatingAdmissionPolicies and MutatingAdmissionPolicies as "
			   "policies here",
		.examples =
			"  holdpoint policy import admission-policies/ > policies/imported.yaml\n"},
	{.name = "policy bench",
		.args = "FILE…",
		.run = cli_policy_bench,
		.summary = "Measure what a decision costs",
		.examples = "  holdpoint policy bench policies/ --review review.json\n"},
	{.name = "policy reference",
		.args = "",
		.run = cli_policy_reference,
		.hidden = true,
		.summary = "Print the reference of the policy language as Markdown"},
	{.name = "db migrate",
		.args = "",
		.run = cli_db_migrate,
		.summary = "Bring the database schema up to date"},
	{.name = "completion",
		.args = "bash|zsh|fish",
		.run = cli_completion,
		.summary = "Print what makes a shell complete command lines",
		.examples = "  source <(holdpoint completion bash)\n"
			    "  holdpoint completion fish > "
			    "~/.config/fish/completions/holdpoint.fish\n"},
	{.name = "version",
		.args = "",
		.run = cli_version,
		.summary = "Print the version of this program"},
	{.name = NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/doctor/doctor.h"
#include "cli/import/import.h"
#include "cli/kubectl/kubectl_review.h"
#include "cli/replay/policy_replay.h"
#include "cli/scan/scan.h"

/* One file under two names; kubectl finds its plugins by theirs. */
static const struct cli_program programs[] = {
	{.file = "holdpoint",
		.name = "holdpoint",
		.commands = commands,
		.more = {scan_commands, replay_commands, import_commands, doctor_commands}},
	{.file = "kubectl-holdpoint", .name = "kubectl holdpoint", .commands = kubectl_commands},
	/* What kubectl asks for completions of that plugin. */
	{.file = "kubectl_complete-holdpoint",
		.name = "kubectl holdpoint",
		.commands = kubectl_commands,
		.completes = true},
	{.file = NULL},
};

int main(int argc, char **argv)
{
	return cli_main(programs, argc, argv);
}

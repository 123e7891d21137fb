/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/doctor/doctor.h"
#include "cli/import/import.h"
#include "cli/kubectl/kubectl_review.h"

/* One file under two names; kubectl finds its plugins by theirs. */
static const struct cli_program programs[] = {
	{"holdpoint", "holdpoint", commands, {import_commands, doctor_commands}},
	{"kubectl-holdpoint", "kubectl holdpoint", kubectl_commands, {NULL}},
	{NULL},
};

int main(int argc, char **argv)
{
	return cli_main(programs, argc, argv);
}

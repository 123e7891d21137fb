/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint completion: what a shell needs to complete command lines. The scripts ask the program
 * itself at each Tab (cli/complete.h), so that they know what it knows.
 */
#include <stdio.h>

#include "cli/commands.h"

static const char bash[] = //
	"# holdpoint completion bash\n"
	"_holdpoint() {\n"
	"  local line\n"
	"  COMPREPLY=()\n"
	"  while IFS= read -r line; do\n"
	"    case $line in\n"
	"      :0) compopt -o default ;;\n"
	"      :*) ;;\n"
	"      *) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
	"    esac\n"
	"  done < <(\"$1\" __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _holdpoint holdpoint kubectl-holdpoint\n";

static const char zsh[] = //
	"#compdef holdpoint kubectl-holdpoint\n"
	"# holdpoint completion zsh\n"
	"_holdpoint() {\n"
	"  local line word files=0\n"
	"  local -a offers\n"
	"  for line in \"${(@f)$(\"${words[1]}\" __complete \"${(@)words[2,CURRENT]}\" "
	"2>/dev/null)}\"; do\n"
	"    case $line in\n"
	"      :0) files=1 ;;\n"
	"      :*|'') ;;\n"
	"      *)\n"
	"        word=${line%%$'\\t'*}\n"
	"        offers+=(\"${word//:/\\\\:}:${line#*$'\\t'}\")\n"
	"        ;;\n"
	"    esac\n"
	"  done\n"
	"  (( ${#offers} )) && _describe holdpoint offers\n"
	"  (( files )) && _files\n"
	"  return 0\n"
	"}\n"
	"if [[ ${funcstack[1]-} == _holdpoint ]]; then\n"
	"  _holdpoint \"$@\"\n"
	"else\n"
	"  compdef _holdpoint holdpoint kubectl-holdpoint\n"
	"fi\n";

static const char fish[] = //
	"# holdpoint completion fish\n"
	"function __holdpoint_complete\n"
	"    set -l words (commandline -opc)\n"
	"    set -l current (commandline -ct)\n"
	"    set -l program $words[1]\n"
	"    set -e words[1]\n"
	"    $program __complete $words \"$current\" 2>/dev/null | while read -l line\n"
	"        switch $line\n"
	"            case ':0'\n"
	"                __fish_complete_path $current\n"
	"            case ':*'\n"
	"            case '*'\n"
	"                echo $line\n"
	"        end\n"
	"    end\n"
	"end\n"
	"complete -c holdpoint -f -a '(__holdpoint_complete)'\n"
	"complete -c kubectl-holdpoint -f -a '(__holdpoint_complete)'\n";

static const struct {
	const char *shell, *script;
} scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

int cli_completion(const struct command *self, int argc, char **argv)
{
	const struct flag flags[] = {{0}};
	const char *shell;
	int rc = cli_parse(self, flags, argc, argv, 1, 1, &shell, NULL);

	if (rc >= 0)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		if (strcmp(shell, scripts[i].shell) == 0) {
			fputs(scripts[i].script, stdout);
			return CLI_OK;
		}
	return cli_error(
		self, CLI_USAGE, "no script for \"%.64s\": one of bash, zsh and fish", shell);
}

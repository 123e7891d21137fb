/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a list of paths stands for, and whether they have changed.
 *
 * A folder stands for its *.yaml and *.yml files, by name, not for its subfolders. Names that begin
 * with "." or ".." are left out: a ConfigMap mount keeps the real files in "..2024_…" behind the
 * symbolic link "..data", and shows links to them under their own names. All files of such a folder
 * are of one version of it.
 */
#pragma once

#include "common/yaml/tree.h"

/*
 * Reads all files into the arena; those that can be read, when some cannot. An empty folder is no
 * error here. Errors: added to errors.
 */
void files_read(const char *const *paths, size_t path_count, struct arena *arena,
	struct yaml_errors *errors, struct tree_file **ret, size_t *ret_count);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library of functions that expressions may call: CEL's standard ones and extensions, and those
 * of Kubernetes. The engine knows none of them; it is handed to cel_env_new().
 */
#pragma once

#include "policy/cel/cel.h"

/*
 * Ownership: cel_library_free(), after all environments and programs made with it. Limits: keeps
 * what it reads of time zones, at most 1024. Threads: any number. NULL when memory is short.
 */
struct cel_library *cel_library_new(void);
void cel_library_free(struct cel_library *l);
DEFINE_CLEANUP(struct cel_library *, cel_library_free)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes whose body was recorded, as the kubectl command that makes the same change again: a patch
 * that only scales, labels or annotates by its own command, any other as it was sent.
 */
#pragma once

#include "cli/kubectl_line.h"

/*
 * Appends all that follows "kubectl", e.g. " scale deployments.apps web -n prod --replicas=5".
 * False when there is no body, or it adds nothing to the command: then nothing was appended.
 * Memory: the arena is for the caller to free.
 */
bool kubectl_body_put(struct buf *out, const struct kubectl_call *c, struct arena *arena);

/* Is it sent to its URI as it is, for want of a flag for that subresource? */
bool kubectl_body_is_raw(const struct kubectl_call *c);

/* Appends the flags that the body of a delete amounts to: " --grace-period=0 --force". */
void kubectl_body_put_delete_flags(struct buf *out, const struct kubectl_call *c);

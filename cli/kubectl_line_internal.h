/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a command, for kubectl_line.c and kubectl_body.c. */
#pragma once

#include "cli/kubectl_line.h"

/* An argument, or the rest of one, as a shell needs it. */
void kubectl_put_quoted(struct buf *out, struct span s);
/* A query parameter of a request URI, decoded. False if there is none. */
bool kubectl_uri_param(struct span uri, const char *name, struct buf *ret);
/* " deployments.apps", " web" (" pods/--all" where the name begins as a flag does), " -n prod". */
void kubectl_put_resource(struct buf *out, const struct kubectl_call *c);
void kubectl_put_name(struct buf *out, const struct kubectl_call *c);
void kubectl_put_namespace(struct buf *out, const struct kubectl_call *c);

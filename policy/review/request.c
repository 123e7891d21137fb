/* SPDX-License-Identifier: Apache-2.0 */
/* Names of what is in a request. */
#include "policy/review/request.h"

const char *const endpoint_names[] = {
	[ENDPOINT_VALIDATE] = "validate",
	[ENDPOINT_MUTATE] = "mutate",
	[ENDPOINT_AUTHORIZE] = "authorize",
	NULL,
};

struct span request_operation_name(const struct policy_request *r)
{
	switch (r->operation) {
	case OPERATION_NONE:
		return r->verb;
	case OPERATION_CREATE:
		return SPAN("CREATE");
	case OPERATION_UPDATE:
		return SPAN("UPDATE");
	case OPERATION_DELETE:
		return SPAN("DELETE");
	case OPERATION_CONNECT:
		return SPAN("CONNECT");
	}
	return r->verb;
}

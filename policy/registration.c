/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/registration.h"

const char *const registration_exempt[REGISTRATION_EXEMPT_COUNT] = {
	"holdpoint-system", "kube-system", "kube-node-lease"};

bool registration_exempts(struct span namespace_)
{
	for (size_t i = 0; i < REGISTRATION_EXEMPT_COUNT; i++)
		if (span_eq_str(namespace_, registration_exempt[i]))
			return true;
	return false;
}

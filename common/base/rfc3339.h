/* Times as Kubernetes writes them (metav1.Time and MicroTime: RFC 3339). */
#pragma once

#include "common/base/util.h"

/*
 * Microseconds since 1970. -1 if s is no RFC 3339 time: years 0001 to 9999, "T" and "Z" in upper
 * case, any number of digits of a second (further ones than six are cut), an offset.
 */
int rfc3339_parse(struct span s, int64_t *ret_us) _must_check_;

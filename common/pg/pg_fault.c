/* SPDX-License-Identifier: Apache-2.0 */
/* SQLSTATEs (PostgreSQL documentation, appendix A) by what is at fault: see pg_fault.h. */
#include "common/pg/pg_fault.h"

#include "common/base/util.h"

static const struct {
	const char *prefix; /* of the code: all of it, or its class */
	enum pg_fault fault;
} faults[] = {
	{"08", PG_FAULT_CONNECTION}, {"22", PG_FAULT_CONTENT}, /* data exception */
	{"23", PG_FAULT_CONTENT},			       /* integrity constraint violation */
	{"25006", PG_FAULT_CONNECTION},			       /* read-only: a standby */
	{"25P03", PG_FAULT_CONNECTION}, /* terminated: idle in a transaction */
	{"40001", PG_FAULT_PASSING},	/* serialization failure */
	{"40P01", PG_FAULT_PASSING},	/* deadlock */
	{"44", PG_FAULT_CONTENT},	/* WITH CHECK OPTION */
	{"54", PG_FAULT_CONTENT},    /* program limit exceeded: a row, an index entry too large */
	{"55P03", PG_FAULT_PASSING}, /* lock timeout */
	{"57014", PG_FAULT_PASSING}, /* statement timeout */
	{"57P01", PG_FAULT_CONNECTION}, /* terminated by an administrator */
	{"57P02", PG_FAULT_CONNECTION}, /* after another backend's crash */
	{"57P03", PG_FAULT_CONNECTION}, /* starting up, or shutting down */
	{"57P05", PG_FAULT_CONNECTION}, /* terminated: idle */
	{"HP", PG_FAULT_CONTENT},	/* our own functions and triggers */
	{"P0", PG_FAULT_CONTENT},	/* a trigger's RAISE, or its assertion */
};

enum pg_fault pg_fault_of(const char *sqlstate)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		if (strncmp(sqlstate, faults[i].prefix, strlen(faults[i].prefix)) == 0)
			return faults[i].fault;
	}
	return PG_FAULT_ENVIRONMENT;
}

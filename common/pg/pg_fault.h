/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an SQLSTATE complains of. Threads: any. Source: PostgreSQL, appendix "Error Codes".
 */
#pragma once

/* Where to look for what an SQLSTATE complains of. */
enum pg_fault {
	PG_FAULT_ENVIRONMENT, /* the server, the schema, a grant: the same data may pass once that
				 is mended. Whatever is not known to be another. */
	PG_FAULT_CONTENT,     /* the data: too long, out of range, a constraint, a trigger's word */
	PG_FAULT_PASSING,     /* other transactions: the same call may succeed now (PG_RETRY) */
	PG_FAULT_CONNECTION,  /* there is none any more, or none to write with (PG_UNAVAILABLE) */
};
enum pg_fault pg_fault_of(const char *sqlstate);

/* SPDX-License-Identifier: Apache-2.0 */
/* How the writing of a batch ended: what the writer, the spool and who waits for an answer share.
 */
#pragma once

enum write_status {
	WRITE_STORED,
	WRITE_DUPLICATE, /* the database has it already */
	WRITE_SPOOLED,	 /* on disk here, to be stored later */
	WRITE_FAILED,	 /* nothing is known to be stored: the sender must try again */
};

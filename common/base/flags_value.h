/* SPDX-License-Identifier: Apache-2.0 */
/* How values of flags are written back, for help texts and error messages. */
#pragma once

#include "common/base/flags.h"

/* Milliseconds as the shortest Go duration: "1h30m", "250ms", "0s". */
void duration_put(struct buf *out, int64_t ms);
/* Bytes with the largest suffix that divides them: "64Mi", "10k", "123". */
void bytes_put(struct buf *out, int64_t bytes);

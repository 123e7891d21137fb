/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs as they come from clouds. Each record lies behind the one before; what is handed out as a
 * whole event is one JSON value that can be read again.
 */
#include "cli/import/import_unwrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_event(const struct import_event *event, struct arena *arena)
{
	static const struct json_limits limits = {IMPORT_RECORD_MAX, 20000, 8u << 20, true, true};
	struct json_doc d;

	if (!event->cut &&
		json_read(event->text.ptr, event->text.len, &limits, arena, &d, NULL) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct import_records *records _cleanup_(import_records_freep) =
		import_records_of((struct span){(const char *)data, size});
	struct arena *arena _cleanup_(arena_freep) = arena_new(1 << 16, (size_t)64 << 20);
	uint64_t at = 0;

	for (;;) {
		struct import_record r;
		struct import_found found;
		struct err e;

		arena_reset(arena);
		if (import_records_next(records, arena, &r, &e) < 0)
			return 0;
		if (r.kind == IMPORT_END)
			return 0;
		if (r.from < at || r.to <= r.from || r.to > size)
			abort();
		at = r.to;
		if (import_unwrap(&r, arena, &found, &e) < 0)
			continue;
		for (size_t i = 0; i < found.count; i++)
			check_event(&found.events[i], arena);
	}
}

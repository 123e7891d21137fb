/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks every event of the EventLists named on the command line again and again and says how many
 * megabytes a second one core takes, HMACs included:
 *   bench_mask [-s SECONDS] [-o json] FILE...
 * Measured with the list already read (mask) and with reading it (read and mask). With -n PASSES it
 * masks them so many times and says only how many bytes that was, to count instructions a byte:
 *   valgrind --tool=callgrind --toggle-collect=mask_list bench_mask -n 20 FILE...
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/mask/mask.h"

static const struct json_limits limits = {.max_bytes = 64u << 20,
	.max_depth = 512,
	.max_nodes = 8u << 20,
	.allow_lone_surrogates = true,
	.allow_duplicate_keys = true};

struct input {
	char *text;
	size_t len;
	struct json_doc doc;
};

struct figures {
	double bytes, events, masked, seconds;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* others may have the machine too */
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int load(const char *path, struct arena *arena, struct input *ret)
{
	FILE *f = fopen(path, "rbe");
	struct json_error e;
	long len;

	if (!f || fseek(f, 0, SEEK_END) != 0 || (len = ftell(f)) < 0) {
		perror(path);
		return -1;
	}
	rewind(f);
	ret->text = malloc((size_t)len + 1);
	ret->len = ret->text ? fread(ret->text, 1, (size_t)len, f) : 0;
	fclose(f);
	if (json_read(ret->text, ret->len, &limits, arena, &ret->doc, &e) < 0) {
		fprintf(stderr, "%s: %s\n", path, e.what);
		return -1;
	}
	return 0;
}

/* Not inlined: what counts instructions names it. */
__attribute__((noinline)) static void mask_list(const struct masker *m, const struct json_doc *d,
	struct arena *arena, struct buf *out, struct figures *f)
{
	json_foreach (event, d, json_get_str(d, JSON_ROOT, "items")) {
		struct arena_mark mark = arena_mark(arena);
		struct mask_result r;

		buf_reset(out);
		mask_audit_event(m, d, event, arena, out, &r);
		arena_rewind(arena, mark);
		f->events++;
		f->masked += r.masked;
	}
	f->bytes += (double)d->len;
}

struct bench {
	double seconds;
	unsigned long passes; /* 0: as many as fit in seconds */
	bool read_too;
};

static struct figures measure(
	const struct masker *m, const struct input *inputs, size_t count, struct bench b)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4 << 20, 256 << 20);
	_cleanup_(buf_free) struct buf out = BUF_INIT(64 << 20);
	double start = now();
	struct figures f = {0};
	unsigned long passes = 0;

	do {
		for (size_t i = 0; i < count; i++) {
			struct json_doc d = inputs[i].doc;
			struct json_error e;

			arena_reset(arena);
			if (b.read_too && json_read(inputs[i].text, inputs[i].len, &limits, arena,
						  &d, &e) < 0)
				abort();
			mask_list(m, &d, arena, &out, &f);
		}
		f.seconds = now() - start;
	} while (b.passes > 0 ? ++passes < b.passes : f.seconds < b.seconds);
	return f;
}

static double rate(struct figures f)
{
	return f.bytes / f.seconds / 1e6;
}

int main(int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(16 << 20, 1u << 30);
	_cleanup_(masker_freep) struct masker *m = NULL;
	_cleanup_(freep) struct input *inputs = calloc((size_t)argc, sizeof(*inputs));
	struct figures mask, both;
	struct bench b = {.seconds = 2};
	bool json = false;
	size_t count = 0;
	struct err e;
	int c;

	while ((c = getopt(argc, argv, "s:n:o:")) != -1) {
		if (c == 's')
			b.seconds = strtod(optarg, NULL);
		else if (c == 'n')
			b.passes = strtoul(optarg, NULL, 10);
		else
			json = true;
	}
	if (optind == argc || c == '?') {
		fprintf(stderr, "usage: bench_mask [-s SECONDS | -n PASSES] [-o json] FILE...\n");
		return 2;
	}
	if (masker_new(NULL, NULL, &m, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	for (; optind < argc; optind++) {
		if (load(argv[optind], arena, &inputs[count++]) < 0)
			return 1;
	}
	mask = measure(m, inputs, count, b);
	if (b.passes > 0) {
		printf("%.0f bytes\n", mask.bytes);
		return 0;
	}
	b.read_too = true;
	both = measure(m, inputs, count, b);
	printf(json ? "{\"mask_mb_per_s\": %.0f, \"read_and_mask_mb_per_s\": %.0f, "
		      "\"bytes_per_event\": %.0f, \"masked_per_event\": %.2f, "
		      "\"us_per_event\": %.2f}\n"
		    : "mask %.0f MB/s, read and mask %.0f MB/s (%.0f bytes and %.2f masked values "
		      "an event, %.2f us)\n",
		rate(mask), rate(both), mask.bytes / mask.events, mask.masked / mask.events,
		mask.seconds * 1e6 / mask.events);
	for (size_t i = 0; i < count; i++)
		free(inputs[i].text);
	return 0;
}

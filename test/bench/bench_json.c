/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads every file named on the command line again and again and says how many megabytes a second
 * the JSON reader takes: bench_json [-s SECONDS] FILE...
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/json/json.h"

struct input {
	char *text;
	size_t len;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int load(const char *path, struct input *ret)
{
	FILE *f = fopen(path, "rb");

	if (!f || fseek(f, 0, SEEK_END) != 0) {
		perror(path);
		return -1;
	}
	ret->len = (size_t)ftell(f);
	rewind(f);
	ret->text = malloc(ret->len + 1);
	ret->len = ret->text ? fread(ret->text, 1, ret->len, f) : 0;
	fclose(f);
	return 0;
}

static int measure(const struct input *inputs, size_t count, double seconds)
{
	const struct json_limits limits = {64 << 20, 200, 4 << 20, false, false};
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 256 << 20);
	double start = now(), took;
	size_t bytes = 0, nodes = 0, texts = 0;

	do {
		for (size_t i = 0; i < count; i++) {
			struct json_doc d;
			struct json_error e;

			arena_reset(arena);
			if (json_read(inputs[i].text, inputs[i].len, &limits, arena, &d, &e) < 0) {
				fprintf(stderr, "input %zu: %s\n", i, e.what);
				return 1;
			}
			bytes += inputs[i].len;
			nodes += d.node_count;
			texts++;
		}
		took = now() - start;
	} while (took < seconds);
	printf("%.0f MB/s, %.1f ns/value, %.0f texts/s (%zu bytes and %zu values in a text)\n",
		(double)bytes / took / 1e6, took * 1e9 / (double)nodes, (double)texts / took,
		bytes / texts, nodes / texts);
	return 0;
}

int main(int argc, char **argv)
{
	double seconds = 2;
	struct input *inputs;
	int first = 1, rc;

	if (argc > 2 && strcmp(argv[1], "-s") == 0) {
		seconds = strtod(argv[2], NULL);
		first = 3;
	}
	if (argc <= first) {
		fprintf(stderr, "usage: bench_json [-s SECONDS] FILE...\n");
		return 2;
	}
	inputs = calloc((size_t)(argc - first), sizeof(*inputs));
	for (int i = first; i < argc; i++) {
		if (!inputs || load(argv[i], &inputs[i - first]) < 0)
			return 1;
	}
	rc = measure(inputs, (size_t)(argc - first), seconds);
	for (int i = first; i < argc; i++)
		free(inputs[i - first].text);
	free(inputs);
	return rc;
}

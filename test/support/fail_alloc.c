/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes allocations fail, to see what becomes of a program then. Linked with --wrap into variants
 * of our programs (bin/torture/): every call of malloc and its like in our code comes here; those
 * of libraries do not.
 *
 *   HOLDPOINT_FAIL_AT=N     the N-th allocation of the process fails, and no other
 *   HOLDPOINT_FAIL_EVERY=N  every N-th fails
 *   HOLDPOINT_FAIL_FILE=F   the same with the number that stands in F at that moment; none: none
 * fails HOLDPOINT_FAIL_COUNT=F  the number of allocations is written to F at the end
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t max);
int __real_vasprintf(char **ret, const char *fmt, va_list args);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t max);
int __wrap_vasprintf(char **ret, const char *fmt, va_list args);
int __wrap_asprintf(char **ret, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static unsigned long fail_at, fail_every;
static const char *every_file, *count_file;
static atomic_ulong count;

static unsigned long number_of(const char *variable)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 10) : 0;
}

static void write_count(void)
{
	FILE *f = fopen(count_file, "we");

	if (!f)
		return;
	fprintf(f, "%lu\n", atomic_load(&count));
	fclose(f);
}

__attribute__((constructor)) static void configure(void)
{
	fail_at = number_of("HOLDPOINT_FAIL_AT");
	fail_every = number_of("HOLDPOINT_FAIL_EVERY");
	every_file = getenv("HOLDPOINT_FAIL_FILE");
	count_file = getenv("HOLDPOINT_FAIL_COUNT");
	if (count_file)
		atexit(write_count);
}

/* Without allocating anything. */
static unsigned long every_now(void)
{
	char text[24] = "";
	int fd;

	if (!every_file)
		return fail_every;
	fd = open(every_file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return strtoul(text, NULL, 10);
}

static int must_fail(void)
{
	unsigned long n = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed) + 1;
	unsigned long every = every_now();

	if (n != fail_at && (every == 0 || n % every != 0))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *__wrap_malloc(size_t size)
{
	return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return must_fail() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *s)
{
	return must_fail() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t max)
{
	return must_fail() ? NULL : __real_strndup(s, max);
}

int __wrap_vasprintf(char **ret, const char *fmt, va_list args)
{
	return must_fail() ? -1 : __real_vasprintf(ret, fmt, args);
}

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list args;
	int rc;

	va_start(args, fmt);
	rc = __wrap_vasprintf(ret, fmt, args);
	va_end(args);
	return rc;
}

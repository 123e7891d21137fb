/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server says when it runs with a libmicrohttpd whose repairs of heads it cannot see: this
 * program answers for the library when it is asked for its version.
 */
#include <microhttpd.h>

#include "support/capture.h"
#include "support/run_tests.h"
#include "unit/http_support.h"

static const char *version;

/* Instead of the library's own. */
const char *MHD_get_version(void)
{
	return version;
}

/* Starts and stops the server, which says this often that nobody looks at heads but the library. */
static int warnings_with(const char *v)
{
	struct http_server_config c = config();
	int count = 0;
	char *text;

	version = v;
	capture_begin();
	start(&c);
	teardown();
	text = capture_end();
	for (const char *at = text; (at = strstr(at, "http_heads_checked_by_library_alone")); at++)
		count++;
	free(text);
	return count;
}

START_TEST(http__says_when_heads_are_checked_by_the_library_alone)
{
	ck_assert_int_eq(warnings_with("0.9.75"), 0);
	ck_assert_int_eq(warnings_with("1.0.1"), 1);
	ck_assert_int_eq(warnings_with("0.9.7"), 1);
	ck_assert_int_eq(warnings_with("0.9.750"), 1);
}
END_TEST

/* It goes on to serve, for the library refuses such heads by itself. */
START_TEST(http__serves_with_another_library)
{
	struct http_server_config c = config();
	int fd;

	version = "1.0.1";
	start(&c);
	fd = client();
	raw_send_str(fd, "GET /any HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_read(fd, &answer);
	ck_assert_int_eq(answer.status, 200);
	close(fd);
	teardown();
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("http_library");

	tcase_add_test(t, http__says_when_heads_are_checked_by_the_library_alone);
	tcase_add_test(t, http__serves_with_another_library);
	return run_tests(t);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of a folder: as a ConfigMap is mounted, swapped while it is read, with one broken file.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/run_tests.h"
#include "unit/policy_support.h"

#define NAMED(n)                                                                                   \
	"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: " n           \
	"}\nspec:\n  rules:\n  - name: r\n    action: Deny\n    match:\n"                          \
	"    - {apiGroups: [''], resources: [pods], operations: [CREATE]}\n"

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[300];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void remove_tree(const char *dir)
{
	char command[400];
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(policy_folder__configmap_folder_is_read_once_through_its_links)
{
	char dir[] = "/tmp/holdpoint-policy-XXXXXX", path[100];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/..2026_01", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	write_file(path, "a.yaml", NAMED("a"));
	write_file(path, "b.yml", NAMED("b") "---\n" NAMED("c"));
	write_file(path, "notes.txt", "no policy");
	write_file(path, ".hidden.yaml", "no policy");
	write_file(dir, "beside.yaml", NAMED("d"));
	const char *links[][2] = {{"..2026_01", "..data"}, {"..data/a.yaml", "a.yaml"},
		{"..data/b.yml", "b.yml"}, {"..data/notes.txt", "notes.txt"},
		{"..data/.hidden.yaml", ".hidden.yaml"}};
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, links[i][1]);
		ck_assert_int_eq(symlink(links[i][0], path), 0);
	}
	struct policy_set *s = NULL;
	struct yaml_errors errors;
	const char *paths[] = {dir};
	int rc = policy_set_load(paths, 1, &s, &errors);
	remove_tree(dir);
	if (rc < 0)
		ck_abort_msg("%s", buf_str(&errors.text));
	ck_assert_uint_eq(policy_set_policy_count(s), 4);
	policy_set_unref(s);
}
END_TEST

/* ---- a folder that is swapped while it is read ---- */

struct swapping {
	const char *dir;
	atomic_bool stop;
	unsigned versions;
};

static void write_version(const char *dir, unsigned version)
{
	static const char *const files[2][2] = {
		{NAMED("one-a"), NAMED("one-b")}, {NAMED("two-a"), NAMED("two-b")}};
	char path[100];
	snprintf(path, sizeof path, "%s/..%u", dir, version);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	write_file(path, "a.yaml", files[version % 2][0]);
	write_file(path, "b.yaml", files[version % 2][1]);
}

static void remove_version(const char *dir, unsigned version)
{
	static const char *const names[] = {"/a.yaml", "/b.yaml", ""};
	char path[100];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof path, "%s/..%u%s", dir, version, names[i]);
		remove(path);
	}
}

/* As the kubelet does: a new link is renamed onto "..data", then the old version goes. */
static void *swap(void *arg)
{
	struct swapping *s = arg;
	char next[100], data[100], target[20];
	snprintf(next, sizeof next, "%s/..data_tmp", s->dir);
	snprintf(data, sizeof data, "%s/..data", s->dir);
	while (!s->stop) {
		write_version(s->dir, ++s->versions);
		snprintf(target, sizeof target, "..%u", s->versions);
		if (symlink(target, next) < 0 || rename(next, data) < 0)
			break;
		remove_version(s->dir, s->versions - 1);
		usleep(s->versions % 8 * 300); /* now shorter than a load takes, now longer */
	}
	return NULL;
}

START_TEST(policy_folder__a_swap_in_the_middle_gives_one_version_or_the_other)
{
	char dir[] = "/tmp/holdpoint-policy-XXXXXX", path[100];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	write_version(dir, 0);
	const char *links[][2] = {
		{"..0", "..data"}, {"..data/a.yaml", "a.yaml"}, {"..data/b.yaml", "b.yaml"}};
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, links[i][1]);
		ck_assert_int_eq(symlink(links[i][0], path), 0);
	}

	struct swapping s = {.dir = dir};
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, swap, &s), 0);
	unsigned loaded[2] = {0}, mixed = 0;
	const char *paths[] = {dir};
	for (int i = 0; i < 600; i++) {
		struct policy_set *set = NULL;
		struct yaml_errors errors;
		if (policy_set_load(paths, 1, &set, &errors) < 0) {
			ck_assert_msg(strstr(buf_str(&errors.text), "swapped whenever"), "%s",
				buf_str(&errors.text));
			buf_free(&errors.text);
			continue;
		}
		struct span text = policy_set_text(set);
		bool one = memmem(text.ptr, text.len, "one-", 4) != NULL;
		bool two = memmem(text.ptr, text.len, "two-", 4) != NULL;
		mixed += one && two;
		loaded[two]++;
		policy_set_unref(set);
	}
	s.stop = true;
	pthread_join(thread, NULL);
	remove_tree(dir);
	ck_assert_uint_eq(mixed, 0);
	ck_assert_uint_gt(loaded[0], 0);
	ck_assert_uint_gt(loaded[1], 0);
}
END_TEST

START_TEST(policy_folder__one_broken_file_refuses_the_whole_set)
{
	char dir[] = "/tmp/holdpoint-policy-XXXXXX", expected[100];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	write_file(dir, "a.yaml", NAMED("a"));
	write_file(dir, "b.yaml", "kind: x\n");
	struct policy_set *s = NULL;
	struct yaml_errors errors;
	const char *paths[] = {dir, "/nowhere/at-all.yaml"};
	int rc = policy_set_load(paths, 2, &s, &errors);
	remove_tree(dir);
	ck_assert_int_eq(rc, -1);
	ck_assert_ptr_null(s);
	snprintf(expected, sizeof expected, "%s/b.yaml:1:1: ", dir);
	ck_assert_ptr_nonnull(strstr(buf_str(&errors.text), expected));
	ck_assert(
		has_line(buf_str(&errors.text), "/nowhere/at-all.yaml: No such file or directory"));
	buf_free(&errors.text);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("policy_folder");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, policy_folder__configmap_folder_is_read_once_through_its_links);
	tcase_add_test(t, policy_folder__a_swap_in_the_middle_gives_one_version_or_the_other);
	tcase_add_test(t, policy_folder__one_broken_file_refuses_the_whole_set);
	return run_tests(t);
}

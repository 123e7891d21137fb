/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint db migrate: runs the numbered SQL files that have not run yet, each in a transaction of
 * its own, under an advisory lock. The contract is in db/README.md.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "common/base/crypto.h"
#include "common/base/file.h"

#define MIGRATIONS_MAX 1000
#define FILE_MAX_BYTES (4 << 20)

struct migration {
	int version;
	char name[128];
	struct buf text;
	uint8_t sha256[SHA256_LEN];
};

struct migrations {
	struct migration *items;
	size_t count;
};

static void migrations_free(struct migrations *m)
{
	for (size_t i = 0; i < m->count; i++)
		buf_free(&m->items[i].text);
	free(m->items);
}

/* ---- the files ---- */

static int read_text(const char *path, struct buf *out, struct err *e)
{
	if (file_read(path, out, e) < 0)
		return -1;
	if (!buf_str(out) || memchr(out->ptr, 0, out->len))
		return err_set(e, "%s: not text", path);
	return 0;
}

/* "0003_partitions.sql" → 3, "partitions". */
static int parse_name(const char *file, struct migration *m)
{
	size_t len = strlen(file);
	int end = 0;

	if (len < 10 || strcmp(file + len - 4, ".sql") != 0 ||
		sscanf(file, "%4d_%n", &m->version, &end) != 1 || end != 5 ||
		len - 9 >= sizeof(m->name) || m->version < 1)
		return -1;
	snprintf(m->name, sizeof(m->name), "%.*s", (int)len - 9, file + 5);
	return 0;
}

static int load_one(const char *dir, const char *file, struct migrations *all, struct err *e)
{
	struct migration *m = &all->items[all->count];
	char path[PATH_MAX + 256]; /* a folder and a name in it */

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	m->text = BUF_INIT(FILE_MAX_BYTES);
	if (parse_name(file, m) < 0)
		return err_set(e, "%s: the name must be like 0001_what_it_does.sql", path);
	if ((size_t)m->version != all->count + 1)
		return err_set(e, "%s: expected number %04zu here", path, all->count + 1);
	all->count++;
	if (read_text(path, &m->text, e) < 0)
		return -1;
	sha256_of(m->text.ptr, m->text.len, m->sha256);
	return 0;
}

static int is_sql(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 4 && strcmp(d->d_name + len - 4, ".sql") == 0;
}

static int load_all(const char *dir, struct migrations *ret, struct err *e)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_sql, alphasort), rc = 0;

	if (n < 0)
		return err_set_errno(e, errno, "--migrations %s", dir);
	if (n == 0 || n > MIGRATIONS_MAX)
		rc = err_set(e, "--migrations %s: %d files NNNN_name.sql there", dir, n);
	ret->items = rc == 0 ? calloc((size_t)n, sizeof(*ret->items)) : NULL;
	if (rc == 0 && !ret->items)
		rc = err_set(e, "out of memory");
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = load_one(dir, names[i]->d_name, ret, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* Beside the program: PREFIX/bin/holdpoint, PREFIX/share/holdpoint/db/migrations. */
static void default_dir(char ret[PATH_MAX])
{
	char exe[PATH_MAX - 64];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = 0;
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(exe, '/');

		if (slash)
			*slash = 0;
	}
	snprintf(ret, PATH_MAX, "%s/share/holdpoint/db/migrations", exe);
}

/* ---- the database ---- */

static int fail(enum pg_status status)
{
	return status == PG_OK ? 0 : -1;
}

/* Migrations that have run, which must be a prefix of the files with the same content. */
static int check_applied(
	struct pg_conn *conn, const struct migrations *all, size_t *ret_applied, struct err *e)
{
	static const struct pg_stmt exists = {
		"exists", "SELECT to_regclass('holdpoint.schema_migration') IS NOT NULL", 0};
	static const struct pg_stmt applied = {"applied",
		"SELECT version, name, encode(sha256, 'hex') AS sha256 FROM "
		"holdpoint.schema_migration "
		"ORDER BY version",
		0};
	_cleanup_(pg_result_freep) struct pg_result *there = NULL, *rows = NULL;

	*ret_applied = 0;
	if (pg_exec(conn, &exists, NULL, &there, NULL, e) != PG_OK)
		return -1;
	if (strcmp(pg_result_str(there, 0, 0), "t") != 0)
		return 0;
	if (pg_exec(conn, &applied, NULL, &rows, NULL, e) != PG_OK)
		return -1;
	for (int i = 0; i < pg_result_rows(rows); i++) {
		uint8_t sha256[SHA256_LEN];
		const char *name = pg_result_str_of(rows, i, "name");

		if ((size_t)i >= all->count)
			return err_set(e,
				"the database has migration %s (%s), which this program does not "
				"know: use a newer holdpoint",
				pg_result_str_of(rows, i, "version"), name);
		if (pg_result_int_of(rows, i, "version") != i + 1 ||
			hex_decode(pg_result_span_of(rows, i, "sha256"), sha256, SHA256_LEN) < 0 ||
			memcmp(sha256, all->items[i].sha256, SHA256_LEN) != 0)
			return err_set(e,
				"migration %04d (%s) is not what ran on this database: put the "
				"file back as it was, and add a new one",
				i + 1, name);
	}
	*ret_applied = (size_t)pg_result_rows(rows);
	return 0;
}

static int record(struct pg_conn *conn, const struct migration *m, struct err *e)
{
	static const struct pg_stmt insert = {"record",
		"INSERT INTO holdpoint.schema_migration (version, name, sha256) "
		"VALUES ($1::int, $2, decode($3, 'hex'))",
		3};
	_cleanup_(buf_free) struct buf hex = BUF_INIT(2 * SHA256_LEN + 1);
	char version[16];

	snprintf(version, sizeof(version), "%d", m->version);
	hex_put(&hex, m->sha256, SHA256_LEN);
	return fail(pg_exec(conn, &insert,
		(struct span[]){span_of(version), span_of(m->name), buf_span(&hex)}, NULL, NULL,
		e));
}

static int apply(struct pg_conn *conn, struct migration *m, struct err *e)
{
	struct err ignored;

	if (fail(pg_exec_text(conn, "BEGIN", NULL, e)) == 0 &&
		fail(pg_exec_text(conn, buf_str(&m->text), NULL, e)) == 0 &&
		record(conn, m, e) == 0 && fail(pg_exec_text(conn, "COMMIT", NULL, e)) == 0)
		return 0;
	(void)!pg_exec_text(conn, "ROLLBACK", NULL, &ignored);
	return err_prefix(e, "%04d_%s.sql", m->version, m->name);
}

static int migrate(struct pg_conn *conn, const struct migrations *all, struct err *e)
{
	static const struct pg_stmt lock = {
		"lock", "SELECT pg_advisory_lock(7525352680998267246)", 0};
	size_t applied;

	/* Held until the connection closes. */
	if (pg_exec(conn, &lock, NULL, NULL, NULL, e) != PG_OK ||
		check_applied(conn, all, &applied, e) < 0)
		return -1;
	for (size_t i = applied; i < all->count; i++) {
		if (apply(conn, &all->items[i], e) < 0)
			return -1;
		printf("applied %04d %s\n", all->items[i].version, all->items[i].name);
	}
	if (applied == all->count)
		printf("up to date: %zu migrations\n", applied);
	return 0;
}

int cli_db_migrate(const struct command *self, int argc, char **argv)
{
	_cleanup_(migrations_free) struct migrations all = {0};
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	const char *url = NULL, *dir = NULL;
	const struct flag flags[] = {CLI_FLAG_DATABASE(url),
		{.name = "migrations",
			.type = FLAG_STRING,
			.value = &dir,
			.arg = "DIR",
			.help = "folder with the SQL files; by default those installed with this "
				"program"},
		{0}};
	char path[PATH_MAX];
	struct err e = {0};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	if (!dir) {
		default_dir(path);
		dir = path;
	}
	if (load_all(dir, &all, &e) < 0)
		return cli_error(self, CLI_FAILED, "%s", e.msg);
	rc = cli_connect(self, url, &conn);
	if (rc > 0)
		return rc;
	if (migrate(conn, &all, &e) < 0)
		return cli_error(self, CLI_FAILED, "%s", e.msg);
	return CLI_OK;
}

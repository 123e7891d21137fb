/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is run with exec, word by word, as a shell reads it. It was typed by somebody, secrets and
 * all, so only words stay that are known to be harmless. But whoever decides on it must see what it
 * does: programs and their sub commands, options, paths, hosts, names of tables and objects where
 * the program takes such, and all that a shell obeys.
 */
#include "common/mask/mask_base64_internal.h"
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_text_internal.h"

static size_t count_of(struct span s, bool (*is)(char c))
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += is(s.ptr[i]);
	return n;
}

/* drop, ORDERS, Dockerfile: one case (a capital first allowed), and not longer than words are. */
static bool is_plain_word(struct span s)
{
	size_t lower = count_of(s, is_lower), upper = count_of(s, is_upper);

	if (s.len == 0 || s.len > 16 || lower + upper != s.len)
		return false;
	return upper == 0 || lower == 0 || (upper == 1 && is_upper(s.ptr[0]));
}

/* Programs and words of the trade that are more than letters. */
static bool is_known_word(struct span s)
{
	static const char *const known[] = {"apt-get", "apt-cache", "base64", "bzip2", "curl",
		"docker-compose", "docker-entrypoint.sh", "e2fsck", "ip6tables", "ipv4", "ipv6",
		"kube-proxy", "kube-system", "md5sum", "pg_dump", "pg_dumpall", "pg_isready",
		"pg_restore", "pip3", "python2", "python3", "redis-cli", "sha1sum", "sha256sum",
		"sha512sum", "utf8", "utf-8"};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (span_eq_str(s, known[i]))
			return true;
	}
	return false;
}

/* -c, -xmf, -9, --all-namespaces */
static bool is_option(struct span s)
{
	size_t dashes = s.len > 1 && s.ptr[1] == '-' ? 2 : 1, digits;

	if (s.len == 0 || s.ptr[0] != '-')
		return false;
	if (s.len == dashes)
		return true;
	s.ptr += dashes;
	s.len -= dashes;
	digits = count_of(s, is_digit);
	if (dashes == 1)
		return (digits == s.len && s.len <= 5) ||
		       (count_of(s, is_letter) == s.len && s.len <= 4);
	for (size_t i = 0; i < s.len; i++) {
		if (!is_lower(s.ptr[i]) && s.ptr[i] != '-')
			return false;
	}
	return s.len <= 40;
}

static bool is_path_segment(struct span s)
{
	size_t digits = count_of(s, is_digit), lower = count_of(s, is_lower);
	size_t upper = count_of(s, is_upper);

	for (size_t i = 0; i < s.len; i++) {
		if (!is_letter(s.ptr[i]) && !is_digit(s.ptr[i]) && !strchr("._-~", s.ptr[i]))
			return false;
	}
	if (s.len > 48 || mask_looks_random(s))
		return false;
	return s.len < 8 || !(digits > 0 && lower > 0 && upper > 0);
}

static bool is_path(struct span s)
{
	const char *p = s.ptr, *end = s.ptr + s.len;

	if (s.len < 2 || !strchr("/.~", *p) || !memchr(p, '/', s.len))
		return false;
	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		const char *stop = slash ? slash : end;

		if (!is_path_segment((struct span){p, (size_t)(stop - p)}))
			return false;
		p = slash ? slash + 1 : end;
	}
	return true;
}

/* 5432, 10m, 0.5 */
static bool is_small_number(struct span s)
{
	size_t n = s.len;

	if (n > 1 && is_letter(s.ptr[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s.ptr[i]) && s.ptr[i] != '.')
			return false;
	}
	return n > 0 && n <= 5;
}

/* app.py, nginx.conf */
static bool is_file_name(struct span s)
{
	const char *dot = memchr(s.ptr, '.', s.len);
	struct span base, end;

	if (!dot)
		return false;
	base = (struct span){s.ptr, (size_t)(dot - s.ptr)};
	end = (struct span){dot + 1, s.len - base.len - 1};
	return is_plain_word(base) && end.len > 0 && end.len <= 4 &&
	       count_of(end, is_lower) == end.len;
}

/* $HOME, $1, ${NAME} lose their sign and braces by then. */
static bool is_variable(struct span s)
{
	if (s.len < 2 || s.ptr[0] != '$' || s.len > 40)
		return false;
	for (size_t i = 1; i < s.len; i++) {
		if (!is_upper(s.ptr[i]) && s.ptr[i] != '_' && !(is_digit(s.ptr[i]) && s.len <= 3))
			return false;
	}
	return true;
}

static bool is_punctuation(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_letter(s.ptr[i]) || is_digit(s.ptr[i]) || (uint8_t)s.ptr[i] >= 0x80)
			return false;
	}
	return s.len <= 3;
}

bool mask_harmless_word(struct span s)
{
	return is_punctuation(s) || is_plain_word(s) || is_option(s) || is_path(s) ||
	       is_small_number(s) || is_file_name(s) || is_variable(s) || is_known_word(s);
}

/* ---- names of things ---- */

/* Between parts of a name: orders_2024, prod-eu1, secret/app1, deploy/web:v2, *.db, a@b. */
static bool joins_names(char c)
{
	return is_in(c, "-_./:*?@%+~#=");
}

/* web, EU, v2, 2024: at most four digits, and behind the letters. */
static bool is_name_part(struct span s, bool digits)
{
	size_t letters = 0;

	while (letters < s.len && is_letter(s.ptr[letters]))
		letters++;
	if (letters > 0 && !is_plain_word((struct span){s.ptr, letters}))
		return false;
	if (!digits && letters < s.len)
		return false;
	for (size_t i = letters; i < s.len; i++) {
		if (!is_digit(s.ptr[i]))
			return false;
	}
	return s.len - letters <= 4;
}

/* A name of parts. Only of letters (shutil.rmtree), unless digits are known not to be a password's;
 * words joined by dashes look as generated passphrases do. */
static bool is_name(struct span s, bool of_things)
{
	size_t begin = 0, parts = 0;

	if (s.len > 100 || mask_looks_random(s))
		return false;
	for (size_t i = 0; i <= s.len; i++) {
		struct span part = {s.ptr + begin, i - begin};

		if (i < s.len && !joins_names(s.ptr[i]))
			continue;
		if (i < s.len && s.ptr[i] == '-' && !of_things)
			return false;
		if (part.len > 0 && !is_name_part(part, of_things))
			return false;
		parts += part.len > 0;
		begin = i + 1;
	}
	return parts > 0;
}

/* web-7d4f9c6b8-x2k9p, as Deployments name their pods; pod/ may stand before it. */
static bool is_pod_name(struct span s)
{
	size_t n = s.len, hash, base;

	for (; n > 0 && s.ptr[n - 1] != '-'; n--)
		if (!is_lower(s.ptr[n - 1]) && !is_digit(s.ptr[n - 1]))
			return false;
	if (s.len - n != 5 || n == 0)
		return false;
	for (hash = --n; hash > 0 && s.ptr[hash - 1] != '-'; hash--)
		if (!is_lower(s.ptr[hash - 1]) && !is_digit(s.ptr[hash - 1]))
			return false;
	base = hash > 0 ? hash - 1 : 0;
	return n - hash >= 8 && n - hash <= 10 && is_name((struct span){s.ptr, base}, true);
}

/* OrdersV2 */
static bool is_camel(struct span s)
{
	size_t n = 0;

	while (n < s.len && is_letter(s.ptr[n]))
		n++;
	return n >= 3 && n <= 24 && s.len - n <= 2 &&
	       count_of((struct span){s.ptr + n, s.len - n}, is_digit) == s.len - n;
}

/* 10.0.0.1, 10.0.0.1:443 */
static bool is_address(struct span s)
{
	size_t dots = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != ':' && s.ptr[i] != '/')
			return false;
		dots += s.ptr[i] == '.';
	}
	return dots == 3 && s.len <= 21;
}

/* -delete, -name; where -p is followed by a password in the same word, the program is not listed.
 */
static bool is_long_option(struct span s)
{
	return s.len > 1 && s.len <= 20 && s.ptr[0] == '-' &&
	       count_of(s, is_lower) + count_of(s, is_digit) + 1 >= s.len && is_letter(s.ptr[1]) &&
	       is_plain_word((struct span){s.ptr + 1, s.len - 1});
}

/* NAME=, name: what is behind it is judged by itself. */
static bool is_assigned_name(struct span s)
{
	if (s.len < 2 || s.len > 41 || s.ptr[s.len - 1] != '=' || is_digit(s.ptr[0]))
		return false;
	s.len--;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_alnum(s.ptr[i]) && s.ptr[i] != '_')
			return false;
	}
	return !mask_looks_random(s);
}

/* ---- programs ---- */

static bool is_one_of(struct span s, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(words[i]);

		if (s.len == len && strncasecmp(s.ptr, words[i], len) == 0)
			return true;
	}
	return false;
}

/* Their words name files, objects and hosts; a secret among them has an option or a name. */
static bool takes_names(struct span s)
{
	static const char *const programs[] = {"apk", "apt", "apt-get", "awk", "aws", "az",
		"busybox", "cat", "cd", "chgrp", "chmod", "chown", "cp", "crictl", "crontab", "ctr",
		"curl", "cut", "dd", "df", "dig", "docker", "du", "etcdctl", "find", "gcloud",
		"git", "go", "grep", "gsutil", "gunzip", "gzip", "head", "helm", "host", "id", "ip",
		"iptables", "java", "kill", "killall", "kubectl", "less", "ln", "ls", "lsof",
		"make", "mkdir", "mkfs", "mount", "mv", "nc", "ncat", "netstat", "node", "nohup",
		"npm", "nsenter", "nslookup", "perl", "php", "pg_dump", "pg_restore", "ping", "pip",
		"pip3", "pkill", "podman", "ps", "psql", "python", "python2", "python3", "readlink",
		"rm", "rmdir", "rsync", "ruby", "scp", "sed", "service", "shred", "sort", "source",
		"ss", "ssh", "stat", "su", "sync", "systemctl", "tail", "tar", "tee", "telnet",
		"test", "top", "touch", "traceroute", "truncate", "umount", "uniq", "unlink",
		"unzip", "vault", "vi", "vim", "wc", "wget", "which", "yum", "zcat", "zip"};

	return is_one_of(s, programs, ARRAY_LEN(programs));
}

/* Behind one of these the next word is one, as plain as it may be. */
static bool asks_for_a_secret(const struct mask_command *c, struct span s)
{
	static const char *const verbs[] = {"auth", "authenticate", "passphrase", "passwd",
		"password", "unlock", "unseal", "unwrap"};

	return is_one_of(s, verbs, ARRAY_LEN(verbs)) || (c->vault && span_eq_str(s, "login"));
}

/* Behind one of these a secret stands, whatever the program. */
static bool asks_for_words(struct span s)
{
	static const char *const verbs[] = {"auth", "authenticate", "login", "passwd", "password",
		"put", "set", "token", "unlock", "unseal", "unwrap", "write"};

	return is_one_of(s, verbs, ARRAY_LEN(verbs));
}

/* The words behind echo are what it writes: often into `passwd --stdin`. */
static bool writes_words(struct span s)
{
	return span_eq_str(s, "echo") || span_eq_str(s, "printf") || span_eq_str(s, "passwd") ||
	       span_eq_str(s, "chpasswd") || span_eq_str(s, "htpasswd");
}

/* sudo rm …: the program comes yet. */
static bool runs_others(struct span s)
{
	static const char *const programs[] = {"bash", "command", "do", "doas", "else", "env",
		"eval", "exec", "if", "nice", "sh", "sudo", "then", "time", "timeout", "while",
		"xargs"};

	return is_one_of(s, programs, ARRAY_LEN(programs));
}

static bool names_a_thing(struct span s)
{
	static const char *const options[] = {"--bucket", "--collection", "--consumer",
		"--container", "--database", "--db", "--deployment", "--group", "--index", "--job",
		"--namespace", "--partition", "--pod", "--queue", "--stream", "--table", "--topic",
		"--volume"};

	return is_one_of(s, options, ARRAY_LEN(options));
}

/* What follows one of these is a name of a table or database. */
static bool names_a_table(struct span s)
{
	static const char *const words[] = {"table", "from", "into", "update", "database", "schema",
		"index", "view", "join", "truncate", "exists"};

	return is_one_of(s, words, ARRAY_LEN(words)) || names_a_thing(s);
}

static struct span base_name(struct span s)
{
	const char *slash = s.len > 0 ? memrchr(s.ptr, '/', s.len) : NULL;

	return slash ? (struct span){slash + 1, s.len - (size_t)(slash + 1 - s.ptr)} : s;
}

void mask_exec_program(struct mask_command *c, struct span word)
{
	struct span name = base_name(word);

	c->all |= writes_words(name);
	c->names = takes_names(name);
	c->vault = span_eq_str(name, "vault");
	c->secret = false;
	c->wants_program = runs_others(name);
}

/* What a word says of those behind it. */
static void note_word(struct mask_command *c, struct span word)
{
	c->table = names_a_table(word);
	if (word.len == 0 || word.ptr[0] != '-')
		c->secret = asks_for_a_secret(c, word);
	if (asks_for_words(word))
		c->names = false;
	if (c->wants_program && word.len > 0 && word.ptr[0] != '-')
		mask_exec_program(c, word);
	else
		c->all |= writes_words(word);
}

/* ---- words ---- */

static bool splits_words(char c)
{
	return (uint8_t)c <= ' ' || strchr("\"'`;|&()<>{}[],", c) != NULL;
}

/* Base64 of a command, as it is piped into `base64 -d | sh`: whoever reads it must see what runs.
 */
static bool spells_code(struct mask_frame *f, struct span word)
{
	struct mask_frame inside = {.ctx = f->ctx, .at = JSON_NONE};
	char bytes[MASK_BASE64_DECODED_MAX(1024)];
	struct span text;

	if (word.len > 1024 || !mask_may_be_base64(word) || !mask_base64_is_text(word))
		return false;
	text = mask_decode_base64(word, bytes);
	inside.text = text;
	return mask_is_code(text) && mask_scan(&inside, 0, text.len) == 0 && inside.edit_count == 0;
}

/* +%Y-%m-%d */
static bool is_date_format(struct span s)
{
	if (s.len < 3 || s.len > 40 || s.ptr[0] != '+' || s.ptr[1] != '%')
		return false;
	for (size_t i = 1; i < s.len; i++) {
		if (is_digit(s.ptr[i]) ||
			(is_letter(s.ptr[i]) && s.ptr[i - 1] != '%' && !is_in(s.ptr[i], "TZ")))
			return false;
	}
	return true;
}

static bool stays(struct mask_frame *f, const struct mask_command *c, struct span word)
{
	if (is_variable(word) || is_punctuation(word) || is_assigned_name(word))
		return true;
	if (word.len > 2 && word.ptr[0] == '#' && word.ptr[1] == '!') /* who runs a script */
		return is_path((struct span){word.ptr + 2, word.len - 2});
	if (c->secret)
		return is_option(word) || is_path(word);
	if (c->all && !c->redirect && spells_code(f, word))
		return true;
	if (c->all && !c->redirect)
		return is_option(word) && (word.len == 2 || word.ptr[1] == '-');
	if ((c->names || c->table) && (is_pod_name(word) || is_camel(word)))
		return true;
	return mask_harmless_word(word) || is_address(word) || is_date_format(word) ||
	       is_name(word, c->names || c->table || c->redirect) ||
	       (c->names && is_long_option(word));
}

static int judge_word(struct mask_frame *f, size_t off, size_t len, const struct mask_command *c);

/* https://host:443/path?a=b: the host stays, and of the rest what is harmless. */
static int judge_url(
	struct mask_frame *f, size_t off, size_t len, size_t host, const struct mask_command *c)
{
	size_t end = off + len, at = off + host;

	while (at < end && !is_in(f->text.ptr[at], "/?#"))
		at++;
	while (at < end) {
		size_t n = 0;

		at++;
		while (at + n < end && !is_in(f->text.ptr[at + n], "/?#&"))
			n++;
		if (n > 0 && judge_word(f, at, n, c) < 0)
			return -1;
		at += n;
	}
	return 0;
}

/* Where the host of a URL begins, or 0: the word is none. */
static size_t host_of(struct span word)
{
	const char *sign = memmem(word.ptr, word.len, "://", 3);
	size_t n = sign ? (size_t)(sign - word.ptr) : 0;

	if (n == 0 || n > 12 || count_of((struct span){word.ptr, n}, is_letter) != n)
		return 0;
	return memchr(word.ptr, '@', word.len) ? 0 : n + 3;
}

/* NAME=value and host:port are judged by their parts. */
static int judge_parts(
	struct mask_frame *f, size_t off, size_t len, const char *cut, const struct mask_command *c)
{
	const char *p = f->text.ptr + off;
	struct span name = {p, (size_t)(cut - p)};
	struct mask_command value = *c;

	if (mask_looks_random(name) || name.len > 40)
		return mask_range(f, off, len, RULE_COMMAND_WORD);
	if (mask_name_class(f->ctx->m, name) == NAME_STRONG) {
		value.all = true;
		value.redirect = false;
	}
	if (judge_word(f, off + name.len + 1, len - name.len - 1, &value) < 0)
		return -1;
	return *cut == '=' ? 0 : judge_word(f, off, name.len, c);
}

static int judge_word(struct mask_frame *f, size_t off, size_t len, const struct mask_command *c)
{
	const char *p = f->text.ptr + off, *cut;
	struct span word = {p, len};
	size_t host = host_of(word);

	if (stays(f, c, word))
		return 0;
	if (host > 0 && (!c->all || c->redirect))
		return judge_url(f, off, len, host, c);
	cut = memchr(p, '=', len);
	if (!cut && !c->all)
		cut = memchr(p, ':', len);
	if (cut && cut > p && cut + 1 < p + len)
		return judge_parts(f, off, len, cut, c);
	return mask_range(f, off, len, RULE_COMMAND_WORD);
}

/* ---- what a shell obeys ---- */

/* What stands between two words. */
static void take_sign(struct mask_command *c, const char *text, size_t off)
{
	char sign = text[off];

	if (sign == '>' || sign == '<') {
		c->redirect = true;
	} else if (sign && strchr(";|&\n", sign)) {
		c->all = c->names = c->table = c->redirect = false;
		c->wants_program = true;
	} else if (sign == '(' && off > 0 && text[off - 1] == '$' &&
		   c->depth < ARRAY_LEN(c->outer)) {
		/* $(…): a command of its own in the words of another. */
		c->outer[c->depth++] =
			(struct mask_command_outer){.all = c->all, .names = c->names};
		c->all = c->names = false;
		c->wants_program = true;
	} else if (sign == ')' && c->depth > 0) {
		c->depth--;
		c->all = c->outer[c->depth].all;
		c->names = c->outer[c->depth].names;
	}
}

int mask_exec_words(struct mask_frame *f, size_t off, size_t len, struct mask_command *c)
{
	const char *text = f->text.ptr;
	size_t end = off + len;

	while (off < end) {
		size_t pseudonym =
			text[off] == '[' ? mask_pseudonym_len((struct span){text + off, end - off})
					 : 0;
		size_t n = 0;

		if (pseudonym > 0) {
			off += pseudonym;
			continue;
		}
		if (splits_words(text[off])) {
			take_sign(c, text, off++);
			continue;
		}
		while (off + n < end && !splits_words(text[off + n]))
			n++;
		if (judge_word(f, off, n, c) < 0)
			return -1;
		note_word(c, (struct span){text + off, n});
		c->redirect = false;
		off += n;
	}
	return 0;
}

/* ---- code where a secret is expected ---- */

static bool is_shell_sign(char c)
{
	return is_in(c, "|;&><`\n");
}

/* Has the command that begins here something to act on: a path, an option, a URL, a variable? */
static bool acts_on_something(const char *p, const char *end)
{
	for (; p < end && !is_shell_sign(*p); p++) {
		if (is_blank(*p) && p + 1 < end && is_in(p[1], "/-$.~\"'"))
			return true;
		if (begins(p, end, SPAN("://")))
			return true;
	}
	return false;
}

/*
 * A program that is known stands where a shell would run it, with what it is to act on. Passwords
 * have signs in them and passphrases words; neither has both like that.
 */
bool mask_is_code(struct span s)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	bool begins_command = true, signs = false;

	while (p < end) {
		size_t n = 0;
		struct span word;

		while (p + n < end && !splits_words(p[n]))
			n++;
		word = base_name((struct span){p, n});
		if (n > 0 && begins_command && p + n < end &&
			(takes_names(word) || runs_others(word) || writes_words(word)) &&
			(signs || acts_on_something(p + n, end)))
			return true;
		if (n > 0)
			begins_command = false;
		p += n;
		if (p == end)
			break;
		if (is_shell_sign(*p) || (*p == '(' && p > s.ptr && p[-1] == '$'))
			begins_command = signs = true;
		p++;
	}
	return false;
}

int mask_code(struct mask_frame *f, size_t off, size_t len)
{
	struct mask_command c = {.wants_program = true};

	if (mask_scan(f, off, len) < 0)
		return -1;
	return mask_exec_words(f, off, len, &c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is run with exec, word by word, as a shell reads it. It was typed by somebody, secrets and
 * all, so only words stay that are known to be harmless. But whoever decides on it must see what it
 * does: programs and their sub commands, options, paths, hosts, names of tables and objects where
 * the program takes such, and all that a shell obeys. By its form a word is told in
 * mask_exec_word.c.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_text_internal.h"

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

	if (n == 0 || n > 12)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_letter(word.ptr[i]))
			return 0;
	}
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

	if (mask_exec_stays(f, c, word))
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

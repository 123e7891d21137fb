/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which words of a command that is run with exec stay, by their form: plain words, options, paths,
 * small numbers, names of things. Only words stay that are known to be harmless.
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

/* ---- words of a command ---- */

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

bool mask_exec_stays(struct mask_frame *f, const struct mask_command *c, struct span word)
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

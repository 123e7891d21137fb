/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a value looks like: a key that was made at random, a password that somebody thought of, or a
 * setting that is none of both whatever its name says.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_names_internal.h"

/* Shannon entropy in sixteenths of a bit for each byte; log2 is a line between powers of two. */
static unsigned entropy16(struct span s)
{
	uint8_t count[256] = {0};
	unsigned sum = 0, total = (unsigned)s.len;

	for (size_t i = 0; i < s.len; i++)
		count[(uint8_t)s.ptr[i]]++;
	for (size_t i = 0; i < 256; i++) {
		unsigned n = count[i], log = 0, ratio;

		if (n == 0)
			continue;
		for (ratio = (total << 8) / n; ratio >= 512; ratio >>= 1)
			log += 16;
		log += (ratio - 256) / 16;
		sum += n * log;
	}
	return sum / total;
}

bool mask_looks_random(struct span s)
{
	bool digit = false, letter = false;

	if (s.len < 16 || s.len > 4096)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (is_digit(c))
			digit = true;
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
			letter = true;
		else if (!strchr("+/=_-.~", c) || c == '\0')
			return false;
	}
	if (s.len > 255)
		s.len = 255;
	return digit && letter && entropy16(s) >= 52;
}

/* ---- keys ---- */

/* 32 hex digits in five groups. */
static bool is_uuid(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s.ptr[i] != '-' : !is_hex_digit(s.ptr[i]))
			return false;
	}
	return s.len == 36;
}

/* Letters alone: the case changes far more often than in words that are written together. */
static bool is_mixed_letters(struct span s)
{
	size_t rises = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (!is_letter(s.ptr[i]))
			return false;
		rises += i > 0 && is_lower(s.ptr[i - 1]) && is_upper(s.ptr[i]);
	}
	return s.len >= 20 && rises * 5 >= s.len;
}

#define RUN_MIN 12

/* Names of things are words and numbers between dashes and dots; a key is a long run of both. */
bool mask_looks_like_key(struct span s)
{
	bool digit = false, letter = false;
	size_t run = 0;

	if (is_mixed_letters(s) || is_uuid(s))
		return true;
	if (!mask_looks_random(s))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!is_alnum(c) && !is_in(c, "+/=_~")) {
			digit = letter = false;
			run = 0;
			continue;
		}
		run++;
		digit |= is_digit(c);
		letter |= is_letter(c);
		if (run >= RUN_MIN && digit && letter)
			return true;
	}
	return false;
}

/* ---- passwords ---- */

#define PASSWORD_MIN 8
#define PASSWORD_MAX 64

/* Letters of both cases, a digit and a sign, as people are told to make them, in one word. */
bool mask_looks_like_password(struct span s)
{
	bool upper = false, lower = false, digit = false, sign = false;

	if (s.len < PASSWORD_MIN || s.len > PASSWORD_MAX || s.ptr[0] == '$')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		upper |= is_upper(c);
		lower |= is_lower(c);
		digit |= is_digit(c);
		sign |= is_in(c, "!#$%^&*?@~+");
		if (!is_alnum(c) && !is_in(c, "!#$%^&*?@~+=_-"))
			return false;
	}
	return upper && lower && digit && sign;
}

/* The same without any name beside it: only the signs that stand in nothing else, and behind # $ ^
 * no letter (Class#method, Outer$Inner), and before them a digit (Ticket#1234). */
bool mask_is_password(struct span s)
{
	bool sign = false, digit = false;

	if (!mask_looks_like_password(s))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (is_in(c, "%&*?@~+=") || (sign && is_letter(c)))
			return false;
		if (is_in(c, "#$^")) {
			sign = true;
			if (!digit)
				return false;
		}
		digit |= is_digit(c);
	}
	return sign || memchr(s.ptr, '!', s.len);
}

/* ---- settings ---- */

static bool is_path_byte(char c)
{
	return is_alnum(c) || is_in(c, "/._-");
}

/* /run/secrets/db: where the secret is, in a folder that every machine has. */
static bool is_file_path(struct span s)
{
	static const char *const roots[] = {"/app/", "/certs/", "/config/", "/data/", "/dev/",
		"/etc/", "/home/", "/mnt/", "/opt/", "/proc/", "/root/", "/run/", "/secrets/",
		"/srv/", "/tls/", "/tmp/", "/usr/", "/var/", "/vault/", "/workspace/"};

	if (s.len > 200)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_path_byte(s.ptr[i]))
			return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		size_t n = strlen(roots[i]);

		if (s.len > n && memcmp(s.ptr, roots[i], n) == 0)
			return !mask_looks_like_key((struct span){s.ptr + n, s.len - n});
	}
	return false;
}

/* A value that is no secret whatever its name: a switch, or where the secret is. */
bool mask_is_setting(struct span s)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "none",
		"null", "nil", "enabled", "disabled", "required", "optional"};

	if (s.len > 0 && s.ptr[0] == '/')
		return is_file_path(s);
	for (size_t i = 0; i < ARRAY_LEN(words) && s.len <= 8; i++) {
		if (s.len == strlen(words[i]) && strncasecmp(s.ptr, words[i], s.len) == 0)
			return true;
	}
	return false;
}

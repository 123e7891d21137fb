/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets in URLs and the addresses of databases: users with passwords, hooks that open to whoever
 * knows where they are. */
#include "common/mask/mask_scan_internal.h"

/* jdbc:oracle:thin:user/password@host */
int scan_oracle(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s), *slash, *at;

	if (!begins(p, end, SPAN("jdbc:oracle:")))
		return 0;
	if (end - p > MASK_LOOK_MAX)
		end = p + MASK_LOOK_MAX;
	end = p + mask_tail_len(p, end, TAIL_URI);
	at = memchr(p, '@', (size_t)(end - p));
	slash = at ? memchr(p, '/', (size_t)(at - p)) : NULL;
	if (!slash || slash + 1 == at)
		return 0;
	return masked(s, (size_t)(slash + 1 - s->f->text.ptr), (size_t)(at - slash - 1),
		RULE_TEXT_USERINFO);
}

/* Where the URL whose "://" stands at p ends. A text that is nothing but a URL is one to its end,
 * with quotes that nobody escaped. */
static const char *end_of_url(const struct scan *s, const char *user)
{
	const char *begin = s->f->text.ptr + s->begin, *end = scan_end(s), *p;

	if (end - user > MASK_LOOK_MAX)
		end = user + MASK_LOOK_MAX;
	for (p = begin; p < scan_at(s) && (is_alnum(*p) || *p == '+'); p++)
		;
	if (p == scan_at(s)) {
		for (p = user; p < end && (uint8_t)*p > ' ' && *p != '<'; p++)
			;
		if (p == end)
			return end;
	}
	return user + mask_tail_len(user, end, TAIL_URI);
}

static bool all_digits(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	}
	return true;
}

/* "git" in git@host says who asks; a longer user without a password is a token. */
static bool plain_user(struct span user)
{
	for (size_t i = 0; i < user.len; i++) {
		if (user.ptr[i] < 'a' || user.ptr[i] > 'z')
			return false;
	}
	return user.len <= 16;
}

bool mask_url_before(const char *begin, const char *p)
{
	const char *from = p - begin < 256 ? begin : p - 256;

	for (; p > from && (uint8_t)p[-1] > ' ' && !is_quote(p[-1]); p--) {
		if (p - from >= 3 && p[-1] == '/' && p[-2] == '/' && p[-3] == ':')
			return true;
	}
	return false;
}

/* https://host/hooks/KEY: whoever knows where a hook is may use it. s->at is the first o. */
int scan_hook(struct scan *s)
{
	const char *p = scan_at(s) + 3, *end = scan_end(s);

	if (s->at == s->begin || !begins(scan_at(s) - 1, end, SPAN("hook")) ||
		!mask_url_before(s->f->text.ptr + s->begin, scan_at(s)))
		return 0;
	while (p < end && is_letter(*p))
		p++;
	while (p < end && *p == '/') {
		size_t n = 0;

		p++;
		while (p + n < end && (uint8_t)p[n] > ' ' && !is_in(p[n], "/?#&\"'`<>\\"))
			n++;
		if (mask_looks_like_key((struct span){p, n}) &&
			masked(s, (size_t)(p - s->f->text.ptr), n, RULE_TEXT_USERINFO) < 0)
			return -1;
		p += n;
	}
	return 0;
}

/* scheme://user:password@host; a password may hold '/', '?' and '#' that nobody escaped. */
int scan_userinfo(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s), *user, *stop, *at, *colon;
	size_t to_slash;

	if (begins(p, end, SPAN("://")))
		user = p + 3;
	else if (begins(p, end, SPAN(":\\/\\/")))
		user = p + 5;
	else
		return 0;
	stop = end_of_url(s, user);
	to_slash = 0;
	while (user + to_slash < stop && !is_in(user[to_slash], "/?#"))
		to_slash++;
	at = memrchr(user, '@', to_slash);
	colon = memchr(user, ':', to_slash);
	if (!at && colon) {
		/* host:port/path@x has an @ too. */
		struct span port = {colon + 1, (size_t)(user + to_slash - colon - 1)};

		at = all_digits(port) ? NULL : memrchr(user, '@', (size_t)(stop - user));
	}
	if (!at || at == user)
		return 0;
	if (colon && colon < at) {
		struct span name = {user, (size_t)(colon - user)};
		int ret = 0;

		if (mask_looks_random(name))
			ret = mask_range(s->f, (size_t)(user - s->f->text.ptr), name.len,
				RULE_TEXT_USERINFO);
		if (ret < 0)
			return -1;
		user = colon + 1;
	} else if (plain_user((struct span){user, (size_t)(at - user)})) {
		return 0;
	}
	return masked(s, (size_t)(user - s->f->text.ptr), (size_t)(at - user), RULE_TEXT_USERINFO);
}

/* user:password@tcp(host) of Go's MySQL driver; s->at is the '@'. */
int scan_dsn(struct scan *s)
{
	const char *p = scan_at(s), *end = scan_end(s), *text = s->f->text.ptr + s->begin;
	const char *begin = p, *colon;

	if (!begins(p, end, SPAN("@tcp(")) && !begins(p, end, SPAN("@unix(")))
		return 0;
	while (begin > text && p - begin < MASK_LOOK_MAX &&
		mask_tail_len(begin - 1, begin, TAIL_URI))
		begin--;
	colon = memchr(begin, ':', (size_t)(p - begin));
	if (!colon || colon + 1 == p)
		return 0;
	return mask_range(s->f, (size_t)(colon + 1 - s->f->text.ptr), (size_t)(p - colon - 1),
		RULE_TEXT_USERINFO);
}

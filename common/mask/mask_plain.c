/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a text a pattern may begin, and the quick answer made of it: most strings hold nothing
 * that could be one, and are spared a frame and a scan.
 *
 * A table with one bit for each pair of bytes finds the places, so that most bytes cost one
 * look-up; what follows there, or stands before, rules out nearly all of them. The scan
 * (mask_text.c) looks at the remaining places only, so the quick answer and the scan cannot differ.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_layers_internal.h"
#include "common/mask/mask_own_internal.h"
#include "common/mask/mask_text_internal.h"

/* A bit for each two bytes, in the order of this machine: those with which anything begins, and
 * those with which something else than a known form of token does. */
static uint32_t pairs[65536 / 32], others[65536 / 32];

static inline unsigned pair_at(const char *p)
{
	uint16_t pair;

	memcpy(&pair, p, 2);
	return pair;
}

static inline unsigned is_in_set(const uint32_t *set, const char *p)
{
	unsigned pair = pair_at(p);

	return set[pair / 32] >> pair % 32 & 1;
}

static inline unsigned is_marked(const char *p)
{
	return is_in_set(pairs, p);
}

static void add_pair(char a, char b)
{
	unsigned pair = pair_at((const char[2]){a, b});

	pairs[pair / 32] |= 1u << pair % 32;
}

static void add_other(char a, char b)
{
	unsigned pair = pair_at((const char[2]){a, b});

	others[pair / 32] |= 1u << pair % 32;
	add_pair(a, b);
}

static void add_pass_words(void);

void mask_plain_init(void)
{
	static const char *const first[] = {"ey", "LS", "b3", "MI", "MH", "(\"", "('", "H4", "ZX",
		"--", " -", "\n-", "\t-", "\"-", "'-", ":/", "Be", "be", "BE", "Ba", "ba", "BA",
		";b", ".|", "In", " '", "ki", "Ki", "KI", "@t", "@u", "d ", "s ", "e ", "h ", "n ",
		"y ", "w ", "t ", "g ", "r ", "l ", "| ", "/ ", "D ", "S ", "E ", "N ", "Y ", "T ",
		"VA", "Va", "va", "oo", "',", "\",", "Pu", "jd", ":\\", "Un", "Du", "No"};

	add_pass_words();
	mask_tokens_each_pair(add_pair);
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		add_other(first[i][0], first[i][1]);
	for (int c = 0; c < 256; c++) {
		for (const char *sign = "!#$^"; *sign && is_alnum((char)c); sign++)
			add_other((char)c, *sign);
		add_other((char)c, '=');
		add_other((char)c, ':');
		add_other((char)c, '>');
	}
}

/* A place in a text. */
struct place {
	const char *begin, *p, *end;
};

/* Four letters in lower case; other bytes become something else, but the same each time. */
static inline uint32_t four_lower(const char *p)
{
	uint32_t four;

	memcpy(&four, p, 4);
	return four | 0x20202020;
}

/* "password ", "passwd ", "passphrase ", "requirepass ", "masterauth ", "bindpw "; "token ",
 * "_key "; "the secret is", "value ", … */
static const char pass_words[][5] = {"word", "pass", "sswd", "rase", "auth", "ndpw", "oken", "_key",
	"cret", "-key", "ikey", "alue", "send", "ring", "nity", " use", "user", "ault", "plus",
	" set", " got", "ound", "eral"};

/* A bit for those of their ends: most texts have none of these bits. */
static uint64_t pass_bits;

static uint64_t pass_bit(uint32_t four)
{
	return UINT64_C(1) << (four * UINT32_C(2654435761) >> 26);
}

static void add_pass_words(void)
{
	for (size_t i = 0; i < ARRAY_LEN(pass_words); i++)
		pass_bits |= pass_bit(four_lower(pass_words[i]));
}

static bool ends_pass_word(const struct place *s)
{
	uint32_t end;

	if (s->p - s->begin < 3)
		return false;
	end = four_lower(s->p - 3);
	if (!(pass_bits & pass_bit(end)))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(pass_words); i++) {
		if (end == four_lower(pass_words[i]))
			return true;
	}
	return false;
}

static bool may_be_userinfo(const struct place *s)
{
	size_t left = (size_t)(s->end - s->p);

	if (!begins(s->p, s->end, SPAN("://")) && !begins(s->p, s->end, SPAN(":\\/\\/")))
		return false;
	left = left < MASK_LOOK_MAX ? left : MASK_LOOK_MAX;
	return memchr(s->p, '@', left);
}

/* A blank or quote, and a dash with a letter. */
static bool may_be_option(const struct place *s)
{
	return s->end - s->p > 2 && (is_white(*s->p) || is_quote(*s->p)) &&
	       (is_letter(s->p[2]) || s->p[2] == '-');
}

struct span mask_password_at(const char *begin, const char *p, const char *end)
{
	static const char signs[] = "!#$^_-";
	const char *from = p, *to = p + 1;

	while (from > begin && p - from < 64 && (is_alnum(from[-1]) || is_in(from[-1], signs)))
		from--;
	while (to < end && to - p < 64 && (is_alnum(*to) || is_in(*to, signs)))
		to++;
	if (from > begin && is_in(from[-1], "/\\^]}"))
		from = to;
	if (to < end && is_in(*to, "({/"))
		from = to;
	if (!mask_is_password((struct span){from, (size_t)(to - from)}))
		from = to;
	return (struct span){from, (size_t)(to - from)};
}

/* "Bearer", "Basic", base64 -d. */
static bool may_be_scheme(const char *p, const char *end)
{
	if (begins(p, end, SPAN("b3BlbnNzaC1r")))
		return true;
	return end - p > 6 &&
	       (four_lower(p) == four_lower("bear") || four_lower(p) == four_lower("basi") ||
		       begins(p, end, SPAN("base64 -")));
}

static bool may_be_base64(const char *p, const char *end)
{
	switch (*p) {
	case 'e':
		return begins(p, end, SPAN("eyJ")) || begins(p, end, SPAN("eyA"));
	case 'L':
		return begins(p, end, SPAN("LS0t"));
	case 'H':
		return begins(p, end, SPAN("H4sI"));
	case 'Z':
		return begins(p, end, SPAN("ZXlK"));
	default:
		return begins(p, end, SPAN("MII")) || begins(p, end, SPAN("MHc"));
	}
}

static bool may_be_by_first(const struct masker *m, const struct place *s)
{
	const char *p = s->p, *end = s->end;

	switch (*p) {
	case '-':
		return s->p == s->begin || begins(p, end, SPAN("-----BEGIN"));
	case '|':
		return mask_takes_secret(p, end);
	case '/':
		return mask_after_login(s->begin, p);
	case ':':
		return may_be_userinfo(s);
	case ';':
		return begins(p, end, SPAN(";base64,"));
	case '@':
		return begins(p, end, SPAN("@tcp(")) || begins(p, end, SPAN("@unix("));
	case '.':
		return p - s->begin >= 2 && begins(p - 2, end, SPAN("...|"));
	case 'I':
	case 'U':
	case 'D':
	case 'N':
		return mask_quoting_words(p, end) > 0;
	case 'P':
		return begins(p, end, SPAN("PuTTY-User-Key-File-"));
	case 'V':
	case 'v':
		return mask_is_insert(m, s->begin, p, end);
	case 'o':
		return p > s->begin && p[-1] == 'h' && begins(p, end, SPAN("ook")) &&
		       mask_url_before(s->begin, p);
	case 'j':
		return begins(p, end, SPAN("jdbc:oracle:"));
	case 'B':
	case 'b':
		return may_be_scheme(p, end);
	case 'K':
	case 'k':
		return end - p > 4 && four_lower(p) == four_lower("kind");
	case 'e':
	case 'L':
	case 'H':
	case 'Z':
	case 'M':
		return may_be_base64(p, end);
	case '(':
		return mask_is_decoder(s->begin, p);
	default:
		return false;
	}
}

/* The pair at s->p is one with which a pattern begins: is there more of it? */
static bool may_be(const struct masker *m, const struct place *s)
{
	char second = s->p[1];
	size_t before;

	if (may_be_by_first(m, s) || (mask_token_may_be(s->p, s->end) &&
					     mask_token_len(s->begin, s->p, s->end, &before) > 0))
		return true;
	if (second == '=' || second == ':' || second == '>' || second == ',')
		return mask_is_separator(m, s->begin, s->p + 1, s->end);
	if (second == '-')
		return may_be_option(s);
	if (second == '!' || second == '#' || second == '$' || second == '^')
		return mask_password_at(s->begin, s->p, s->end).len > 0;
	return (*s->p == ' ' && second == '\'') || (second == ' ' && ends_pass_word(s));
}

/* The next marked pair from p on; stop if there is none. stop: the last byte, with which none
 * begins.
 */
static const char *next_pair(const char *p, const char *stop)
{
	for (; stop - p >= 4; p += 4) {
		if (is_marked(p) | is_marked(p + 1) | is_marked(p + 2) | is_marked(p + 3))
			break;
	}
	while (p < stop && !is_marked(p))
		p++;
	return p;
}

size_t mask_next_place(const struct masker *m, struct span text, size_t at)
{
	struct place s = {text.ptr, text.ptr + at, text.ptr + text.len};

	if (at + 1 >= text.len)
		return text.len;
	if (at == 0 && text.ptr[0] == '-')
		return 0;
	for (;; s.p++) {
		s.p = next_pair(s.p, s.end - 1);
		if (s.p == s.end - 1)
			return text.len;
		if (!is_in_set(others, s.p) && !mask_token_may_be(s.p, s.end))
			continue;
		if (may_be(m, &s))
			return (size_t)(s.p - text.ptr);
	}
}

/* Timestamps, the most frequent strings of all. */
static bool is_time(struct span s)
{
	if (s.len < 20 || s.len > 27 || s.ptr[4] != '-' || s.ptr[s.len - 1] != 'Z')
		return false;
	for (size_t i = 0; i < s.len - 1; i++) {
		char c = s.ptr[i];

		if (!is_digit(c) && c != '-' && c != ':' && c != '.' && c != 'T')
			return false;
	}
	return true;
}

bool mask_is_plain(const struct masker *m, struct span text)
{
	if (is_time(text) && !m->config)
		return true;
	if (memchr(text.ptr, '\n', text.len) && mask_has_secret_column(m, text))
		return false;
	return mask_next_place(m, text, 0) == text.len && !mask_may_be_layered(m, text) &&
	       !mask_find_bootstrap_token(text.ptr, text.ptr + text.len) &&
	       !(m->config && mask_own_has_tokens(m->config));
}

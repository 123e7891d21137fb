/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key file: one key without a name, or several by id, so that a key can be replaced.
 *
 *	# comment
 *	2026b: 64 or more hex digits, or base64 of 32 bytes or more
 *	2026a: …
 *
 * The first one makes the pseudonyms, which then carry its id; the others are only for comparing a
 *value with older pseudonyms. A file that is not of this form is one key: its bytes.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_frame_internal.h"

#define KEY_FILE_MAX  65536
#define KEY_BYTES_MIN 32
#define KEY_BYTES_MAX 1024

static bool is_id(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
			return false;
	}
	return s.len > 0 && s.len <= MASK_KEY_ID_MAX;
}

/* Takes the next line off *rest; false at the end. */
static bool next_line(struct span *rest, struct span *ret)
{
	const char *stop;

	if (rest->len == 0)
		return false;
	stop = memchr(rest->ptr, '\n', rest->len);
	ret->ptr = rest->ptr;
	ret->len = stop ? (size_t)(stop - rest->ptr) : rest->len;
	rest->ptr += ret->len + (stop ? 1 : 0);
	rest->len -= ret->len + (stop ? 1 : 0);
	*ret = trim_white(*ret);
	return true;
}

static bool is_printable(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((s.ptr[i] < 0x20 || s.ptr[i] > 0x7e) && !strchr("\t\r\n", s.ptr[i]))
			return false;
	}
	return memchr(s.ptr, '\0', s.len) == NULL;
}

/* The first line that says something has an id and a colon. */
static bool is_keyring(struct span file)
{
	struct span line;

	if (!is_printable(file))
		return false;
	while (next_line(&file, &line)) {
		const char *colon = memchr(line.ptr, ':', line.len);

		if (line.len > 0 && line.ptr[0] != '#')
			return colon && is_id(trim_white((struct span){
						line.ptr, (size_t)(colon - line.ptr)}));
	}
	return false;
}

static int add_key(struct masker *m, struct span id, struct span key, struct err *e)
{
	struct mask_key *k = &m->keys[m->key_count];

	if (key.len < KEY_BYTES_MIN || key.len > KEY_BYTES_MAX)
		return err_set(e,
			"a masking key must have %d to %d bytes, this one has %zu: make one "
			"with `openssl rand -hex 32`",
			KEY_BYTES_MIN, KEY_BYTES_MAX, key.len);
	if (m->key_count == MASK_KEYS_MAX)
		return err_set(e, "more than %d masking keys: remove the oldest", MASK_KEYS_MAX);
	for (size_t i = 0; i < m->key_count; i++) {
		if (span_eq_str(id, m->keys[i].id))
			return err_set(e, "masking key %s appears twice", m->keys[i].id);
	}
	memcpy(k->id, id.len > 0 ? id.ptr : "", id.len);
	k->id[id.len] = '\0';
	k->hmac = hmac_key_new(key.ptr, key.len);
	if (!k->hmac)
		return err_set(e, "out of memory");
	m->key_count++;
	return 0;
}

static int read_key(struct masker *m, struct span line, struct arena *arena, struct err *e)
{
	const char *colon = memchr(line.ptr, ':', line.len);
	struct span id, text, key;
	uint8_t hex[KEY_BYTES_MAX];
	int ret;

	if (!colon)
		return err_set(e, "expected \"id: key\"");
	id = trim_white((struct span){line.ptr, (size_t)(colon - line.ptr)});
	text = trim_white((struct span){colon + 1, line.len - (size_t)(colon + 1 - line.ptr)});
	if (!is_id(id))
		return err_set(e, "a key id is 1 to %d of a-z, 0-9, '-' and '.'", MASK_KEY_ID_MAX);
	if (text.len / 2 <= sizeof(hex) && text.len % 2 == 0 &&
		hex_decode(text, hex, text.len / 2) == 0)
		key = (struct span){(const char *)hex, text.len / 2};
	else if (base64_decode(text, BASE64, arena, &key) < 0)
		return err_set(e, "key %.*s is neither hex nor base64", SPAN_FMT(id));
	ret = add_key(m, id, key, e);
	crypto_wipe(hex, sizeof(hex));
	if (key.ptr != (const char *)hex)
		crypto_wipe((char *)key.ptr, key.len);
	return ret;
}

static int read_keyring(struct masker *m, struct span file, struct err *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1 << 20);
	struct span line;

	if (!arena)
		return err_set(e, "out of memory");
	for (unsigned n = 1; next_line(&file, &line); n++) {
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (read_key(m, line, arena, e) < 0)
			return err_prefix(e, "line %u", n);
	}
	return 0;
}

int mask_keys_load(struct masker *m, const char *key_file, struct err *e)
{
	char random[32];
	char *text = NULL;
	struct span file;
	int ret;

	if (!key_file) {
		random_bytes(random, sizeof(random));
		ret = add_key(m, (struct span){0}, (struct span){random, sizeof(random)}, e);
		crypto_wipe(random, sizeof(random));
		return ret;
	}
	if (secret_read_file(key_file, KEY_FILE_MAX, &text, &file.len, e) < 0)
		return -1;
	file.ptr = text;
	if (is_keyring(file))
		ret = read_keyring(m, file, e);
	else
		ret = add_key(m, (struct span){0}, file, e);
	secret_free(text, file.len);
	return ret < 0 ? err_prefix(e, "masking key file %s", key_file) : 0;
}

void mask_keys_free(struct masker *m)
{
	for (size_t i = 0; i < m->key_count; i++)
		hmac_key_free(m->keys[i].hmac);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this the name of a secret? "DB_PASSWORD", "dbPassword" and "db-passwd2" are, "tokenTTL",
 * "secretName" and "max_tokens" are not.
 *
 * A name is cut into words and squeezed to lower-case letters and digits. Unmistakable parts count
 * anywhere in it, short ones only as a word of their own. A last word that says that the value
 * describes a secret or tells where it is ("Name", "Ref", "File", "Seconds") makes it plain.
 */
#include <assert.h>

#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_own_internal.h"

struct words {
	char text[MASK_NAME_MAX + 1]; /* lower case, separators left out */
	bool start[MASK_NAME_MAX + 1];
	size_t len;
	size_t last; /* where the last word begins, trailing digits not counted as one */
};

/* Anywhere in a name. Sorted by first letter for part_at(). */
static const char *const strong_parts[] = {"accesscode", "accesskey", "accountkey", "accountpin",
	"activationcode", "activationkey", "adgangskode", "adminkey", "aeskey", "aessecret",
	"apikey", "appkey", "authcode", "authkey", "authorization", "backupcode", "backupkey",
	"basicauth", "bearer", "cdkey", "certificatekey", "cipherkey", "clientkey",
	"communitystring", "connectionstring", "connstr", "contrase", "contrasen", "cookie",
	"credential", "cryptkey", "decryptionkey", "deploykey", "dockercfg", "dockerconfig",
	"encryptionkey", "encryptkey", "erlangcookie", "fjalekalim", "fjalëkalim", "fromliteral",
	"geheimnis", "hasło", "hemligt", "heslo", "hmackey", "hostkey", "iddsa", "idecdsa",
	"ided25519", "idrsa", "ingestkey", "integrationkey", "invitekey", "jelszo", "jelszó",
	"joinkey", "jsonwebkey", "jwt", "katasandi", "kennwort", "keytab", "kodeord", "kubeconfig",
	"licencekey", "licensekey", "losenord", "lozinka", "lykilor", "lösenord", "masterkey",
	"matkhau", "mnemonic", "motdepasse", "motpasse", "mậtkhẩu", "nenosiri", "netrc",
	"networkkey", "otpcode", "palavrapasse", "parola", "parool", "pasahitz", "passcode",
	"passkey", "passord", "passphrase", "passw0rd", "passwd", "password", "passwort", "passwrd",
	"pgpass", "presharedkey", "privatekey", "privkey", "pswd", "recoverycode", "recoverykey",
	"recoveryphrase", "recoveryword", "rocommunity", "rootkey", "rwcommunity", "salasana",
	"saskey", "schluessel", "schlüssel", "secret", "securitycode", "securitykey", "seedphrase",
	"seedword", "segredo", "senha", "serverkey", "serviceaccountjson", "serviceaccountkey",
	"sessionid", "sessionkey", "sharedkey", "sifre", "signaturekey", "signingkey",
	"signingsecret", "signkey", "slaptazod", "slaptažod", "snmpcommunity", "sshkey",
	"storagekey", "streamkey", "tlskey", "token", "unlockcode", "unsealkey", "vaultkey",
	"verificationcode", "wachtwoord", "webhookkey", "wepkey", "wpakey", "şifre", "κωδικ",
	"ключдоступа", "лозинка", "парола", "пароль", "סיסמא", "סיסמה", "كلمةالسر", "كلمةالمرور",
	"पासवर्ड", "รหัสผ่าน", "パスワード", "口令", "密码", "密碼", "暗証", "비밀번호", "암호"};

/* As a word of its own. */
static const char *const strong_words[] = {"auths", "bindpw", "clave", "cred", "creds", "dsn",
	"geslo", "haslo", "heslo", "jks", "mdp", "mfa", "otp", "p12", "parol", "pass", "passe",
	"passes", "passphrases", "passw", "pat", "pfx", "pin", "psk", "psw", "pswrd", "pw", "pwd",
	"pwds", "pword", "pwrd", "pws", "rootpw", "sandi", "sas", "totp", "upw"};

static const char *const weak_words[] = {"access", "ak", "api", "auth", "basic", "bearer", "chave",
	"chiave", "cipher", "cle", "clef", "code", "codes", "community", "crypt", "crypto",
	"decrypt", "encrypt", "encryption", "hmac", "hook", "hooks", "invite", "key", "keys",
	"keystore", "klic", "klucz", "licence", "license", "login", "master", "nonce", "oauth",
	"preshared", "private", "recovery", "salt", "schluessel", "seed", "seedwords", "session",
	"sid", "sig", "signature", "sk", "sleutel", "ssh", "truststore", "unlock", "unseal",
	"verification", "verifier", "wallet", "webhook", "webhooks", "ключ", "密钥", "钥匙",
	"열쇠"};

/* As the last word: the value only describes a secret or says where it is. */
static const char *const describing_words[] = {"age", "algorithm", "annotations", "at", "audience",
	"audiences", "backend", "bits", "bucket", "budget", "burst", "by", "charset", "checksum",
	"checksums", "class", "column", "complexity", "controller", "cost", "count", "counter",
	"date", "days", "description", "dir", "directory", "disable", "disabled", "domain",
	"driver", "duration", "enable", "enabled", "encoding", "endpoint", "engine", "exists",
	"expiration", "expire", "expired", "expires", "expiry", "extractor", "factory", "failure",
	"file", "filename", "files", "fill", "folder", "format", "found", "generation", "generator",
	"grace", "handler", "handling", "header", "headers", "help", "helper", "hint", "history",
	"host", "hours", "httponly", "in", "index", "interval", "issuer", "kind", "label", "labels",
	"leeway", "len", "length", "lifetime", "limit", "loader", "location", "locations", "lookup",
	"management", "manager", "maximum", "mechanism", "mechanisms", "method", "minimum",
	"minutes", "mode", "mount", "mounts", "name", "names", "namespace", "operator", "optional",
	"path", "paths", "pattern", "percent", "period", "permission", "permissions", "placeholder",
	"plugin", "plugins", "policy", "port", "prefix", "present", "processor", "protocol",
	"provider", "providers", "quota", "rate", "realm", "ref", "reference", "references", "refs",
	"regex", "region", "registry", "renewal", "repository", "required", "retention", "retries",
	"review", "reviewer", "reviews", "roles", "rotate", "rotated", "rotation", "rule", "rules",
	"samesite", "schema", "scope", "scopes", "seconds", "secure", "selector", "site", "size",
	"skew", "state", "status", "store", "strategy", "suffix", "support", "supported", "sync",
	"syncer", "table", "template", "threshold", "time", "timeout", "timestamp", "title",
	"total", "ttl", "ttlseconds", "type", "updated", "uri", "url", "usage", "valid", "validity",
	"verified", "verify", "version", "volume", "volumes", "window"};

/* Bytes beyond ASCII count as letters: names are written in all languages. */
static bool is_name_letter(char c)
{
	return is_letter(c) || (uint8_t)c >= 0x80;
}

static bool begins_word(struct span s, size_t i)
{
	char c = s.ptr[i], before = i > 0 ? s.ptr[i - 1] : '_';

	if (!is_name_letter(before) && !is_digit(before))
		return true;
	if (is_digit(c) != is_digit(before))
		return true;
	if (!is_upper(c))
		return false;
	return !is_upper(before) ||
	       (i + 1 < s.len && is_name_letter(s.ptr[i + 1]) && !is_upper(s.ptr[i + 1]));
}

static void cut_into_words(struct span s, struct words *ret)
{
	ret->len = ret->last = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!is_name_letter(c) && !is_digit(c))
			continue;
		ret->start[ret->len] = begins_word(s, i);
		if (ret->start[ret->len] && !is_digit(c))
			ret->last = ret->len;
		ret->text[ret->len++] = is_upper(c) ? (char)(c | 0x20) : c;
	}
	ret->text[ret->len] = '\0';
	ret->start[ret->len] = true;
}

/* The words of all three lists, by hash. */
enum { WORD_STRONG = 1, WORD_WEAK = 2, WORD_DESCRIBING = 4 };

#define WORD_SLOTS 1024

static struct {
	const char *text;
	uint8_t len, set;
} word_slots[WORD_SLOTS];

static uint8_t first_part[256]; /* by letter: index + 1 of its first part */
static uint32_t part_pairs[32]; /* by letter: a bit for each second letter, both modulo 32 */
static uint8_t part_len[ARRAY_LEN(strong_parts)];

static size_t word_slot(const char *word, size_t len)
{
	uint32_t h = (uint32_t)len;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)word[i]) * 0x01000193u;
	return (h ^ h >> 15) % WORD_SLOTS;
}

static void add_words(const char *const *list, size_t n, uint8_t set)
{
	for (size_t i = 0; i < n; i++) {
		size_t slot = word_slot(list[i], strlen(list[i]));

		while (word_slots[slot].text)
			slot = (slot + 1) % WORD_SLOTS;
		word_slots[slot].text = list[i];
		word_slots[slot].len = (uint8_t)strlen(list[i]);
		word_slots[slot].set = set;
	}
}

void mask_names_init(void)
{
	for (size_t i = ARRAY_LEN(strong_parts); i-- > 0;) {
		first_part[(uint8_t)strong_parts[i][0]] = (uint8_t)(i + 1);
		part_pairs[strong_parts[i][0] & 31] |= 1u << (strong_parts[i][1] & 31);
		part_len[i] = (uint8_t)strlen(strong_parts[i]);
	}
	static_assert(
		ARRAY_LEN(strong_words) + ARRAY_LEN(weak_words) + ARRAY_LEN(describing_words) <
			WORD_SLOTS / 2,
		"the words need more slots");
	add_words(strong_words, ARRAY_LEN(strong_words), WORD_STRONG);
	add_words(weak_words, ARRAY_LEN(weak_words), WORD_WEAK);
	add_words(describing_words, ARRAY_LEN(describing_words), WORD_DESCRIBING);
}

/* WORD_… of a word; 0: it is in no list. */
static unsigned word_set(const char *word, size_t len)
{
	size_t slot = word_slot(word, len);

	for (; word_slots[slot].text; slot = (slot + 1) % WORD_SLOTS) {
		if (word_slots[slot].len == len && memcmp(word_slots[slot].text, word, len) == 0)
			return word_slots[slot].set;
	}
	return 0;
}

/* secretary, tokenizer, tokenBucket, passwordless: what follows the part takes its meaning. */
static bool goes_on_harmless(const struct words *w, size_t at)
{
	static const char *const ends[] = {"ar", "iz", "is", "bucket", "less", "bird"};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t n = strlen(ends[i]);

		if (w->len - at >= n && memcmp(w->text + at, ends[i], n) == 0)
			return i >= 3 || !w->start[at];
	}
	return false;
}

static bool has_strong_part(const struct words *w)
{
	for (size_t at = 0; at + 1 < w->len; at++) {
		size_t i;

		if (!(part_pairs[w->text[at] & 31] >> (w->text[at + 1] & 31) & 1))
			continue;
		i = first_part[(uint8_t)w->text[at]];
		if (i == 0)
			continue;
		for (i--; i < ARRAY_LEN(strong_parts) && strong_parts[i][0] == w->text[at]; i++) {
			const char *part = strong_parts[i];

			if (part[1] == w->text[at + 1] && part_len[i] <= w->len - at &&
				memcmp(w->text + at, part, part_len[i]) == 0 &&
				!goes_on_harmless(w, at + part_len[i]))
				return true;
		}
	}
	return false;
}

/* The lists that words of the name are in, taken together. */
static unsigned word_sets(const struct words *w)
{
	unsigned sets = 0;

	for (size_t at = 0; at < w->len;) {
		size_t end = at + 1;

		while (!w->start[end])
			end++;
		sets |= word_set(w->text + at, end - at);
		at = end;
	}
	return sets;
}

static size_t without_digits(const struct words *w)
{
	size_t len = w->len;

	while (len > 0 && is_digit(w->text[len - 1]))
		len--;
	return len;
}

static bool ends_in(const struct words *w, struct span end)
{
	size_t len = without_digits(w);

	return len >= end.len && memcmp(w->text + len - end.len, end.ptr, end.len) == 0;
}

/* "dbpass", "rootpwd": one word to the eye of no dictionary. */
static bool has_strong_end(const struct words *w)
{
	size_t len = without_digits(w);

	if (len == 0 || !is_in(w->text[len - 1], "sdw"))
		return false;
	if (ends_in(w, SPAN("bypass")) || ends_in(w, SPAN("compass")))
		return false;
	return ends_in(w, SPAN("pass")) || ends_in(w, SPAN("pwd")) || ends_in(w, SPAN("pw")) ||
	       ends_in(w, SPAN("creds"));
}

/* max_tokens, prompt_tokens: language models count them. */
static bool counts_tokens(const struct words *w)
{
	static const char *const begins[] = {"max", "min", "num", "total", "prompt", "completion"};

	if (!ends_in(w, SPAN("tokens")))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
		if (strncmp(w->text, begins[i], strlen(begins[i])) == 0)
			return true;
	}
	return false;
}

static bool describes(const struct words *w)
{
	size_t len = without_digits(w);

	return w->last > 0 && len > w->last &&
	       word_set(w->text + w->last, len - w->last) == WORD_DESCRIBING;
}

/* "example.com/api-token" is about the api-token, not about example.com. */
static struct span without_domain(struct span name)
{
	const char *slash = memrchr(name.ptr, '/', name.len);
	size_t before = slash ? (size_t)(slash - name.ptr) : 0;

	if (!slash || !memchr(name.ptr, '.', before))
		return name;
	return (struct span){slash + 1, name.len - before - 1};
}

/* Keys by which things are found, sorted, told apart; and public ones. */
static const char *const finding_keys[] = {"annotation", "anon", "arrow", "artifact", "attribute",
	"branch", "bucket", "build", "cache", "cluster", "column", "component", "composite",
	"config", "correlation", "customer", "dedup", "deduplication", "dict", "dimension",
	"document", "domain", "election", "entity", "entry", "event", "feature", "field", "file",
	"filter", "flag", "foreign", "function", "group", "grouping", "hash", "header", "hot",
	"i18n", "idempotency", "image", "index", "input", "issue", "item", "job", "join", "label",
	"leader", "locale", "lock", "lookup", "map", "message", "meta", "metadata", "metric",
	"module", "name", "natural", "node", "object", "order", "output", "page", "param",
	"parameter", "partition", "path", "plan", "plugin", "prefix", "primary", "project",
	"property", "pub", "public", "publishable", "queue", "range", "record", "redis", "ref",
	"registry", "resource", "room", "route", "routing", "row", "schema", "search", "section",
	"setting", "shard", "sharding", "site", "sort", "source", "space", "state", "step",
	"subject", "surrogate", "tag", "taint", "target", "task", "template", "tenant",
	"toleration", "topic", "topology", "trace", "tracking", "translation", "type", "unique",
	"user", "value", "version", "workflow", "zone"};

static bool is_finding_key(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(finding_keys); i++) {
		if (strlen(finding_keys[i]) == len && memcmp(finding_keys[i], word, len) == 0)
			return true;
	}
	return false;
}

/* PARTITION_KEY finds something, OPENAI_KEY opens it; tlsKey may do either. */
static enum name_class judge_key(const struct words *w, bool upper_case)
{
	size_t len = without_digits(w), at = w->last, before;

	if (len < at + 3 || len - at > 4 || memcmp(w->text + at, "keys", len - at) != 0)
		return NAME_WEAK;
	if (at == 0)
		return NAME_WEAK;
	for (before = at - 1; !w->start[before];)
		before--;
	if (is_finding_key(w->text + before, at - before))
		return NAME_PLAIN;
	return upper_case ? NAME_STRONG : NAME_WEAK;
}

/* The name of an environment variable. */
static bool is_upper_case(struct span name)
{
	bool upper = false;

	for (size_t i = 0; i < name.len; i++) {
		if (is_lower(name.ptr[i]) || (uint8_t)name.ptr[i] >= 0x80)
			return false;
		upper |= is_upper(name.ptr[i]);
	}
	return upper;
}

static bool ends_in_word(const struct words *w, struct span word)
{
	return w->last > 0 && without_digits(w) == w->last + word.len &&
	       memcmp(w->text + w->last, word.ptr, word.len) == 0;
}

/* checksum/secrets, secretHash: of many, so that a change is seen. */
static bool is_checksum(const struct words *w)
{
	return w->len >= 8 && memcmp(w->text, "checksum", 8) == 0;
}

/* SESSION_COOKIE_MAX_AGE: of a cookie only its value, and what signs it, is a secret. */
static bool sets_cookie(const struct words *w)
{
	static const char *const kept[] = {
		"secret", "password", "key", "value", "salt", "token", "sign"};
	const char *at = memmem(w->text, w->len, "cookie", 6);
	size_t from = at ? (size_t)(at - w->text) + 6 : 0;

	if (!at || from >= w->len || w->text[from] == 's' || !w->start[from] ||
		is_digit(w->text[from]))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (memmem(w->text, w->len, kept[i], strlen(kept[i])))
			return false;
	}
	return true;
}

static enum name_class judge_weak(const struct words *w, unsigned sets, struct span name)
{
	if (sets & WORD_WEAK) {
		if (ends_in_word(w, SPAN("key")) || ends_in_word(w, SPAN("keys")))
			return judge_key(w, is_upper_case(name));
		/* REDIS_AUTH, _auth of npm */
		if ((ends_in_word(w, SPAN("auth")) && is_upper_case(name)) ||
			span_eq(name, SPAN("_auth")))
			return NAME_STRONG;
		return describes(w) ? NAME_PLAIN : NAME_WEAK;
	}
	/* restuserkey */
	return w->len > 6 && ends_in(w, SPAN("key")) ? NAME_WEAK : NAME_PLAIN;
}

static enum name_class judge_plain(struct span name)
{
	struct words w;
	unsigned sets;

	if (name.len > MASK_NAME_MAX)
		return NAME_STRONG;
	cut_into_words(without_domain(name), &w);
	sets = word_sets(&w);
	if (has_strong_part(&w) || has_strong_end(&w) || (sets & WORD_STRONG))
		return describes(&w) || counts_tokens(&w) || is_checksum(&w) || sets_cookie(&w)
			       ? NAME_PLAIN
			       : NAME_STRONG;
	return judge_weak(&w, sets, name);
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((uint8_t)s.ptr[i] >= 0x80)
			return false;
	}
	return true;
}

static enum name_class judge(struct span name)
{
	enum name_class class = judge_plain(name), folded;
	char buf[MASK_NAME_MAX];

	if (class == NAME_STRONG || is_ascii(name))
		return class;
	folded = judge_plain(mask_fold_name(name, buf));
	return folded > class ? folded : class;
}

/* "KIND" and "Data" are read as kind and data: readers of other languages ignore case. */
static const struct mask_name *known_in_other_case(struct span name)
{
	char lower[32];
	bool changed = false;

	if (name.len >= sizeof(lower))
		return NULL;
	for (size_t i = 0; i < name.len; i++) {
		lower[i] = is_upper(name.ptr[i]) ? (char)(name.ptr[i] | 0x20) : name.ptr[i];
		changed |= lower[i] != name.ptr[i];
	}
	if (name.len == 10 && memcmp(lower, "stringdata", 10) == 0)
		return mask_known_field(SPAN("stringData"));
	return changed ? mask_known_field((struct span){lower, name.len}) : NULL;
}

struct mask_name mask_name_of(const struct masker *m, struct span name)
{
	const struct mask_name *known = mask_known_field(name);
	struct mask_name ret = {0};

	if (m->config && mask_own_name(m->config, name, &ret))
		return ret;
	if (!known)
		known = known_in_other_case(name);
	if (known)
		return *known;
	ret.class = judge(name);
	ret.rule = ret.class == NAME_STRONG ? RULE_FIELD_NAME : RULE_FIELD_RANDOM;
	return ret;
}

enum name_class mask_name_class(const struct masker *m, struct span name)
{
	struct mask_name own = {0};

	if (m->config && mask_own_name(m->config, name, &own))
		return own.class;
	return judge(name);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of masking: one table, from which the metric's labels, what --explain says and the
 * documentation come. What a rule does stands in the file that names its RULE_ constant.
 */
#include <assert.h>

#include "common/mask/mask_rules_internal.h"

const struct mask_rule_info mask_rules[RULE_COUNT] = {
	[RULE_NONE] = {"none", "", ""},
	[RULE_SECRET_DATA] = {"secret-data",
		"Secrets, by resource or by `kind`, alone, in lists, in the rows of a Table, or in "
		"any text below; anything with `stringData`, or with `data` and a Secret's `type`; "
		"`data` of resources named after the Secret that they make (`ExternalSecret`, "
		"`SealedSecret`, …)",
		"each value of `data` and `stringData`; field names stay. The pseudonym of `data` "
		"is made of what its base64 spells, so it equals that of the same value in "
		"`stringData`"},
	[RULE_SECRET_ANNOTATION] = {"secret-annotation", "annotations of Secrets",
		"each value; names stay"},
	[RULE_SECRET_OTHER] = {"secret-other", "any other field of a Secret",
		"the whole value. `kind`, `apiVersion`, `type`, `immutable` and of the metadata "
		"name, namespace, labels, uid, versions, timestamps, owners, finalizers and "
		"managed fields stay"},
	[RULE_SECRET_PATCH] = {"secret-patch", "patches on Secrets",
		"everything but `op`, `path` and `from`"},
	[RULE_SECRET_MESSAGE] = {"secret-message", "messages of the API server about Secrets",
		"the whole message, unless it is of a form that quotes nothing but names "
		"(not found, already exists, is forbidden)"},
	[RULE_FIELD_NAME] = {"field-name",
		"fields, annotations, labels, ConfigMap keys of any resource whose name says "
		"secret: `password`, `DB_PASSWD`, `apiKey`, `client-secret`, `session_token`, …",
		"strings and numbers in it and below it. References stay: names that end in "
		"`Name`, `Ref`, `File`, `Path`, `TTL` and the like, and `name`, `key`, `path` … "
		"below them. Of JSON Web Keys the private parts"},
	[RULE_FIELD_RANDOM] = {"field-random",
		"fields whose name may mean a secret: `key`, `auth`, `signature`, `session`, …",
		"values that look like a key (16 characters and more without any order) or like a "
		"password (letters of both cases, a digit and a sign in one word)"},
	[RULE_NAMED_VALUE] = {"named-value",
		"objects with a name beside a value: `env`, HTTP headers of probes, parameters, "
		"`{name, value}`, `{key, value}`, `{k, v}`, `{path, content}`; also in YAML, XML "
		"and Go's notation in a string",
		"the value, when the name says secret"},
	[RULE_PATCH_PATH] = {"patch-path", "JSON patches on other resources, webhooks' patches too",
		"the value, when the path says secret, or points to an environment variable's "
		"value"},
	[RULE_TABLE_CELL] = {"table-cell", "Tables of other resources",
		"cells of columns whose name says secret"},
	[RULE_MANAGED_FIELDS] = {"managed-fields", "`metadata.managedFields`",
		"elements of sets (`v:\"…\"`) below a field whose name says secret"},
	[RULE_USER_EXTRA] = {"user-extra",
		"`extra` of users: events, impersonation, TokenReviews, CertificateSigningRequests",
		"each value, unless it identifies a user, credential, node or pod: of Kubernetes, "
		"EKS, AKS, Rancher, OpenShift, or of a name that the configuration keeps"},
	[RULE_COMMAND_OPTION] = {"command-option",
		"command lines: `command`, `args`, scripts in a string",
		"the word behind an option that says secret (`--password x`), `-p` of database "
		"clients (named in `command`, `args` or `image`), the password of `-u` and `--user "
		"user:password`, what `echo` pipes into `--password-stdin`, `chpasswd` and the "
		"like; the words that `htpasswd -b`, `vault kv put`, `net use`, `mc alias set`, "
		"`ConvertTo-SecureString`, `send` of expect and others take without a name; "
		"\"password is x\", \"DB_PASSWORD has value x\" in sentences"},
	[RULE_COMMAND_WORD] = {"command-word",
		"what is run with exec and attach: `command=` in URIs, PodExecOptions",
		"every word that is not known to be harmless: the program, names of options, "
		"paths, plain words, small numbers and variables' names stay"},
	[RULE_URI_QUERY] = {"uri-query", "queries of request URIs",
		"values of all parameters that are not the API server's own; of proxy requests, "
		"all"},
	[RULE_URI_PROXY_PATH] = {"uri-proxy-path", "request URIs behind `/proxy/`",
		"path segments that are not plain words, numbers or file names"},
	[RULE_TEXT_JWT] = {"text-jwt", "any text",
		"JSON Web Tokens (`eyJ….….…`), also with blanks between their parts or broken into "
		"lines"},
	[RULE_TEXT_PEM] = {"text-pem", "any text",
		"private keys in PEM, cut ones too, of SSH2 and PuTTY; certificates stay"},
	[RULE_TEXT_TOKEN] = {"text-token", "any text",
		"tokens of a known form: [those of the table](token-formats.md), of clouds, code "
		"hosting, payments, chat, mail, language models, registries, databases, "
		"infrastructure and monitoring; hashes of passwords as crypt and htpasswd write "
		"them"},
	[RULE_TEXT_USERINFO] = {"text-userinfo", "any text",
		"the password in `scheme://user:password@host`, in `user:password@tcp(host)` and "
		"in `jdbc:oracle:thin:user/password@host`; what looks like a key in the path of a "
		"hook (`https://host/hooks/…`); a user without a password that is not a plain "
		"name"},
	[RULE_TEXT_ASSIGNMENT] = {"text-assignment",
		"any text: shell, INI, YAML, headers, queries, DSNs, XML, SQL, JSON that does not "
		"parse",
		"the value beside a name that says secret (also as the arguments of a call), to "
		"the end of its word, quotes, line, element or block; columns of CSV and of INSERT "
		"INTO whose name says secret"},
	[RULE_TEXT_AUTH_SCHEME] = {"text-auth-scheme", "any text",
		"what follows `Bearer` and `Basic`"},
	[RULE_TEXT_PASSWORD] = {"text-password", "any text",
		"a word of 8 to 64 characters that looks as people are told to make passwords: "
		"letters of both cases, a digit, and `!`, or `#`, `$`, `^` behind a digit and "
		"before no letter"},
	[RULE_TEXT_BOOTSTRAP_TOKEN] = {"text-bootstrap-token", "any text",
		"bootstrap tokens (`abcdef.0123456789abcdef`)"},
	[RULE_TEXT_SECRET_MANIFEST] = {"text-secret-manifest",
		"texts that are not JSON but speak of `kind: Secret`: YAML, templates, JSON cut "
		"off",
		"the whole text"},
	[RULE_TEXT_QUOTED_BODY] = {"text-quoted-body", "messages that quote what could not be read",
		"the quoted part: behind `Invalid value:`, `Duplicate value:` and the like of a "
		"field whose name says secret, or of a whole object, and what the JSON decoder "
		"shows of a body"},
	[RULE_QUOTED_WORD] = {"quoted-word",
		"texts that quote the request: `responseStatus` and annotations of the same event, "
		"messages that a policy makes of the request",
		"each word that another rule masks in the request itself (its objects, its URI)"},
	[RULE_ENCODED] = {"encoded",
		"base64 (either alphabet), base32, gzip, zlib, hex, in any string and in each "
		"other; UTF-16 in them; in a text, base64 behind `NAME=` or PowerShell's "
		"`-EncodedCommand`, piped into `base64 -d`, or an argument of `b64decode()`, "
		"`atob()` and the like",
		"the whole encoded text, when any rule finds something in it, or when it is a "
		"private key, a key store, or an archive that is not opened (bzip2, xz, zstd, lz4, "
		"7-Zip, zip)"},
	[RULE_OWN_NAME] = {"own-name", "configuration: `names`", "as field-name"},
	[RULE_OWN_PATH] = {"own-path", "configuration: `paths`", "the whole value"},
	[RULE_OWN_TEXT] = {"own-token", "configuration: `tokens`", "the token"},
	[RULE_UNREADABLE] = {"unreadable", "what could not be examined for want of memory",
		"the whole value, in the worst case the whole event"},
	[RULE_TOO_DEEP] = {"too-deep", "nesting beyond the bounds", "the whole value"},
	[RULE_TOO_LARGE] = {"too-large", "encoded texts beyond the bounds, or spoilt",
		"the whole value"},
};

static const char *rule_labels[RULE_COUNT]; /* of all rules but RULE_NONE */

static struct metric metrics[] = {
	{.name = "holdpoint_mask_values_total",
		.help = "Values masked, by rule.",
		.type = METRIC_COUNTER,
		.label = "rule",
		.label_values = rule_labels},
	{.name = "holdpoint_mask_unexamined_total",
		.help = "Events and objects of which a part was masked because it could not be "
			"examined.",
		.type = METRIC_COUNTER},
	{0},
};
static struct metric *const metric_tables[] = {metrics};

/* The labels are the table's ids; before main() reads any. */
__attribute__((constructor)) static void fill_labels(void)
{
	static_assert(RULE_COUNT <= METRIC_LABEL_MAX, "a metric has room for each rule");
	for (size_t i = RULE_NONE + 1; i < RULE_COUNT; i++)
		rule_labels[i - 1] = mask_rules[i].id;
}

struct metric *const *mask_metrics(size_t *ret_count)
{
	*ret_count = ARRAY_LEN(metric_tables);
	return metric_tables;
}

void mask_count(enum mask_rule rule)
{
	metric_add_at(&metrics[0], rule - 1, 1);
}

void mask_count_whole(void)
{
	metric_add(&metrics[1], 1);
}

void mask_put_rules_markdown(struct buf *out)
{
	buf_add_str(out, "| rule | where | what is masked |\n|---|---|---|\n");
	for (size_t i = RULE_NONE + 1; i < RULE_COUNT; i++)
		buf_printf(out, "| `%s` | %s | %s |\n", mask_rules[i].id, mask_rules[i].where,
			mask_rules[i].what);
}

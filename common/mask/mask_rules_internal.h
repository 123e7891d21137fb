/* SPDX-License-Identifier: Apache-2.0 */
/* The rules: a number for each, and the table that says what they do. */
#pragma once

#include "common/mask/mask.h"

enum mask_rule {
	RULE_NONE,
	RULE_SECRET_DATA,
	RULE_SECRET_ANNOTATION,
	RULE_SECRET_OTHER,
	RULE_SECRET_PATCH,
	RULE_SECRET_MESSAGE,
	RULE_FIELD_NAME,
	RULE_FIELD_RANDOM,
	RULE_NAMED_VALUE,
	RULE_PATCH_PATH,
	RULE_TABLE_CELL,
	RULE_MANAGED_FIELDS,
	RULE_USER_EXTRA,
	RULE_COMMAND_OPTION,
	RULE_COMMAND_WORD,
	RULE_URI_QUERY,
	RULE_URI_PROXY_PATH,
	RULE_TEXT_JWT,
	RULE_TEXT_PEM,
	RULE_TEXT_TOKEN,
	RULE_TEXT_USERINFO,
	RULE_TEXT_ASSIGNMENT,
	RULE_TEXT_AUTH_SCHEME,
	RULE_TEXT_PASSWORD,
	RULE_TEXT_BOOTSTRAP_TOKEN,
	RULE_TEXT_SECRET_MANIFEST,
	RULE_TEXT_QUOTED_BODY,
	RULE_QUOTED_WORD,
	RULE_ENCODED,
	RULE_OWN_NAME,
	RULE_OWN_PATH,
	RULE_OWN_TEXT,
	RULE_UNREADABLE,
	RULE_TOO_DEEP,
	RULE_TOO_LARGE,
	RULE_COUNT,
};

struct mask_rule_info {
	const char *id;	   /* metric label, --explain */
	const char *where; /* which place */
	const char *what;  /* what is masked there, what stays */
};
extern const struct mask_rule_info mask_rules[RULE_COUNT];
void mask_count(enum mask_rule rule);
void mask_count_whole(void);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of command lines in free text: --password value, -p of database clients, -u
 * user:password, and what is piped into --password-stdin.
 */
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_layers_internal.h"
#include "common/mask/mask_pair_internal.h"
#include "common/mask/mask_text_internal.h"

/* Programs that take a password after a one-letter option. */
static const struct {
	char option;
	const char *program;
} password_options[] = {{'p', "mysql"}, {'p', "mariadb"}, {'p', "sshpass"}, {'p', "login"},
	{'p', "mongo"}, {'p', "influx"}, {'p', "7z"}, {'a', "redis"}, {'w', "ldap"},
	{'p', "useradd"}, {'p', "usermod"}, {'P', "zip"}, {'P', "mosquitto"}, {'P', "sqlcmd"},
	{'P', "ipmitool"}, {'c', "snmp"}, {'p', "cqlsh"}, {'p', "rabbitmqadmin"}, {'p', "psexec"},
	{'t', "doctl"}, {'p', "bw login"}, {'p', "xfreerdp"}, {'P', "isql"}, {'p', "oc login"},
	{'w', "dsconf"}, {'k', "openssl enc"}, {'P', "bcp"}, {'w', "slap"}};

/* A bit for each program: those that begin with a byte. */
static uint32_t options_by_first[256];
_Static_assert(ARRAY_LEN(password_options) <= 32, "a bit each");

void mask_option_init(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(password_options); i++)
		options_by_first[(uint8_t)password_options[i].program[0]] |= UINT32_C(1) << i;
}

/* The first in the table that is anywhere in the command. */
char mask_password_option(struct span command)
{
	const char *end = command.ptr + command.len;
	uint32_t found = 0;

	for (const char *p = command.ptr; p < end; p++) {
		uint32_t left = options_by_first[(uint8_t)*p] & ~found;

		for (; left; left &= left - 1) {
			unsigned i = (unsigned)__builtin_ctz(left);

			if (begins(p, end, span_of(password_options[i].program)))
				found |= UINT32_C(1) << i;
		}
	}
	return found ? password_options[__builtin_ctz(found)].option : 0;
}

char mask_image_option(struct span image)
{
	const char *slash = memrchr(image.ptr, '/', image.len);
	size_t n = 0;

	if (slash)
		image = (struct span){slash + 1, (size_t)(image.ptr + image.len - slash) - 1};
	while (n < image.len && is_lower(image.ptr[n]))
		n++;
	image.len = n;
	/* mysql:8, not mysql-exporter */
	if (image.ptr[n] == '-' || span_eq(image, SPAN("login")))
		return 0;
	return mask_password_option(image);
}

bool mask_is_user_option(struct span option)
{
	return span_eq(option, SPAN("-u")) || span_eq(option, SPAN("-U")) ||
	       span_eq(option, SPAN("--user")) || span_eq(option, SPAN("--proxy-user"));
}

static struct span command_before(const struct pair *p, size_t off)
{
	size_t at = off;

	while (at > p->begin && off - at < MASK_LOOK_MAX / 2 && !is_end_of_line(p->text[at - 1]) &&
		!is_in(p->text[at - 1], ";|&"))
		at--;
	return (struct span){p->text + at, off - at};
}

static int mask_word(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	while (p->value < p->end && is_blank(p->text[p->value]))
		p->value++;
	if (p->value >= p->end || is_white(p->text[p->value]))
		return 0;
	if (!pair_find_quoted_value(p))
		p->value_end = pair_end_of_word(p, p->value, ";|&");
	*ret_end = p->value_end;
	return pair_mask(f, p, NAME_STRONG, RULE_COMMAND_OPTION);
}

/* smbclient -U user%password, lftp -u user,password */
static char user_separator(struct span command)
{
	if (memmem(command.ptr, command.len, "lftp", 4))
		return ',';
	if (memmem(command.ptr, command.len, "smb", 3) ||
		memmem(command.ptr, command.len, "rpc", 3) ||
		memmem(command.ptr, command.len, "win", 3) ||
		memmem(command.ptr, command.len, "net ", 4))
		return '%';
	return ':';
}

size_t mask_user_password(struct span word, struct span command)
{
	char sign = user_separator(command);
	const char *colon = memchr(word.ptr, sign, word.len);
	size_t digits = 0;

	if (!colon && sign != ':')
		colon = memchr(word.ptr, ':', word.len);
	while (digits < word.len && (is_digit(word.ptr[digits]) || word.ptr[digits] == ':'))
		digits++;
	/* 1000:1000 is a user and a group */
	return colon && digits < word.len ? (size_t)(colon + 1 - word.ptr) : word.len;
}

/* -u user:password; p->value: behind the option. */
static int mask_user_option(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	while (p->value < p->end && (is_blank(p->text[p->value]) || p->text[p->value] == '='))
		p->value++;
	if (!pair_find_quoted_value(p))
		p->value_end = pair_end_of_word(p, p->value, ";|&");
	p->value += mask_user_password((struct span){p->text + p->value, p->value_end - p->value},
		command_before(p, p->name));
	if (p->value == p->value_end)
		return 0;
	*ret_end = p->value_end;
	return pair_mask(f, p, NAME_STRONG, RULE_COMMAND_OPTION);
}

/* What echo and printf write into the command that p->name stands in, as the value of the pair. */
static bool find_piped(struct pair *p)
{
	struct span command = command_before(p, p->name);
	size_t pipe = (size_t)(command.ptr - p->text), at;

	if (pipe <= p->begin || p->text[pipe - 1] != '|')
		return false;
	command = command_before(p, pipe - 1);
	at = (size_t)(command.ptr - p->text);
	while (at < pipe && is_blank(p->text[at]))
		at++;
	if (!begins(p->text + at, p->text + pipe, SPAN("echo ")) &&
		!begins(p->text + at, p->text + pipe, SPAN("printf ")))
		return false;
	p->value = at + (p->text[at] == 'e' ? 5 : 7);
	p->value_end = pipe - 1;
	while (p->value_end > p->value && is_blank(p->text[p->value_end - 1]))
		p->value_end--;
	return p->value_end > p->value;
}

bool mask_takes_secret(const char *p, const char *end)
{
	static const char *const programs[] = {"chpasswd", "passwd", "sudo -S", "kinit",
		"cryptsetup", "passphrase-fd", "pass stdin", "vault login", "--with-token",
		"-stdin", "wpa_passphrase", "veracrypt", "--password-fd"};
	const char *at = p + 1, *stop;

	if (end - at > MASK_LOOK_MAX / 8)
		end = at + MASK_LOOK_MAX / 8;
	for (stop = at; stop < end && !is_end_of_line(*stop) && !is_in(*stop, ";|&"); stop++)
		;
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		if (memmem(at, (size_t)(stop - at), programs[i], strlen(programs[i])))
			return true;
	}
	return false;
}

int mask_piped_into(struct mask_frame *f, size_t begin, size_t end, size_t pipe)
{
	struct pair p = {.f = f, .text = f->text.ptr, .begin = begin, .end = end, .name = pipe + 1};

	return find_piped(&p) ? pair_mask(f, &p, NAME_STRONG, RULE_COMMAND_OPTION) : 0;
}

/* echo password | tool --password-stdin */
static int mask_piped(struct mask_frame *f, struct pair *p)
{
	return find_piped(p) ? pair_mask(f, p, NAME_STRONG, RULE_COMMAND_OPTION) : 0;
}

#define ENCODED_MIN 16

int mask_piped_base64(struct mask_frame *f, size_t begin, size_t end, size_t off, size_t *ret_end)
{
	struct pair p = {.f = f, .text = f->text.ptr, .begin = begin, .end = end, .name = off};
	size_t at;

	*ret_end = off;
	if (!begins(p.text + off, p.text + end, SPAN("base64 -")) || !find_piped(&p))
		return 0;
	while (p.value_end > p.value && is_quote(p.text[p.value_end - 1]))
		p.value_end--;
	at = p.value_end;
	while (at > p.value && (is_alnum(p.text[at - 1]) || is_in(p.text[at - 1], "+/=-_")))
		at--;
	if (p.value_end - at < ENCODED_MIN)
		return 0;
	return mask_base64_run(f, at, p.value_end - at);
}

/* powershell -EncodedCommand base64 */
static int mask_encoded_command(struct mask_frame *f, const struct pair *p)
{
	size_t at = p->name_end, len;

	while (at < p->end && is_blank(p->text[at]))
		at++;
	len = mask_tail_len(p->text + at, p->text + p->end, TAIL_BASE64);
	return len >= ENCODED_MIN ? mask_base64_run(f, at, len) : 0;
}

static int mask_short_option(struct mask_frame *f, struct pair *p, size_t *ret_end)
{
	char option = p->text[p->name];

	p->value = p->name + 1;
	if (option == 'u' || option == 'U')
		return mask_user_option(f, p, ret_end);
	if (mask_password_option(command_before(p, p->name)) != option)
		return 0;
	return mask_word(f, p, ret_end);
}

int mask_option(struct mask_frame *f, size_t begin, size_t end, size_t off, size_t *ret_end)
{
	struct pair p = {.f = f, .text = f->text.ptr, .begin = begin, .end = end, .name = off};
	size_t dashes = 0;

	if (off > begin && !is_white(p.text[off - 1]) && !is_quote(p.text[off - 1]))
		return 0;
	while (dashes < 2 && off + dashes < end && p.text[off + dashes] == '-')
		dashes++;
	p.name = p.name_end = off + dashes;
	while (p.name_end < end && is_name_byte(p.text[p.name_end]))
		p.name_end++;
	if (p.name_end == p.name || p.text[p.name] == '-')
		return 0;
	if (dashes == 1 && begins_case(p.text + p.name, p.text + p.name_end, SPAN("enc")))
		return mask_encoded_command(f, &p);
	if (dashes == 1) {
		if (mask_short_option(f, &p, ret_end) < 0)
			return -1;
		if (*ret_end > off)
			return 0;
	}
	if (dashes == 2 && mask_is_user_option((struct span){p.text + off, p.name_end - off})) {
		p.value = p.name_end;
		return mask_user_option(f, &p, ret_end);
	}
	if (dashes == 2 && p.name_end - p.name > 6 &&
		begins(p.text + p.name_end - 6, p.text + end, SPAN("-stdin")) &&
		mask_name_class(f->ctx->m, pair_name(&p)) == NAME_STRONG)
		return mask_piped(f, &p);
	if (p.name_end == end || !is_blank(p.text[p.name_end]) || p.name_end - p.name < 2 ||
		mask_name_class(f->ctx->m, pair_name(&p)) != NAME_STRONG)
		return 0;
	p.value = p.name_end;
	while (p.value < end && is_blank(p.text[p.value]))
		p.value++;
	return p.value < end && p.text[p.value] != '-' ? mask_word(f, &p, ret_end) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines and URIs: their words, options and passwords. */
#pragma once

#include "common/mask/mask_walk_internal.h"

/* beside: the object that the list stands in may name the program elsewhere; NULL: none. */
int mask_command_list(struct mask_frame *f, json_ref array, const struct mask_shape *beside,
	struct mask_where w) _must_check_;
/* What held before a $( in it. */
struct mask_command_outer {
	bool all, names;
};
/* What earlier words of a command line say of the next one. */
struct mask_command {
	unsigned index;
	bool next_is_secret; /* --password */
	bool next_is_user;   /* --user user:password */
	bool all;	     /* echo …: everything that follows */
	bool names;	     /* rm, kubectl …: what follows are names of things */
	bool table;	     /* DROP TABLE, --topic: a name follows */
	bool vault;	     /* the program is vault: a token follows its `login` */
	bool secret;	     /* auth …: a secret follows */
	bool redirect;	     /* > and <: a file follows */
	bool wants_program;  /* sudo, |, $( …: a program follows */
	unsigned depth;	     /* of $( */
	struct mask_command_outer outer[8];
	char password_options[4];
};
/* One word of a command line (or a script in one): the whole text of f. */
int mask_command_element(struct mask_frame *f, struct mask_command *c, bool exec) _must_check_;
/* The one-letter option with which a program named in command takes a password, or 0. */
/* Once, before any masking. */
void mask_option_init(void);
char mask_password_option(struct span command);
/* The same for the program that an image is named after ("docker.io/library/mysql:8"). */
char mask_image_option(struct span image);
/* Does a user, with a password perhaps, follow? -u, --user. */
bool mask_is_user_option(struct span option);
/* Where the password in "user:password" begins, or as command wants it; word.len when there is
 * none.
 */
size_t mask_user_password(struct span word, struct span command);
/* The whole text is a URI; proxy_path: it is the part behind …/proxy. */
int mask_uri(struct mask_frame *f, bool proxy_path) _must_check_;
/* The same for a string on the tape. */
int mask_uri_value(struct mask_frame *f, json_ref r, bool proxy_path) _must_check_;
/* Is the URI about Secrets? Requests without an objectRef tell by it alone. */
bool mask_uri_names_secrets(struct mask_frame *f, json_ref uri);
/* ---- mask_exec_word.c ---- */
/* A plain word, an option, a path, a small number: harmless whatever the command. */
bool mask_harmless_word(struct span word);
/* Does the word of a command stay as it is, after what the words before it say? */
bool mask_exec_stays(struct mask_frame *f, const struct mask_command *c, struct span word);
/* ---- mask_exec.c ---- */
/* The word is the program that the others are for. */
void mask_exec_program(struct mask_command *c, struct span word);
/* Masks the words of f->text[off..off+len) that may be secrets, as what is run with exec. */
int mask_exec_words(
	struct mask_frame *f, size_t off, size_t len, struct mask_command *c) _must_check_;
/* Commands for a shell, where a secret would stand? Then its words are judged one by one. */
bool mask_is_code(struct span s);
int mask_code(struct mask_frame *f, size_t off, size_t len) _must_check_;

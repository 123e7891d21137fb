/* SPDX-License-Identifier: Apache-2.0 */
/* The scan for patterns in one text, as it goes along: mask_text.c, and the patterns that have
 * files of their own. */
#pragma once

#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_text_internal.h"

/* The text under the scan. A pattern that masks something returns where to go on. */
struct scan {
	struct mask_frame *f;
	size_t begin, end, at;
	/* The end of the run of base64 last looked at, and which beginnings in it were looked into:
	 * a bit for each, and for each of the four ways to cut the bytes into groups. */
	size_t base64_end;
	uint32_t base64_tried;
};

static inline const char *scan_at(const struct scan *s)
{
	return s->f->text.ptr + s->at;
}

static inline const char *scan_end(const struct scan *s)
{
	return s->f->text.ptr + s->end;
}

static inline bool at_word(const struct scan *s)
{
	return s->at == s->begin || !is_alnum(scan_at(s)[-1]);
}

static inline int masked(struct scan *s, size_t off, size_t len, enum mask_rule rule)
{
	s->at = off + len;
	return mask_range(s->f, off, len, rule);
}

/*
 * A pattern each, which may begin at s->at. They mask what it is about and move s->at behind it, or
 * leave s->at as it is when nothing is found. Errors: -1 when there is no room for the edit.
 */
/* ---- mask_scan_base64.c ---- */
int scan_base64(struct scan *s) _must_check_;
int scan_decoder(struct scan *s) _must_check_;
int scan_data_uri(struct scan *s) _must_check_;
/* ---- mask_scan_url.c ---- */
int scan_oracle(struct scan *s) _must_check_;
int scan_hook(struct scan *s) _must_check_;
int scan_userinfo(struct scan *s) _must_check_;
int scan_dsn(struct scan *s) _must_check_;

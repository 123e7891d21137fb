/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of Kubernetes: Secrets, patches, Tables, managed fields, requests. */
#pragma once

#include "common/mask/mask_walk_internal.h"

bool mask_is_secret(
	struct mask_frame *f, json_ref r, const struct mask_shape *s, struct mask_where w);
int mask_secret(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;
/* Each value of data or stringData. */
int mask_secret_values(struct mask_frame *f, json_ref v, bool base64) _must_check_;
int mask_patch_op(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;
int mask_table(struct mask_frame *f, json_ref r, const struct mask_shape *s,
	struct mask_where w) _must_check_;
int mask_managed_fields(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;
int mask_user_extra(struct mask_frame *f, json_ref r) _must_check_;
int mask_admission_request(struct mask_frame *f, json_ref r, struct mask_where w) _must_check_;
/* Flags for what a target names ("secrets", "pods/exec"). */
unsigned mask_target_flags(struct span group, struct span resource, struct span subresource);
int mask_secret_message(struct mask_frame *f, json_ref r) _must_check_;

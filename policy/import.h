/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ValidatingAdmissionPolicies and MutatingAdmissionPolicies, with their bindings, as guardrail
 * policies that give the same verdicts. What cannot be carried over is named, with its place, and
 * its policy left out: half of one would be another policy.
 *
 * Shapes: k8s.io/api/admissionregistration/v1, and v1beta1, v1alpha1 of the same fields.
 */
#pragma once

#include "common/yaml/errors.h"

/* Zeroed to begin with; policy_imported_free() in the end. */
struct policy_imported {
	struct buf text; /* YAML, a document for each binding of a policy */
	unsigned written, left_out;
	struct yaml_errors problems; /* why something was left out, or a file cannot be read */
	struct yaml_errors notes;    /* what is said otherwise, without a verdict being another */
};

/* Files and folders; objects of other kinds are left alone. Errors: -1, no file could be used. */
int policy_import(const char *const *paths, size_t count, struct policy_imported *ret) _must_check_;
void policy_imported_free(struct policy_imported *p); /* fit for _cleanup_ */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs by which an API server asks whether somebody may become somebody else
 * (k8s.io/apiserver/pkg/endpoints/filters/impersonation, KEP-5284):
 *
 *   impersonate               of users, groups and service accounts in the core group, of uids and
 *                             userextras in authentication.k8s.io: all that there was before 1.35
 *   impersonate:MODE          the same, constrained: user-info, serviceaccount, arbitrary-node,
 *                             associated-node; everything in authentication.k8s.io
 *   impersonate-on:MODE:VERB  what is then done, on the resource that it is done to
 *
 * Constrained ones are asked first (on by default from 1.36), then the old one: who is denied both
 * does not become anybody. What was granted is kept for 10 s by the API server.
 */
#pragma once

#include "policy/review/request.h"

enum impersonation {
	IMPERSONATION_NONE,
	IMPERSONATION_OF, /* impersonate, impersonate:MODE: of whom */
	IMPERSONATION_ON, /* impersonate-on:MODE:VERB: to do what */
};
enum impersonation impersonation_kind(struct span verb);

/* VERB of impersonate-on:MODE:VERB; any other verb is returned as it is. */
struct span impersonation_action(struct span verb);

/*
 * The question impersonate:MODE in the words of the old one: verb `impersonate`, users, groups and
 * service accounts in the core group, a node as the user system:node:NAME. Any other request is
 * returned as it is. name_room: at least IMPERSONATION_NAME_MAX bytes, as long-lived as the result;
 * a longer node name (Kubernetes has none) stays without its prefix.
 */
#define IMPERSONATION_NAME_MAX 512
struct policy_request impersonation_plain(
	const struct policy_request *r, char name_room[static IMPERSONATION_NAME_MAX]);

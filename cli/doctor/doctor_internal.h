/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks share: what is looked at, and what was found. A check is one function and one row
 * of the table in doctor.c; it adds a finding for each thing that it looked at, all under its own
 * name. One that cannot look says so: a check that was not made is never taken for one that passed.
 */
#pragma once

#include "cli/doctor/doctor.h"
#include "cli/kubectl/kube_client.h"
#include "common/json/json.h"
#include "policy/coverage.h"

#define DOCTOR_TEXT_MAX 1024

/* What mends more than one thing. */
#define DOCTOR_UPGRADE	   "install a newer holdpoint than this: holdpoint version"
#define DOCTOR_WEBHOOK_LOG "read its log: kubectl -n holdpoint-system logs deploy/holdpoint-webhook"

enum doctor_status {
	DOCTOR_OK,
	DOCTOR_SKIPPED, /* not asked for: shown with --all only */
	DOCTOR_WARN,
	DOCTOR_FAIL,
};

struct doctor_finding {
	const char *check;
	enum doctor_status status;
	const char *what;
	const char *mend; /* a command, or a step that begins with a verb; of OK and SKIPPED NULL */
};

struct doctor_options {
	struct kube_options kube;
	const char *database_url, *output, *cluster;
	const char *webhook_url, *authorization_config;
	struct flag_list policies, metrics_urls;
	bool all, static_manifests, without_kubernetes;
};

struct doctor {
	const struct command *self;
	struct arena *arena;
	struct doctor_options options;
	const char *check; /* the name of the one that runs */

	bool has_kube;
	struct kube_config kube;
	unsigned minor;			      /* of the API server; 0: not known */
	bool managed;			      /* a cloud's control plane, by its version */
	const char *kube_version;	      /* "v1.36.2" */
	int64_t kube_date_ms, kube_asked_ms;  /* its clock, and ours then; 0: not known */
	struct json_doc validating, mutating; /* lists of webhook configurations */
	bool has_registration;

	const char *webhook_address; /* of the first webhook configuration; NULL: none yet */
	struct pg_conn *db;	     /* NULL: there is none */
	struct policy_set *set;	     /* in force, or of --policy; NULL: not known */
	bool asked;		     /* /authorize: about some subject */
	bool probed;		     /* the API server was asked */

	struct doctor_finding *findings;
	size_t count;
	bool failed; /* memory */
};

typedef void (*doctor_check_fn)(struct doctor *d);

/* ---- doctor_findings.c: what was found ---- */

#define DOCTOR_FINDINGS_MAX 1000u

/* mend: see there; a WARN or FAIL has one. The texts are printed as they are: they may come from a
 * cluster. */
void doctor_say(struct doctor *d, enum doctor_status status, const char *mend, const char *fmt, ...)
	_printf_(4, 5);
#define doctor_ok(d, ...)	  doctor_say((d), DOCTOR_OK, NULL, __VA_ARGS__)
#define doctor_skip(d, ...)	  doctor_say((d), DOCTOR_SKIPPED, NULL, __VA_ARGS__)
#define doctor_warn(d, mend, ...) doctor_say((d), DOCTOR_WARN, (mend), __VA_ARGS__)
#define doctor_fail(d, mend, ...) doctor_say((d), DOCTOR_FAIL, (mend), __VA_ARGS__)

/* A text in the arena; "" when it is full. */
const char *doctor_text(struct doctor *d, const char *fmt, ...) _printf_(2, 3);

enum doctor_status doctor_worst(const struct doctor *d);
/* For people, and for programs; the latter returns the exit code. */
void doctor_print_table(const struct doctor *d);
int doctor_print_json(const struct doctor *d);

/* ---- doctor_kube.c: the API server ---- */

/* GET (body NULL) or POST. The document of the answer; -1: none was got (a finding says so), or its
 * status is not 200 or 201: *ret_status says which, nothing was found, and *ret is what came with
 * it, empty if that was no JSON. */
int doctor_request(struct doctor *d, const char *path, const char *body, struct json_doc *ret,
	long *ret_status);
/* The text at a pointer, for printing; "" when there is none. */
const char *doctor_field(
	struct doctor *d, const struct json_doc *doc, json_ref object, const char *pointer);

void doctor_check_api_server(struct doctor *d);
void doctor_check_admission(struct doctor *d);
void doctor_check_authorizer(struct doctor *d);

/* ---- doctor_registration.c ---- */

void doctor_check_registration(struct doctor *d);
void doctor_check_addresses(struct doctor *d);
void doctor_check_rules(struct doctor *d);
void doctor_check_failure_policy(struct doctor *d);
void doctor_check_match_policy(struct doctor *d);
void doctor_check_selectors(struct doctor *d);
void doctor_check_conditions(struct doctor *d);
void doctor_check_timeouts(struct doctor *d);

/* ---- doctor_certificates.c ---- */

void doctor_check_ca_bundle(struct doctor *d);
void doctor_check_served_certificate(struct doctor *d);

/* ---- doctor_database.c ---- */

/* Rows, or NULL and a finding that says why there are none. */
struct pg_result *doctor_query(
	struct doctor *d, const struct pg_stmt *stmt, const struct span *params);

void doctor_check_database(struct doctor *d);
void doctor_check_schema(struct doctor *d);
void doctor_check_roles(struct doctor *d);
void doctor_check_owner(struct doctor *d);
void doctor_check_partitions(struct doctor *d);
void doctor_check_config(struct doctor *d);
void doctor_check_clock(struct doctor *d);

/* ---- doctor_guards.c: what protects the record ---- */

void doctor_check_guards(struct doctor *d);
void doctor_check_grants(struct doctor *d);
void doctor_check_settings(struct doctor *d);

/* ---- doctor_decisions.c: whether somebody decides, and hears of it ---- */

void doctor_check_enforcement(struct doctor *d);
void doctor_check_deciders(struct doctor *d);
void doctor_check_reviews(struct doctor *d);
void doctor_check_notifications(struct doctor *d);
void doctor_check_floods(struct doctor *d);

/* ---- doctor_records.c: what the daemons left in the database ---- */

/* Before the checks: the policies in force. */
void doctor_load_policies(struct doctor *d);

void doctor_check_webhooks(struct doctor *d);
void doctor_check_policies(struct doctor *d);
void doctor_check_unasked(struct doctor *d);
void doctor_check_audit(struct doctor *d);
void doctor_check_linked(struct doctor *d);

/* ---- doctor_daemons.c: --metrics-url ---- */

void doctor_check_daemons(struct doctor *d);

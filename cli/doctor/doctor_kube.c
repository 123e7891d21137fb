/* SPDX-License-Identifier: Apache-2.0 */
/* What the API server says of itself, and whether it asks Holdpoint; see doctor_internal.h. */
#include <stdio.h>
#include <time.h>

#include "cli/doctor/doctor_internal.h"
#include "cli/kubectl/kubectl_review.h"
#include "common/base/clock.h"
#include "policy/registration.h"

#define OLDEST_MINOR 20u /* that the end-to-end tests run with */
#define REGISTRATION "/apis/admissionregistration.k8s.io/v1/"
#define SAR_PATH     "/apis/authorization.k8s.io/v1/subjectaccessreviews"
#define PROBE                                                                                      \
	"\"resourceAttributes\":{\"verb\":\"get\",\"group\":\"" REGISTRATION_PROBE_GROUP           \
	"\",\"version\":\"v1alpha1\",\"resource\":\"" REGISTRATION_PROBE_RESOURCE                  \
	"\",\"subresource\":\"\",\"namespace\":\"\",\"name\":\"%"                                  \
	"llx\"}"
#define PROBE_COMMON                                                                               \
	"\"resourceAttributes\":{\"verb\":\"create\",\"group\":"                                   \
	"\"" REGISTRATION_PROBE_COMMON_GROUP "\",\"version\":\"v1\",\"resource\":"                 \
	"\"" REGISTRATION_PROBE_COMMON_RESOURCE                                                    \
	"\",\"subresource\":\"\",\"namespace\":\"\",\"name\":\"" REGISTRATION_PROBE_COMMON_NAME    \
	"%llx\"}"
#define SUBJECTS_MAX 50u

/* ---- asking ---- */

/* A refusal may be no JSON ("404 page not found"): *ret is empty then. */
static int read_answer(struct doctor *d, const struct kube_answer *answer, struct json_doc *ret)
{
	struct span text = buf_span(&answer->body);
	char *copy = arena_strndup(d->arena, text.ptr ? text.ptr : "", text.len);

	if (copy && json_read(copy, text.len, &kubectl_limits, d->arena, ret, NULL) == 0)
		return 0;
	*ret = (struct json_doc){0};
	if (answer->status >= 400)
		return 0;
	doctor_fail(d, "see whether the kubeconfig names an API server: kubectl cluster-info",
		"the API server's answer is no JSON (HTTP %ld)", answer->status);
	return -1;
}

/* "Tue, 15 Nov 1994 08:12:31 GMT", against our clock now. */
static void note_date(struct doctor *d, const char *date)
{
	struct tm tm = {0};

	if (!*date || !strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		return;
	d->kube_date_ms = (int64_t)timegm(&tm) * 1000;
	d->kube_asked_ms = realtime_us() / 1000;
}

int doctor_request(struct doctor *d, const char *path, const char *body, struct json_doc *ret,
	long *ret_status)
{
	_cleanup_(kube_answer_free) struct kube_answer answer = {0};
	struct err e;

	*ret_status = 0;
	if (kube_request(&d->kube, path, body, &answer, &e) < 0) {
		doctor_fail(
			d, "kubectl cluster-info", "the API server cannot be reached: %s", e.msg);
		d->has_kube = d->has_registration = false; /* not waited for again */
		return -1;
	}
	*ret_status = answer.status;
	note_date(d, answer.date);
	if (read_answer(d, &answer, ret) < 0) {
		*ret_status = 0;
		return -1;
	}
	return answer.status == 200 || answer.status == 201 ? 0 : -1;
}

const char *doctor_field(
	struct doctor *d, const struct json_doc *doc, json_ref object, const char *pointer)
{
	return kubectl_field(doc, object, pointer, d->arena);
}

/* ---- what it is ---- */

static bool load_list(struct doctor *d, const char *plural, struct json_doc *ret)
{
	long status;

	if (doctor_request(d, doctor_text(d, REGISTRATION "%s", plural), NULL, ret, &status) == 0)
		return true;
	if (status)
		doctor_fail(d, "use a kubeconfig that may list them",
			"%s cannot be looked at (HTTP %ld)", plural, status);
	return false;
}

/* Clouds put their name behind the version: v1.32.1-eks-5b1e9d1, v1.31.4-gke.1183000. */
static const char *cloud_of(const char *version)
{
	return strstr(version, "-eks-") ? "EKS" : strstr(version, "-gke.") ? "GKE" : NULL;
}

void doctor_check_api_server(struct doctor *d)
{
	struct json_doc doc;
	const char *cloud;
	long status;

	if (doctor_request(d, "/version", NULL, &doc, &status) < 0) {
		if (status)
			doctor_fail(d, "see what kubectl version says",
				"does not say its version (HTTP %ld)", status);
		d->has_kube = false;
		return;
	}
	d->kube_version = doctor_field(d, &doc, JSON_ROOT, "/gitVersion");
	if (sscanf(d->kube_version, "v1.%u", &d->minor) != 1)
		d->minor = 0;
	cloud = cloud_of(d->kube_version);
	d->managed = cloud != NULL;
	if (d->minor > 0 && d->minor < OLDEST_MINOR)
		doctor_warn(d, "upgrade the control plane: kubeadm upgrade plan",
			"Kubernetes %s is older than what Holdpoint was tried with (1.%u)",
			d->kube_version, OLDEST_MINOR);
	else
		doctor_ok(d, "Kubernetes %s", d->kube_version);
	if (cloud)
		doctor_warn(d, "take reading of secrets and impersonation from agents with RBAC",
			"%s has no authorization webhook: rules with verbs guard nothing there, "
			"and the audit log is imported (docs/audit.md)",
			cloud);
	d->has_registration = !d->options.static_manifests &&
			      load_list(d, "validatingwebhookconfigurations", &d->validating) &&
			      load_list(d, "mutatingwebhookconfigurations", &d->mutating);
}

/* ---- does it ask for admission? ---- */

/* RBAC's refusal names holdreviews.holdpoint.dev too; the API server puts this before a webhook's.
 */
static bool is_webhook_denial(const char *message)
{
	return strstr(message, "admission webhook \"") &&
	       strstr(message, ".holdpoint.dev\" denied the request");
}

void doctor_check_admission(struct doctor *d)
{
	static const char body[] =
		"{\"apiVersion\":\"holdpoint.dev/v1alpha1\",\"kind\":\"HoldReview\",\"metadata\":{"
		"\"generateName\":\"doctor-\"},\"spec\":{\"decision\":\"List\"}}";
	struct json_doc doc = {0};
	const char *message;
	long status;

	if (doctor_request(d, KUBECTL_REVIEWS_PATH "?dryRun=All", body, &doc, &status) == 0) {
		if (json_pointer_str(&doc, JSON_ROOT, "/status") != JSON_NONE)
			doctor_ok(d, "the API server asks the webhooks");
		else
			doctor_fail(d, "kubectl apply -k DIR/registration",
				"the API server does not ask the mutating webhook: a HoldReview "
				"came back without its answer");
		return;
	}
	if (!status)
		return;
	message = doc.len ? doctor_field(d, &doc, JSON_ROOT, "/message") : "";
	if (status == 404)
		doctor_warn(d, "kubectl apply -f manifests/base/holdreview.yaml",
			"there are no HoldReviews: nobody approves with kubectl, and whether the "
			"webhooks are asked is not tried");
	else if (status == 403 && !is_webhook_denial(message))
		doctor_fail(d, "use a kubeconfig that may create holdreviews.holdpoint.dev",
			"whether the webhooks are asked cannot be tried: %s", message);
	else if (status == 403)
		doctor_ok(d, "the API server asks the webhooks: %s", message);
	else
		doctor_fail(d, "holdpoint doctor --webhook-url URL; " DOCTOR_WEBHOOK_LOG,
			"the API server cannot ask the webhook (HTTP %ld): %s", status, message);
}

/* ---- does it ask for authorization? ---- */

struct probing {
	struct doctor *d;
	size_t asked, missed, tried;
	bool ended;  /* before all were asked about */
	bool cut;    /* SUBJECTS_MAX were */
	bool common; /* what RBAC allows everybody */
};

/* What the webhook says when it is asked; NULL: somebody else answered. */
static const char *own_answer(struct doctor *d, const struct json_doc *doc)
{
	return strstr(doctor_field(d, doc, JSON_ROOT, "/status/reason"), REGISTRATION_PROBE_ANSWER);
}

static void judge_answer(struct probing *p, const char *subject, const char *answer, bool allowed)
{
	struct doctor *d = p->d;
	size_t len = strlen(d->options.cluster);
	const char *cluster = answer ? answer + strlen(REGISTRATION_PROBE_ANSWER) : NULL;

	if (!answer && p->common) {
		p->missed++;
		doctor_fail(d,
			"put the authorizer of type Webhook before Node and RBAC in the API "
			"server's configuration: holdpoint policy authorizer POLICIES",
			"%s: the API server asks RBAC before /authorize, so rules with verbs do "
			"not guard what RBAC allows them",
			subject);
		return;
	}
	if (!answer) {
		p->missed++;
		doctor_fail(d,
			d->managed ? "take the rights away with RBAC"
				   : "holdpoint policy authorizer POLICIES > authorization.yaml, "
				     "on every control plane node",
			"%s: the API server does not ask /authorize about them%s, so rules with "
			"verbs (reads, impersonation) do not guard",
			subject, allowed ? ", or RBAC before it" : "");
		return;
	}
	p->asked++;
	if (p->common)
		return;
	if (strncmp(cluster, d->options.cluster, len) != 0 || cluster[len] != ' ')
		doctor_fail(d, "give this command the --cluster of holdpoint-webhook",
			"%s: the webhook that answers calls this cluster %.*s, not %s", subject,
			(int)strcspn(cluster, " "), cluster, d->options.cluster);
}

static bool probe(const char *policy, const char *subject, struct span spec, void *arg)
{
	struct probing *p = arg;
	struct doctor *d = p->d;
	struct json_doc doc = {0};
	const char *body;
	long status;

	(void)policy;
	if (p->tried++ == SUBJECTS_MAX) {
		p->cut = true;
		if (p->common)
			return false; /* said already */
		doctor_warn(d, "holdpoint doctor --policy FILE, for one file of policies at a time",
			"more than %u subjects: the others are not asked about", SUBJECTS_MAX);
		return false;
	}
	body = arena_printf(d->arena,
		"{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\","
		"\"spec\":%.*s}",
		SPAN_FMT(spec))
		       .ptr;
	if (!body)
		return false;
	if (doctor_request(d, SAR_PATH, body, &doc, &status) < 0) {
		p->ended = true;
		if (status)
			doctor_fail(d,
				status == 403 || status == 401
					? "use a kubeconfig that may create subjectaccessreviews"
					: "holdpoint doctor --webhook-url URL; " DOCTOR_WEBHOOK_LOG,
				"whether /authorize is asked cannot be tried (HTTP %ld)", status);
		return false;
	}
	judge_answer(p, subject, own_answer(d, &doc),
		strcmp(doctor_field(d, &doc, JSON_ROOT, "/status/allowed"), "true") == 0);
	return true;
}

/* Asks about each subject; a name that was never asked about, so that no cache answers. */
static struct probing probe_all(struct doctor *d, bool common)
{
	unsigned long long name = (unsigned long long)(uintptr_t)d ^ (unsigned long long)time(NULL)
									     << 20;
	const char *attributes =
		common ? doctor_text(d, PROBE_COMMON, name) : doctor_text(d, PROBE, name);
	struct probing p = {.d = d, .common = common};

	coverage_each_subject(d->set, attributes, probe, &p);
	return p;
}

void doctor_check_authorizer(struct doctor *d)
{
	struct probing p;

	if (!d->set) {
		doctor_fail(d, "give --policy, or a login in holdpoint_auditor",
			"not tried: the policies in force are not known");
		return;
	}
	if (coverage_authorization_rules(d->set) == 0) {
		doctor_ok(d, "no rule has verbs: none is needed");
		return;
	}
	p = probe_all(d, false);
	d->probed = !p.ended && p.tried > 0;
	d->asked = p.asked > 0;
	if (d->probed && p.missed == 0 && probe_all(d, true).missed > 0)
		return;
	if (d->probed && p.missed == 0 && !p.cut)
		doctor_ok(d, "the API server asks about all %zu subjects of rules with verbs",
			p.asked);
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
)

// RBAC: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac is in no package, so this evaluates the
// stored objects by the rules of https://kubernetes.io/docs/reference/access-authn-authz/rbac/. Who
// writes roles and bindings is not checked for escalation, and nobody aggregates ClusterRoles.
type rbac struct {
	clusterRoles    rbaclisters.ClusterRoleLister
	clusterBindings rbaclisters.ClusterRoleBindingLister
	roles           rbaclisters.RoleLister
	bindings        rbaclisters.RoleBindingLister
}

func newRBAC(factory informers.SharedInformerFactory) *rbac {
	of := factory.Rbac().V1()
	r := &rbac{of.ClusterRoles().Lister(), of.ClusterRoleBindings().Lister(), of.Roles().Lister(), of.RoleBindings().Lister()}
	of.ClusterRoles().Informer()
	of.ClusterRoleBindings().Informer()
	of.Roles().Informer()
	of.RoleBindings().Informer()
	return r
}

func (r *rbac) Authorize(_ context.Context, a authorizer.Attributes) (decision authorizer.Decision, reason string, err error) {
	decision = authorizer.DecisionNoOpinion
	err = r.visit(a.GetUser(), a.GetNamespace(), func(binding string, rules []rbacv1.PolicyRule) bool {
		for i := range rules {
			if allows(&rules[i], a) {
				decision, reason = authorizer.DecisionAllow, "RBAC: allowed by "+binding
				return false
			}
		}
		return true
	})
	if decision == authorizer.DecisionAllow {
		err = nil
	}
	return decision, reason, err
}

// RulesFor is what `kubectl auth can-i --list` shows.
func (r *rbac) RulesFor(_ context.Context, who user.Info, namespace string) (resources []authorizer.ResourceRuleInfo,
	paths []authorizer.NonResourceRuleInfo, incomplete bool, err error) {
	err = r.visit(who, namespace, func(_ string, rules []rbacv1.PolicyRule) bool {
		for _, rule := range rules {
			if len(rule.Resources) > 0 {
				resources = append(resources, &authorizer.DefaultResourceRuleInfo{Verbs: rule.Verbs,
					APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames})
			}
			if len(rule.NonResourceURLs) > 0 {
				paths = append(paths, &authorizer.DefaultNonResourceRuleInfo{Verbs: rule.Verbs, NonResourceURLs: rule.NonResourceURLs})
			}
		}
		return true
	})
	return resources, paths, err != nil, err
}

// visit shows the rules of each binding that is about somebody, until it is told to stop. A role that
// is not there gives nothing.
func (r *rbac) visit(who user.Info, namespace string, see func(binding string, rules []rbacv1.PolicyRule) bool) error {
	bindings, err := r.clusterBindings.List(labels.Everything())
	if err != nil {
		return err
	}
	for _, b := range bindings {
		if about(b.Subjects, who, "") {
			name := fmt.Sprintf("ClusterRoleBinding %q of ClusterRole %q", b.Name, b.RoleRef.Name)
			if !see(name, r.rulesOf(b.RoleRef, "")) {
				return nil
			}
		}
	}
	if namespace == "" {
		return nil
	}
	local, err := r.bindings.RoleBindings(namespace).List(labels.Everything())
	if err != nil {
		return err
	}
	for _, b := range local {
		if about(b.Subjects, who, namespace) {
			name := fmt.Sprintf("RoleBinding \"%s/%s\" of %s %q", b.Name, namespace, b.RoleRef.Kind, b.RoleRef.Name)
			if !see(name, r.rulesOf(b.RoleRef, namespace)) {
				return nil
			}
		}
	}
	return nil
}

func (r *rbac) rulesOf(role rbacv1.RoleRef, namespace string) []rbacv1.PolicyRule {
	switch role.Kind {
	case "ClusterRole":
		if found, err := r.clusterRoles.Get(role.Name); err == nil {
			return found.Rules
		}
	case "Role":
		if found, err := r.roles.Roles(namespace).Get(role.Name); err == nil {
			return found.Rules
		}
	}
	return nil
}

func about(subjects []rbacv1.Subject, who user.Info, namespace string) bool {
	for _, s := range subjects {
		switch s.Kind {
		case rbacv1.UserKind:
			if s.Name == who.GetName() {
				return true
			}
		case rbacv1.GroupKind:
			if slices.Contains(who.GetGroups(), s.Name) {
				return true
			}
		case rbacv1.ServiceAccountKind:
			in := s.Namespace
			if in == "" {
				in = namespace
			}
			if in != "" && serviceaccount.MakeUsername(in, s.Name) == who.GetName() {
				return true
			}
		}
	}
	return false
}

func allows(rule *rbacv1.PolicyRule, a authorizer.Attributes) bool {
	if !has(rule.Verbs, a.GetVerb()) {
		return false
	}
	if !a.IsResourceRequest() {
		return slices.ContainsFunc(rule.NonResourceURLs, func(pattern string) bool {
			prefix, all := strings.CutSuffix(pattern, "*")
			return pattern == a.GetPath() || (all && strings.HasPrefix(a.GetPath(), prefix))
		})
	}
	resource := a.GetResource()
	if a.GetSubresource() != "" {
		resource += "/" + a.GetSubresource()
	}
	return has(rule.APIGroups, a.GetAPIGroup()) &&
		(has(rule.Resources, resource) || (a.GetSubresource() != "" && slices.Contains(rule.Resources, "*/"+a.GetSubresource()))) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, a.GetName()))
}

func has(list []string, wanted string) bool {
	return slices.Contains(list, wanted) || slices.Contains(list, "*")
}

// The roles that every cluster has from the start, and whose they are. Of admin, edit and view it is
// the gist: nothing here depends on the rest.
func bootstrapRBAC(ctx context.Context, client kubernetes.Interface) error {
	everything := rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}
	read, write := []string{"get", "list", "watch"}, []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
	groups := []string{"", "apps", "batch", "autoscaling", "networking.k8s.io", "policy"}
	ordinary := []string{"configmaps", "endpoints", "persistentvolumeclaims", "pods", "pods/log", "services", "events",
		"deployments", "daemonsets", "replicasets", "statefulsets", "jobs", "cronjobs", "horizontalpodautoscalers",
		"ingresses", "networkpolicies", "poddisruptionbudgets"}
	more := append(slices.Clone(ordinary), "secrets", "serviceaccounts", "pods/exec", "pods/attach", "pods/portforward", "deployments/scale")
	roles := map[string][]rbacv1.PolicyRule{
		"cluster-admin": {everything, {NonResourceURLs: []string{"*"}, Verbs: []string{"*"}}},
		"admin": {{APIGroups: groups, Resources: more, Verbs: write},
			{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "rolebindings"}, Verbs: write}},
		"edit": {{APIGroups: groups, Resources: more, Verbs: write}},
		"view": {{APIGroups: groups, Resources: ordinary, Verbs: read}},
		"system:discovery": {{Verbs: []string{"get"}, NonResourceURLs: []string{"/api", "/api/*", "/apis", "/apis/*",
			"/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"}}},
		"system:public-info-viewer": {{Verbs: []string{"get"}, NonResourceURLs: []string{"/healthz", "/livez", "/readyz", "/version", "/version/"}}},
		"system:basic-user": {{Verbs: []string{"create"}, APIGroups: []string{"authorization.k8s.io", "authentication.k8s.io"},
			Resources: []string{"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}}},
	}
	bound := map[string][]string{"cluster-admin": {user.SystemPrivilegedGroup}, "system:discovery": {user.AllAuthenticated},
		"system:basic-user": {user.AllAuthenticated}, "system:public-info-viewer": {user.AllAuthenticated, user.AllUnauthenticated}}
	for name, rules := range roles {
		role := &rbacv1.ClusterRole{ObjectMeta: bootstrapMeta(name), Rules: rules}
		if _, err := client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	for name, groups := range bound {
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: bootstrapMeta(name),
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}}
		for _, group := range groups {
			binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group})
		}
		if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

func bootstrapMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// The kinds that are questions: created, answered, and not stored.
type review struct {
	name       string
	namespaced bool
	create     func() runtime.Object
	answer     func(ctx context.Context, question runtime.Object) error
}

func (r review) New() runtime.Object     { return r.create() }
func (review) Destroy()                  {}
func (r review) NamespaceScoped() bool   { return r.namespaced }
func (r review) GetSingularName() string { return r.name }

func (r review) Create(ctx context.Context, question runtime.Object, validate rest.ValidateObjectFunc,
	_ *metav1.CreateOptions) (runtime.Object, error) {
	if validate != nil {
		if err := validate(ctx, question.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	return question, r.answer(ctx, question)
}

func authenticationReviews(tokens authenticator.Token, audiences authenticator.Audiences) map[string]rest.Storage {
	return map[string]rest.Storage{
		"tokenreviews": review{"tokenreview", false, func() runtime.Object { return &authenticationv1.TokenReview{} },
			func(ctx context.Context, question runtime.Object) error {
				return answerTokenReview(ctx, question.(*authenticationv1.TokenReview), tokens, audiences)
			}},
		"selfsubjectreviews": review{"selfsubjectreview", false, func() runtime.Object { return &authenticationv1.SelfSubjectReview{} },
			func(ctx context.Context, question runtime.Object) error {
				who, err := userOf(ctx)
				if err == nil {
					question.(*authenticationv1.SelfSubjectReview).Status.UserInfo = userInfo(who)
				}
				return err
			}},
	}
}

func answerTokenReview(ctx context.Context, question *authenticationv1.TokenReview, tokens authenticator.Token,
	audiences authenticator.Audiences) error {
	if question.Spec.Token == "" {
		return apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	if len(question.Spec.Audiences) > 0 {
		audiences = question.Spec.Audiences
	}
	response, ok, err := tokens.AuthenticateToken(authenticator.WithAudiences(ctx, audiences), question.Spec.Token)
	if err != nil {
		question.Status.Error = err.Error()
	}
	if ok {
		question.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: userInfo(response.User),
			Audiences: response.Audiences}
	}
	return nil
}

func userInfo(who user.Info) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: who.GetName(), UID: who.GetUID(), Groups: who.GetGroups()}
	for key, values := range who.GetExtra() {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[key] = values
	}
	return info
}

func userOf(ctx context.Context) (user.Info, error) {
	who, ok := genericapirequest.UserFrom(ctx)
	if !ok {
		return nil, apierrors.NewBadRequest("no user present on request")
	}
	return who, nil
}

func authorizationReviews(authorize authorizer.Authorizer, rules authorizer.RuleResolver) map[string]rest.Storage {
	return map[string]rest.Storage{
		"subjectaccessreviews": review{"subjectaccessreview", false, func() runtime.Object { return &authorizationv1.SubjectAccessReview{} },
			func(ctx context.Context, question runtime.Object) error {
				q := question.(*authorizationv1.SubjectAccessReview)
				return answerAccess(ctx, authorize, subject(q.Spec), q.Spec.ResourceAttributes, q.Spec.NonResourceAttributes, &q.Status)
			}},
		"localsubjectaccessreviews": review{"localsubjectaccessreview", true, func() runtime.Object { return &authorizationv1.LocalSubjectAccessReview{} },
			func(ctx context.Context, question runtime.Object) error {
				q := question.(*authorizationv1.LocalSubjectAccessReview)
				if q.Spec.ResourceAttributes == nil || q.Spec.ResourceAttributes.Namespace != genericapirequest.NamespaceValue(ctx) {
					return apierrors.NewBadRequest("spec.resourceAttributes.namespace must match namespace")
				}
				return answerAccess(ctx, authorize, subject(q.Spec), q.Spec.ResourceAttributes, nil, &q.Status)
			}},
		"selfsubjectaccessreviews": review{"selfsubjectaccessreview", false, func() runtime.Object { return &authorizationv1.SelfSubjectAccessReview{} },
			func(ctx context.Context, question runtime.Object) error {
				q := question.(*authorizationv1.SelfSubjectAccessReview)
				who, err := userOf(ctx)
				if err != nil {
					return err
				}
				return answerAccess(ctx, authorize, who, q.Spec.ResourceAttributes, q.Spec.NonResourceAttributes, &q.Status)
			}},
		"selfsubjectrulesreviews": review{"selfsubjectrulesreview", false, func() runtime.Object { return &authorizationv1.SelfSubjectRulesReview{} },
			func(ctx context.Context, question runtime.Object) error {
				return answerRules(ctx, rules, question.(*authorizationv1.SelfSubjectRulesReview))
			}},
	}
}

func subject(spec authorizationv1.SubjectAccessReviewSpec) user.Info {
	extra := map[string][]string{}
	for key, values := range spec.Extra {
		extra[key] = values
	}
	return &user.DefaultInfo{Name: spec.User, UID: spec.UID, Groups: spec.Groups, Extra: extra}
}

func answerAccess(ctx context.Context, authorize authorizer.Authorizer, who user.Info, resource *authorizationv1.ResourceAttributes,
	path *authorizationv1.NonResourceAttributes, status *authorizationv1.SubjectAccessReviewStatus) error {
	attributes := authorizer.AttributesRecord{User: who}
	switch {
	case (resource == nil) == (path == nil):
		return apierrors.NewBadRequest("exactly one of nonResourceAttributes or resourceAttributes must be specified")
	case resource != nil:
		attributes.ResourceRequest, attributes.Verb, attributes.Namespace = true, resource.Verb, resource.Namespace
		attributes.APIGroup, attributes.APIVersion = resource.Group, resource.Version
		attributes.Resource, attributes.Subresource, attributes.Name = resource.Resource, resource.Subresource, resource.Name
	default:
		attributes.Verb, attributes.Path = path.Verb, path.Path
	}
	decision, reason, err := authorize.Authorize(ctx, attributes)
	*status = authorizationv1.SubjectAccessReviewStatus{Allowed: decision == authorizer.DecisionAllow,
		Denied: decision == authorizer.DecisionDeny, Reason: reason}
	if err != nil {
		status.EvaluationError = fmt.Sprint(err)
	}
	return nil
}

func answerRules(ctx context.Context, rules authorizer.RuleResolver, question *authorizationv1.SelfSubjectRulesReview) error {
	who, err := userOf(ctx)
	if err != nil {
		return err
	}
	resources, paths, incomplete, err := rules.RulesFor(ctx, who, question.Spec.Namespace)
	question.Status = authorizationv1.SubjectRulesReviewStatus{Incomplete: incomplete,
		ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{}}
	for _, rule := range resources {
		question.Status.ResourceRules = append(question.Status.ResourceRules, authorizationv1.ResourceRule{Verbs: rule.GetVerbs(),
			APIGroups: rule.GetAPIGroups(), Resources: rule.GetResources(), ResourceNames: rule.GetResourceNames()})
	}
	for _, rule := range paths {
		question.Status.NonResourceRules = append(question.Status.NonResourceRules, authorizationv1.NonResourceRule{
			Verbs: rule.GetVerbs(), NonResourceURLs: rule.GetNonResourceURLs()})
	}
	if err != nil {
		question.Status.EvaluationError = err.Error()
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/load"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
	tokenunion "k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	authorizationcel "k8s.io/apiserver/pkg/authorization/cel"
	authorizationunion "k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	webhookutil "k8s.io/apiserver/pkg/util/webhook"
	authorizationwebhook "k8s.io/apiserver/plugin/pkg/authorizer/webhook"
	webhookmetrics "k8s.io/apiserver/plugin/pkg/authorizer/webhook/metrics"
)

// Who somebody is, and what they may: upstream's authenticators and authorizers, put together as
// k8s.io/kubernetes/pkg/kubeapiserver does it.

// tokens are those of the file, if there is one, and those of service accounts.
func tokenAuthenticator(file string, accounts *tokenIssuer) (authenticator.Token, error) {
	if file == "" {
		return accounts, nil
	}
	static, err := tokenfile.NewCSV(file)
	if err != nil {
		return nil, fmt.Errorf("--token-auth-file: %w", err)
	}
	return tokenunion.New(static, accounts), nil
}

func requestAuthenticator(ca dynamiccertificates.CAContentProvider, tokens authenticator.Token) (authenticator.Request, error) {
	certificates, _, err := authenticatorfactory.DelegatingAuthenticatorConfig{ClientCertificateCAContentProvider: ca,
		Anonymous: &apiserver.AnonymousAuthConfig{Enabled: false}}.New()
	if err != nil {
		return nil, err
	}
	known := group.NewAuthenticatedGroupAdder(union.New(certificates, bearertoken.New(tokens)))
	return union.NewFailOnError(known, anonymous.NewAuthenticator(nil)), nil
}

// newAuthorizer puts the chain of an AuthorizationConfiguration together, or RBAC alone when there is
// no file. As in kube-apiserver, system:masters are asked nothing.
func newAuthorizer(file string, roles *rbac) (authorizer.Authorizer, error) {
	chain := []authorizer.Authorizer{authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)}
	if file == "" {
		return authorizationunion.New(append(chain, roles)...), nil
	}
	config, err := load.LoadFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("--authorization-config %s: %w", file, err)
	}
	compiler := authorizationcel.NewDefaultCompiler()
	types := sets.New("Webhook", "Node", "RBAC")
	if errs := validation.ValidateAuthorizationConfiguration(compiler, nil, config, types, sets.New("Webhook")); len(errs) > 0 {
		return nil, fmt.Errorf("--authorization-config %s: %w", file, errs.ToAggregate())
	}
	for _, a := range config.Authorizers {
		switch a.Type {
		case "Webhook":
			webhook, err := newWebhook(a.Name, a.Webhook, compiler)
			if err != nil {
				return nil, err
			}
			chain = append(chain, webhook)
		case "Node":
			chain = append(chain, authorizer.AuthorizerFunc(noNodes))
		case "RBAC":
			chain = append(chain, roles)
		}
	}
	return authorizationunion.New(chain...), nil
}

// The node authorizer speaks of nodes only, and here are none.
func noNodes(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, "", nil
}

func newWebhook(name string, w *apiserver.WebhookConfiguration, compiler authorizationcel.Compiler) (authorizer.Authorizer, error) {
	client, err := webhookutil.LoadKubeconfig(*w.ConnectionInfo.KubeConfigFile, nil)
	if err != nil {
		return nil, fmt.Errorf("authorizer %s: %w", name, err)
	}
	client.Timeout = w.Timeout.Duration
	onError := authorizer.DecisionNoOpinion
	if w.FailurePolicy == apiserver.FailurePolicyDeny {
		onError = authorizer.DecisionDeny
	}
	webhook, err := authorizationwebhook.New(client, w.SubjectAccessReviewVersion,
		timeToLive(w.CacheAuthorizedRequests, w.AuthorizedTTL.Duration), timeToLive(w.CacheUnauthorizedRequests, w.UnauthorizedTTL.Duration),
		*genericoptions.DefaultAuthWebhookRetryBackoff(), onError, w.MatchConditions, name, webhookmetrics.NoopAuthorizerMetrics{}, compiler)
	if err != nil {
		return nil, fmt.Errorf("authorizer %s: %w", name, err)
	}
	return webhook, nil
}

func timeToLive(cached bool, ttl time.Duration) time.Duration {
	if !cached {
		return 0
	}
	return ttl
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/dryrun"
	"k8s.io/client-go/util/keyutil"
)

// Tokens of service accounts: JWTs (RFC 7519) signed with ES256 (RFC 7518, 3.4), with the claims of
// k8s.io/kubernetes/pkg/serviceaccount. One key, one issuer, bound to nothing but the account.
type tokenIssuer struct {
	issuer string
	key    *ecdsa.PrivateKey
	// uidOf tells which account has the name now.
	uidOf func(ctx context.Context, namespace, name string) (string, error)
}

type claims struct {
	Issuer     string           `json:"iss"`
	Subject    string           `json:"sub"`
	Audience   []string         `json:"aud"`
	Expires    int64            `json:"exp"`
	NotBefore  int64            `json:"nbf"`
	IssuedAt   int64            `json:"iat"`
	ID         string           `json:"jti"`
	Kubernetes kubernetesClaims `json:"kubernetes.io"`
}

type kubernetesClaims struct {
	Namespace      string    `json:"namespace"`
	ServiceAccount reference `json:"serviceaccount"`
}

type reference struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

func newTokenIssuer(issuer, keyFile string) (*tokenIssuer, error) {
	key, err := keyutil.PrivateKeyFromFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("--service-account-signing-key-file: %w", err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve.Params().BitSize != 256 {
		return nil, fmt.Errorf("--service-account-signing-key-file %s: not an EC key on P-256", keyFile)
	}
	return &tokenIssuer{issuer: issuer, key: ec}, nil
}

var base64url = base64.RawURLEncoding

func (t *tokenIssuer) sign(c claims) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	signed := base64url.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + base64url.EncodeToString(payload)
	hash := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, t.key, hash[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64url.EncodeToString(signature), nil
}

// AuthenticateToken answers "not one of ours" for anything that this key did not sign.
func (t *tokenIssuer) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	c, ok := t.verify(token)
	if !ok || c.Issuer != t.issuer {
		return nil, false, nil
	}
	if now := time.Now().Unix(); c.Expires <= now || c.NotBefore > now {
		return nil, false, fmt.Errorf("service account token has expired")
	}
	audiences := authenticator.Audiences(c.Audience)
	if wanted, ok := authenticator.AudiencesFrom(ctx); ok {
		if audiences = audiences.Intersect(wanted); len(audiences) == 0 {
			return nil, false, fmt.Errorf("token audiences %q is invalid for the target audiences %q", c.Audience, wanted)
		}
	}
	account := c.Kubernetes.ServiceAccount
	if uid, err := t.uidOf(ctx, c.Kubernetes.Namespace, account.Name); err != nil || uid != account.UID {
		return nil, false, fmt.Errorf("service account %s/%s has been deleted", c.Kubernetes.Namespace, account.Name)
	}
	info := serviceaccount.ServiceAccountInfo{Namespace: c.Kubernetes.Namespace, Name: account.Name, UID: account.UID,
		CredentialID: "JTI=" + c.ID}
	return &authenticator.Response{User: info.UserInfo(), Audiences: audiences}, true, nil
}

func (t *tokenIssuer) verify(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	signature, err := base64url.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return c, false
	}
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(&t.key.PublicKey, hash[:], r, s) {
		return c, false
	}
	payload, err := base64url.DecodeString(parts[1])
	return c, err == nil && json.Unmarshal(payload, &c) == nil
}

// POST …/serviceaccounts/NAME/token
type tokenStore struct {
	accounts store
	issuer   *tokenIssuer
}

func (tokenStore) New() runtime.Object { return &authenticationv1.TokenRequest{} }
func (tokenStore) Destroy()            {}
func (tokenStore) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")
}

func (s tokenStore) Create(ctx context.Context, name string, object runtime.Object, validate rest.ValidateObjectFunc,
	o *metav1.CreateOptions) (runtime.Object, error) {
	request := object.(*authenticationv1.TokenRequest)
	found, err := s.accounts.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	account := found.(metav1.Object)
	request.Name, request.Namespace = account.GetName(), account.GetNamespace()
	if len(request.Spec.Audiences) == 0 {
		request.Spec.Audiences = []string{s.issuer.issuer}
	}
	orElse(&request.Spec.ExpirationSeconds, 3600)
	if request.Spec.BoundObjectRef != nil {
		return nil, apierrors.NewBadRequest("tokens bound to objects are not made by this server of tests")
	}
	if validate != nil {
		if err := validate(ctx, request.DeepCopy()); err != nil {
			return nil, err
		}
	}
	if dryrun.IsDryRun(o.DryRun) {
		return request, nil
	}
	return s.issue(ctx, request, account)
}

func (s tokenStore) issue(ctx context.Context, request *authenticationv1.TokenRequest, account metav1.Object) (runtime.Object, error) {
	now := time.Now()
	expires := now.Add(time.Duration(*request.Spec.ExpirationSeconds) * time.Second)
	id := string(uuid.NewUUID())
	token, err := s.issuer.sign(claims{Issuer: s.issuer.issuer, Audience: request.Spec.Audiences, ID: id,
		Subject:  serviceaccount.MakeUsername(account.GetNamespace(), account.GetName()),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: expires.Unix(),
		Kubernetes: kubernetesClaims{account.GetNamespace(), reference{account.GetName(), string(account.GetUID())}}})
	if err != nil {
		return nil, err
	}
	audit.AddAuditAnnotation(ctx, "authentication.kubernetes.io/issued-credential-id", "JTI="+id)
	request.Status = authenticationv1.TokenRequestStatus{Token: token, ExpirationTimestamp: metav1.NewTime(expires)}
	return request, nil
}

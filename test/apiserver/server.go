// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	extensionoptions "k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	webhookutil "k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

// The server, put together: upstream's generic server with apiextensions (custom resources), and the
// built-in kinds installed into the same one, where kube-apiserver has a chain of three.
type server struct {
	options   *options
	config    *genericapiserver.RecommendedConfig
	client    kubernetes.Interface
	accounts  *tokenIssuer
	tokens    authenticator.Token
	roles     *rbac
	audiences authenticator.Audiences
}

func run(ctx context.Context, o *options) error {
	s := &server{options: o, config: genericapiserver.NewRecommendedConfig(apiextensions.Codecs),
		audiences: authenticator.Audiences{o.serviceAccountIssuer}}
	for _, step := range []func() error{s.basics, s.access, s.admission} {
		if err := step(); err != nil {
			return err
		}
	}
	extensions, err := s.extensions()
	if err != nil {
		return err
	}
	if err := s.install(extensions); err != nil {
		return err
	}
	extensions.AddPostStartHookOrDie("bootstrap", func(genericapiserver.PostStartHookContext) error { return s.bootstrap(ctx) })
	return extensions.PrepareRun().RunWithContext(ctx)
}

func (s *server) basics() error {
	o, c := s.options, &s.config.Config
	if err := o.serving.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.IPv4(127, 0, 0, 1)}); err != nil {
		return err
	}
	names := openapinamer.NewDefinitionNamer(apiextensions.Scheme, scheme)
	c.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(definitions, names)
	c.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitions, names)
	for _, err := range []error{o.universal.ApplyTo(c), o.etcd.ApplyTo(c), o.serving.ApplyToConfig(c), o.audit.ApplyTo(c),
		o.enablement.ApplyTo(c, apiextensions.DefaultAPIResourceConfigSource(), apiextensions.Scheme)} {
		if err != nil {
			return err
		}
	}
	s.client = kubernetes.NewForConfigOrDie(c.LoopbackClientConfig)
	s.config.ClientConfig = c.LoopbackClientConfig
	s.config.SharedInformerFactory = informers.NewSharedInformerFactory(s.client, 10*time.Minute)
	return nil
}

func (s *server) access() (err error) {
	o, c := s.options, &s.config.Config
	ca, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", o.clientCAFile)
	if err != nil {
		return fmt.Errorf("--client-ca-file: %w", err)
	}
	c.SecureServing.ClientCA = ca
	if s.accounts, err = newTokenIssuer(o.serviceAccountIssuer, o.serviceAccountSigningKeyFile); err != nil {
		return err
	}
	s.accounts.uidOf = func(ctx context.Context, namespace, name string) (string, error) {
		account, err := s.client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		return string(account.UID), nil
	}
	if s.tokens, err = tokenAuthenticator(o.tokenAuthFile, s.accounts); err != nil {
		return err
	}
	c.Authentication.APIAudiences = s.audiences
	if c.Authentication.Authenticator, err = requestAuthenticator(ca, s.tokens); err != nil {
		return err
	}
	s.roles = newRBAC(s.config.SharedInformerFactory)
	c.RuleResolver = s.roles
	if c.Authorization.Authorizer, err = newAuthorizer(o.authorizationConfig, s.roles); err != nil {
		return err
	}
	genericapiserver.AuthorizeClientBearerToken(c.LoopbackClientConfig, &c.Authentication, &c.Authorization)
	return nil
}

func (s *server) admission() error {
	c := &s.config.Config
	return s.options.admission.ApplyTo(c, s.config.SharedInformerFactory, s.client, dynamic.NewForConfigOrDie(c.LoopbackClientConfig),
		utilfeature.DefaultFeatureGate, c.EffectiveVersion, manifestLoaders{})
}

func (s *server) extensions() (*genericapiserver.GenericAPIServer, error) {
	c := &s.config.Config
	config := &apiextensions.Config{GenericConfig: s.config, ExtraConfig: apiextensions.ExtraConfig{
		CRDRESTOptionsGetter: extensionoptions.NewCRDRESTOptionsGetter(*s.options.etcd, c.ResourceTransformers, c.StorageObjectCountTracker),
		ServiceResolver:      webhookutil.NewDefaultServiceResolver(),
		AuthResolverWrapper:  webhookutil.NewDefaultAuthenticationInfoResolverWrapper(nil, nil, c.LoopbackClientConfig, noop.NewTracerProvider()),
	}}
	completed := config.Complete()
	completed.GenericConfig.EnableDiscovery = true // apiextensions leaves /apis to kube-aggregator, which is not here
	made, err := completed.New(genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, err
	}
	return made.GenericAPIServer, nil
}

// storages is what is served of a group, by version and resource.
type storages map[string]map[string]rest.Storage

func (s *server) install(g *genericapiserver.GenericAPIServer) error {
	installed := map[string]storages{}
	add := func(group, version string, all map[string]rest.Storage) {
		if installed[group] == nil {
			installed[group] = storages{}
		}
		if installed[group][version] == nil {
			installed[group][version] = map[string]rest.Storage{}
		}
		for resource, storage := range all {
			installed[group][version][resource] = storage
		}
	}
	getter := s.storage()
	for _, k := range kinds {
		all := s.storageOf(newStore(getter, k))
		add(k.gv.Group, k.gv.Version, all)
		switch k.resource { // other names of the same objects
		case "events":
			add("events.k8s.io", "v1", all)
		case "horizontalpodautoscalers":
			add(autoscalingv1.SchemeGroupVersion.Group, autoscalingv1.SchemeGroupVersion.Version, all)
		}
	}
	add("authentication.k8s.io", "v1", authenticationReviews(s.tokens, s.audiences))
	add("authorization.k8s.io", "v1", authorizationReviews(s.config.Authorization.Authorizer, s.roles))
	return installAll(g, installed)
}

func installAll(g *genericapiserver.GenericAPIServer, installed map[string]storages) error {
	var infos []*genericapiserver.APIGroupInfo
	for _, group := range apiGroups {
		info := genericapiserver.NewDefaultAPIGroupInfo(group.name, scheme, runtime.NewParameterCodec(scheme), codecs)
		info.VersionedResourcesStorageMap = installed[group.name]
		if group.name != "" {
			infos = append(infos, &info)
		} else if err := g.InstallLegacyAPIGroup("/api", &info); err != nil {
			return err
		}
	}
	return g.InstallAPIGroups(infos...)
}

// The same keys and encoding as kube-apiserver's.
func (s *server) storage() generic.RESTOptionsGetter {
	own := *s.options.etcd
	own.StorageConfig.Prefix = "/registry"
	resources := serverstorage.NewResourceConfig()
	for _, group := range apiGroups {
		for _, version := range group.versions {
			resources.EnableVersions(version.gv)
		}
	}
	factory := serverstorage.NewDefaultStorageFactory(own.StorageConfig, runtime.ContentTypeProtobuf, codecs,
		serverstorage.NewDefaultResourceEncodingConfig(scheme), resources, nil)
	return own.CreateRESTOptionsGetter(factory, s.config.ResourceTransformers)
}

// storageOf is a kind's resource with its subresources.
func (s *server) storageOf(of store) map[string]rest.Storage {
	resource := of.kind.resource
	all := map[string]rest.Storage{resource: of}
	if of.kind.has&status != 0 {
		all[resource+"/status"] = newPartStore(of, statusPart)
	}
	if of.kind.has&scale != 0 {
		all[resource+"/scale"] = scaleStore{of.Store}
	}
	switch resource {
	case "pods":
		for name, storage := range podStorage(of) {
			all[name] = storage
		}
	case "services":
		all["services/proxy"] = serviceProxyConnecter(of.Store)
	case "nodes":
		all["nodes/proxy"] = nodeProxyConnecter(of.Store)
	case "namespaces":
		of.ShouldDeleteDuringUpdate = goneWhenFinal
		all[resource] = namespaceStore{of}
		all["namespaces/status"] = newPartStore(of, statusPart)
		all["namespaces/finalize"] = newPartStore(of, finalizePart)
	case "serviceaccounts":
		all["serviceaccounts/token"] = tokenStore{of, s.accounts}
	case "certificatesigningrequests":
		all["certificatesigningrequests/approval"] = newPartStore(of, approvalPart)
	}
	return all
}

// Who approves a request writes its conditions.
var approvalPart = part{"approval", func(wanted, there runtime.Object) {
	there.(*certificatesv1.CertificateSigningRequest).Status.Conditions = wanted.(*certificatesv1.CertificateSigningRequest).Status.Conditions
}}

// What a cluster has from the start.
func (s *server) bootstrap(ctx context.Context) error {
	if err := bootstrapRBAC(ctx, s.client); err != nil {
		return err
	}
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := s.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return bootstrapServices(ctx, s.config.LoopbackClientConfig)
}

// clusterIPs gives each Service another address of 10.0.0.0/24; after 250 they repeat.
var clusterIPs addresses

type addresses struct {
	sync.Mutex
	last int
}

func (a *addresses) next() string {
	a.Lock()
	defer a.Unlock()
	a.last = a.last%250 + 1
	return fmt.Sprintf("10.0.0.%d", a.last+1)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
)

// What leads to what runs on nodes. Here nothing does: admission (CONNECT) and authorization are
// asked, and then comes the answer of a cluster without nodes.

type connecter struct {
	store    *genericregistry.Store
	methods  []string
	options  func() runtime.Object
	withPath bool
	answer   func(name string, object runtime.Object) error
}

func (c connecter) New() runtime.Object      { return c.options() }
func (connecter) Destroy()                   {}
func (c connecter) ConnectMethods() []string { return c.methods }
func (c connecter) NewConnectOptions() (runtime.Object, bool, string) {
	return c.options(), c.withPath, "path"
}

func (c connecter) Connect(ctx context.Context, id string, _ runtime.Object, _ rest.Responder) (http.Handler, error) {
	name := nameOf(id)
	object, err := c.store.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return nil, c.answer(name, object)
}

// nameOf takes scheme and port from [SCHEME:]NAME[:PORT], as proxies are asked for.
func nameOf(id string) string {
	parts := strings.Split(id, ":")
	if len(parts) == 3 {
		return parts[1]
	}
	return parts[0]
}

var (
	streamMethods = []string{"GET", "POST"}
	proxyMethods  = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
)

func noHost(name string, object runtime.Object) error {
	if object.(*corev1.Pod).Spec.NodeName == "" {
		return apierrors.NewBadRequest("pod " + name + " does not have a host assigned")
	}
	return apierrors.NewServiceUnavailable("no node can be reached")
}

func execConnecter(pods *genericregistry.Store) rest.Storage {
	return connecter{pods, streamMethods, func() runtime.Object { return &corev1.PodExecOptions{} }, false, noHost}
}

func attachConnecter(pods *genericregistry.Store) rest.Storage {
	return connecter{pods, streamMethods, func() runtime.Object { return &corev1.PodAttachOptions{} }, false, noHost}
}

func portForwardConnecter(pods *genericregistry.Store) rest.Storage {
	return connecter{pods, streamMethods, func() runtime.Object { return &corev1.PodPortForwardOptions{} }, false, noHost}
}

func podProxyConnecter(pods *genericregistry.Store) rest.Storage {
	return connecter{pods, proxyMethods, func() runtime.Object { return &corev1.PodProxyOptions{} }, true,
		func(string, runtime.Object) error { return apierrors.NewBadRequest("address not allowed") }}
}

func serviceProxyConnecter(services *genericregistry.Store) rest.Storage {
	return connecter{services, proxyMethods, func() runtime.Object { return &corev1.ServiceProxyOptions{} }, true,
		func(name string, _ runtime.Object) error {
			return apierrors.NewServiceUnavailable("no endpoints available for service \"" + name + "\"")
		}}
}

func nodeProxyConnecter(nodes *genericregistry.Store) rest.Storage {
	return connecter{nodes, proxyMethods, func() runtime.Object { return &corev1.NodeProxyOptions{} }, true,
		func(name string, _ runtime.Object) error {
			return apierrors.NewServiceUnavailable("no preferred addresses found; known addresses: [] (node " + name + ")")
		}}
}

// The log of a pod that never ran is empty.
type logStore struct{ pods *genericregistry.Store }

func (logStore) New() runtime.Object               { return &corev1.Pod{} }
func (logStore) Destroy()                          {}
func (logStore) ProducesMIMETypes(string) []string { return []string{"text/plain"} }
func (logStore) ProducesObject(string) interface{} { return "" }
func (logStore) NewGetOptions() (runtime.Object, bool, string) {
	return &corev1.PodLogOptions{}, false, ""
}
func (s logStore) Get(ctx context.Context, name string, _ runtime.Object) (runtime.Object, error) {
	if _, err := s.pods.Get(ctx, name, &metav1.GetOptions{}); err != nil {
		return nil, err
	}
	return &emptyLog{}, nil
}

type emptyLog struct{ corev1.Pod }

func (*emptyLog) InputStream(context.Context, string, string) (io.ReadCloser, bool, string, error) {
	return io.NopCloser(strings.NewReader("")), false, "text/plain", nil
}

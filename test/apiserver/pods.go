// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/dryrun"
)

// The subresources of pods that write: k8s.io/kubernetes/pkg/registry/core/pod/storage, without
// disruption budgets and without a scheduler behind bindings.

var ephemeralPart = part{"ephemeralcontainers", func(wanted, there runtime.Object) {
	there.(*corev1.Pod).Spec.EphemeralContainers = wanted.(*corev1.Pod).Spec.EphemeralContainers
}}

var resizePart = part{"resize", func(wanted, there runtime.Object) {
	from, to := wanted.(*corev1.Pod).Spec.Containers, there.(*corev1.Pod).Spec.Containers
	for i := range to {
		if i < len(from) && from[i].Name == to[i].Name {
			to[i].Resources, to[i].ResizePolicy = from[i].Resources, from[i].ResizePolicy
		}
	}
}}

func podStorage(pods store) map[string]rest.Storage {
	return map[string]rest.Storage{
		"pods/ephemeralcontainers": newPartStore(pods, ephemeralPart),
		"pods/resize":              newPartStore(pods, resizePart),
		"pods/eviction":            evictionStore{pods.Store},
		"pods/binding":             bindingStore{pods.Store},
		"bindings":                 namelessBindingStore{bindingStore{pods.Store}},
		"pods/log":                 logStore{pods.Store},
		"pods/exec":                execConnecter(pods.Store),
		"pods/attach":              attachConnecter(pods.Store),
		"pods/portforward":         portForwardConnecter(pods.Store),
		"pods/proxy":               podProxyConnecter(pods.Store),
	}
}

// POST …/pods/NAME/eviction deletes the pod. Admission is asked about the Eviction; the deletion
// inside it asks nobody.
type evictionStore struct{ store *genericregistry.Store }

func (evictionStore) New() runtime.Object { return &policyv1.Eviction{} }
func (evictionStore) Destroy()            {}
func (evictionStore) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return policyv1.SchemeGroupVersion.WithKind("Eviction")
}
func (evictionStore) AcceptsGroupVersion(gv schema.GroupVersion) bool {
	return gv == policyv1.SchemeGroupVersion || gv == policyv1beta1.SchemeGroupVersion
}

func (s evictionStore) Create(ctx context.Context, name string, object runtime.Object, validate rest.ValidateObjectFunc,
	o *metav1.CreateOptions) (runtime.Object, error) {
	eviction := object.(*policyv1.Eviction)
	if eviction.Name != "" && eviction.Name != name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	if _, err := s.store.Get(ctx, name, &metav1.GetOptions{}); err != nil {
		return nil, err
	}
	if validate != nil {
		if err := validate(ctx, eviction.DeepCopy()); err != nil {
			return nil, err
		}
	}
	options := eviction.DeleteOptions
	if options == nil {
		options = &metav1.DeleteOptions{}
	}
	if dryrun.IsDryRun(o.DryRun) {
		options.DryRun = o.DryRun
	}
	if _, _, err := s.store.Delete(ctx, name, rest.ValidateAllObjectFunc, options); err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

// POST …/pods/NAME/binding, and …/bindings with the pod's name inside, choose a pod's node.
type bindingStore struct{ store *genericregistry.Store }

func (bindingStore) New() runtime.Object { return &corev1.Binding{} }
func (bindingStore) Destroy()            {}

func (s bindingStore) Create(ctx context.Context, name string, object runtime.Object, validate rest.ValidateObjectFunc,
	o *metav1.CreateOptions) (runtime.Object, error) {
	binding := object.(*corev1.Binding)
	if binding.Name != name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	if validate != nil {
		if err := validate(ctx, binding.DeepCopy()); err != nil {
			return nil, err
		}
	}
	assigned := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		pod := old.DeepCopyObject().(*corev1.Pod)
		if node := pod.Spec.NodeName; node != "" {
			return nil, apierrors.NewConflict(schema.GroupResource{Resource: "pods/binding"}, name,
				errText("pod "+name+" is already assigned to node \""+node+"\""))
		}
		pod.Spec.NodeName = binding.Target.Name
		return pod, nil
	})
	unchecked := *s.store // the node may be set here, and nowhere else
	unchecked.UpdateStrategy = strategy{ObjectTyper: scheme, kind: kind{has: namespaced}, part: part{"binding", func(wanted, there runtime.Object) {
		there.(*corev1.Pod).Spec.NodeName = wanted.(*corev1.Pod).Spec.NodeName
	}}}
	if _, _, err := unchecked.Update(ctx, name, assigned, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc,
		false, &metav1.UpdateOptions{DryRun: o.DryRun}); err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

type namelessBindingStore struct{ binding bindingStore }

func (namelessBindingStore) New() runtime.Object     { return &corev1.Binding{} }
func (namelessBindingStore) Destroy()                {}
func (namelessBindingStore) NamespaceScoped() bool   { return true }
func (namelessBindingStore) GetSingularName() string { return "binding" }
func (s namelessBindingStore) Create(ctx context.Context, object runtime.Object, validate rest.ValidateObjectFunc,
	o *metav1.CreateOptions) (runtime.Object, error) {
	return s.binding.Create(ctx, object.(*corev1.Binding).Name, object, validate, o)
}

type errText string

func (e errText) Error() string { return string(e) }

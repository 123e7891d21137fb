// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/names"
)

// How objects are stored: upstream's generic store, with one strategy for all kinds. Of what
// k8s.io/kubernetes validates, little is here (validate.go): what a webhook is asked, and when, does not
// depend on it.

// store is the generic one with its names.
type store struct {
	*genericregistry.Store
	kind kind
}

func (s store) GetSingularName() string { return strings.ToLower(s.kind.kind) }
func (s store) ShortNames() []string {
	if s.kind.short == "" {
		return nil
	}
	return strings.Split(s.kind.short, ",")
}
func (s store) Categories() []string {
	if s.kind.has&all != 0 {
		return []string{"all"}
	}
	return nil
}

func newStore(getter generic.RESTOptionsGetter, k kind) store {
	resource := schema.GroupResource{Group: k.gv.Group, Resource: k.resource}
	singular := schema.GroupResource{Group: k.gv.Group, Resource: strings.ToLower(k.kind)}
	if k.resource == "endpoints" {
		singular.Resource = "endpoints"
	}
	main := strategy{scheme, names.SimpleNameGenerator, k, mainPart}
	s := &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return newObject(k.gv.WithKind(k.kind)) },
		NewListFunc:               func() runtime.Object { return newObject(k.gv.WithKind(k.kind + "List")) },
		DefaultQualifiedResource:  resource,
		SingularQualifiedResource: singular,
		CreateStrategy:            main,
		UpdateStrategy:            main,
		DeleteStrategy:            main,
		EnableGarbageCollection:   true,
		DeleteCollectionWorkers:   1,
		TableConvertor:            rest.NewDefaultTableConvertor(resource),
	}
	if k.resource == "events" { // the internal type is the core group's, in both
		s.NewFunc = func() runtime.Object { return &corev1.Event{} }
		s.NewListFunc = func() runtime.Object { return &corev1.EventList{} }
	}
	must(s.CompleteWithOptions(&generic.StoreOptions{RESTOptions: getter, AttrFunc: storage.AttrFunc(attributes)}))
	return store{s, k}
}

func newObject(gvk schema.GroupVersionKind) runtime.Object {
	object, err := scheme.New(gvk)
	must(err)
	return object
}

func attributes(object runtime.Object) (labels.Set, fields.Set, error) {
	m := object.(metav1.Object)
	set := fieldsOf(object)
	set["metadata.name"], set["metadata.namespace"] = m.GetName(), m.GetNamespace()
	return m.GetLabels(), set, nil
}

// fieldsOf has a value for every name in selectable.
func fieldsOf(object runtime.Object) fields.Set {
	switch o := object.(type) {
	case *corev1.Pod:
		return fields.Set{"spec.nodeName": o.Spec.NodeName, "spec.restartPolicy": string(o.Spec.RestartPolicy),
			"spec.serviceAccountName": o.Spec.ServiceAccountName, "status.phase": string(o.Status.Phase)}
	case *corev1.Secret:
		return fields.Set{"type": string(o.Type)}
	case *corev1.Event:
		set := fields.Set{"reason": o.Reason, "type": o.Type, "reportingComponent": o.ReportingController}
		for _, prefix := range []string{"involvedObject.", "regarding."} {
			set[prefix+"kind"], set[prefix+"namespace"] = o.InvolvedObject.Kind, o.InvolvedObject.Namespace
			set[prefix+"name"], set[prefix+"uid"] = o.InvolvedObject.Name, string(o.InvolvedObject.UID)
			set[prefix+"apiVersion"], set[prefix+"fieldPath"] = o.InvolvedObject.APIVersion, o.InvolvedObject.FieldPath
		}
		return set
	}
	return fields.Set{}
}

// A part of an object: what may be written through a (sub)resource.
type part struct {
	name string
	// take puts what may be written from `wanted` into a copy of what is there, or refuses.
	take func(wanted, there runtime.Object)
}

var (
	mainPart   = part{name: ""}
	statusPart = part{name: "status", take: func(wanted, there runtime.Object) {
		if from, to := fieldOf(wanted, "Status"), fieldOf(there, "Status"); from.IsValid() {
			to.Set(from)
		}
	}}
)

// fieldOf is the field of that name of the struct behind an object; invalid when it has none.
func fieldOf(object runtime.Object, name string) reflect.Value {
	return reflect.ValueOf(object).Elem().FieldByName(name)
}

type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	kind kind
	part part
}

func (s strategy) NamespaceScoped() bool { return s.kind.has&namespaced != 0 }

func (s strategy) PrepareForCreate(ctx context.Context, object runtime.Object) {
	if s.kind.has&status != 0 {
		fieldOf(object, "Status").SetZero()
	}
	if fieldOf(object, "Spec").IsValid() {
		object.(metav1.Object).SetGeneration(1)
	}
	prepare(ctx, object)
}

func (s strategy) PrepareForUpdate(_ context.Context, object, old runtime.Object) {
	if s.part.take != nil {
		merged := old.DeepCopyObject()
		s.part.take(object, merged)
		merged.(metav1.Object).SetManagedFields(object.(metav1.Object).GetManagedFields())
		merged.(metav1.Object).SetResourceVersion(object.(metav1.Object).GetResourceVersion())
		reflect.ValueOf(object).Elem().Set(reflect.ValueOf(merged).Elem())
	} else if s.kind.has&status != 0 {
		fieldOf(object, "Status").Set(fieldOf(old, "Status"))
	}
	spec, before := fieldOf(object, "Spec"), fieldOf(old, "Spec")
	generation := old.(metav1.Object).GetGeneration()
	if spec.IsValid() && !equality.Semantic.DeepEqual(spec.Interface(), before.Interface()) {
		generation++
	}
	object.(metav1.Object).SetGeneration(generation)
}

func (s strategy) Validate(_ context.Context, object runtime.Object) field.ErrorList {
	return validate(object)
}

func (s strategy) ValidateUpdate(_ context.Context, object, old runtime.Object) field.ErrorList {
	if s.part.take != nil {
		return nil
	}
	return append(validate(object), validateUpdate(object, old)...)
}

func (s strategy) CheckGracefulDelete(_ context.Context, object runtime.Object, options *metav1.DeleteOptions) bool {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return false
	}
	if options.GracePeriodSeconds == nil {
		period := int64(corev1.DefaultTerminationGracePeriodSeconds)
		if pod.Spec.TerminationGracePeriodSeconds != nil {
			period = *pod.Spec.TerminationGracePeriodSeconds
		}
		options.GracePeriodSeconds = &period
	}
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		*options.GracePeriodSeconds = 0 // nothing of it runs
	}
	return true
}

func (strategy) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }
func (strategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}
func (strategy) Canonicalize(runtime.Object)    {}
func (strategy) AllowUnconditionalUpdate() bool { return true }

// AllowCreateOnUpdate is what a PUT of an object that is not there comes to.
func (s strategy) AllowCreateOnUpdate() bool {
	switch s.kind.resource {
	case "endpoints", "events", "leases", "limitranges":
		return true
	}
	return false
}

// partStore serves a subresource that writes a part of the same object: as upstream, it can be read,
// replaced and patched, and never creates.
type partStore struct{ store *genericregistry.Store }

func newPartStore(of store, p part) partStore {
	s := *of.Store
	s.UpdateStrategy = strategy{scheme, names.SimpleNameGenerator, of.kind, p}
	return partStore{&s}
}

func (p partStore) New() runtime.Object { return p.store.New() }
func (partStore) Destroy()              {}
func (p partStore) Get(ctx context.Context, name string, o *metav1.GetOptions) (runtime.Object, error) {
	return p.store.Get(ctx, name, o)
}
func (p partStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc,
	update rest.ValidateObjectUpdateFunc, _ bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return p.store.Update(ctx, name, info, create, update, false, o)
}
func (p partStore) ConvertToTable(ctx context.Context, object, options runtime.Object) (*metav1.Table, error) {
	return p.store.ConvertToTable(ctx, object, options)
}

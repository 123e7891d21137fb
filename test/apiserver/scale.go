// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"reflect"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
)

// The subresource scale of every workload that has replicas: an object of its own kind, which shows
// and sets spec.replicas of the workload.
type scaleStore struct{ store *genericregistry.Store }

func (scaleStore) New() runtime.Object { return &autoscalingv1.Scale{} }
func (scaleStore) Destroy()            {}
func (scaleStore) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return autoscalingv1.SchemeGroupVersion.WithKind("Scale")
}

func (s scaleStore) Get(ctx context.Context, name string, o *metav1.GetOptions) (runtime.Object, error) {
	workload, err := s.store.Get(ctx, name, o)
	if err != nil {
		return nil, err
	}
	return scaleOf(workload)
}

// Admission is asked about the Scale, not about the workload.
func (s scaleStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc,
	update rest.ValidateObjectUpdateFunc, _ bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	asked := func(context.Context, runtime.Object, runtime.Object) error { return nil }
	workload, _, err := s.store.Update(ctx, name, scaledWorkload{info, update}, create, asked, false, o)
	if err != nil {
		return nil, false, err
	}
	scale, err := scaleOf(workload)
	return scale, false, err
}

func (s scaleStore) ConvertToTable(ctx context.Context, object, options runtime.Object) (*metav1.Table, error) {
	return rest.NewDefaultTableConvertor(s.store.DefaultQualifiedResource).ConvertToTable(ctx, object, options)
}

// scaledWorkload turns a change of a Scale into one of the workload.
type scaledWorkload struct {
	rest.UpdatedObjectInfo
	validate rest.ValidateObjectUpdateFunc
}

func (s scaledWorkload) UpdatedObject(ctx context.Context, old runtime.Object) (runtime.Object, error) {
	before, err := scaleOf(old)
	if err != nil {
		return nil, err
	}
	after, err := s.UpdatedObjectInfo.UpdatedObject(ctx, before.DeepCopy())
	if err != nil {
		return nil, err
	}
	if s.validate != nil {
		if err := s.validate(ctx, after, before); err != nil {
			return nil, err
		}
	}
	workload, wanted := old.DeepCopyObject(), after.(*autoscalingv1.Scale)
	fieldOf(workload, "Spec").FieldByName("Replicas").Set(reflect.ValueOf(&wanted.Spec.Replicas))
	if wanted.ResourceVersion != "" {
		workload.(metav1.Object).SetResourceVersion(wanted.ResourceVersion)
	}
	return workload, nil
}

func scaleOf(workload runtime.Object) (*autoscalingv1.Scale, error) {
	m, spec := workload.(metav1.Object), fieldOf(workload, "Spec")
	scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: m.GetName(), Namespace: m.GetNamespace(),
		UID: m.GetUID(), ResourceVersion: m.GetResourceVersion(), CreationTimestamp: m.GetCreationTimestamp()}}
	if replicas, ok := spec.FieldByName("Replicas").Interface().(*int32); ok && replicas != nil {
		scale.Spec.Replicas = *replicas
	}
	scale.Status.Replicas = int32(fieldOf(workload, "Status").FieldByName("Replicas").Int())
	switch selector := spec.FieldByName("Selector").Interface().(type) {
	case *metav1.LabelSelector:
		s, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			return nil, err
		}
		scale.Status.Selector = s.String()
	case map[string]string:
		scale.Status.Selector = labels.SelectorFromSet(selector).String()
	}
	return scale, nil
}

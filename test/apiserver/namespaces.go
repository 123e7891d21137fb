// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storeerr "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"
)

// A namespace is deleted in two steps: DELETE marks it, and whoever empties spec.finalizers (through
// the subresource finalize; here nobody, as no controllers run) lets it go.
type namespaceStore struct{ store }

var finalizePart = part{"finalize", func(wanted, there runtime.Object) {
	there.(*corev1.Namespace).Spec.Finalizers = wanted.(*corev1.Namespace).Spec.Finalizers
}}

func (n namespaceStore) Delete(ctx context.Context, name string, validate rest.ValidateObjectFunc,
	o *metav1.DeleteOptions) (runtime.Object, bool, error) {
	object, err := n.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, false, err
	}
	namespace := object.(*corev1.Namespace)
	if o.Preconditions != nil && o.Preconditions.UID != nil && *o.Preconditions.UID != namespace.UID {
		return nil, false, apierrors.NewConflict(n.DefaultQualifiedResource, name, errText("the uid is another"))
	}
	if len(namespace.Spec.Finalizers) == 0 {
		return n.Store.Delete(ctx, name, validate, o)
	}
	if !namespace.DeletionTimestamp.IsZero() {
		return namespace, false, validate(ctx, namespace)
	}
	key, err := n.KeyFunc(ctx, name)
	if err != nil {
		return nil, false, err
	}
	marked := &corev1.Namespace{}
	err = n.Storage.GuaranteedUpdate(ctx, key, marked, false, &storage.Preconditions{UID: &namespace.UID},
		storage.SimpleUpdate(func(now runtime.Object) (runtime.Object, error) {
			if err := validate(ctx, now); err != nil {
				return nil, err
			}
			deleted := metav1.Now()
			now.(*corev1.Namespace).DeletionTimestamp = &deleted
			now.(*corev1.Namespace).Status.Phase = corev1.NamespaceTerminating
			return now, nil
		}), dryrun.IsDryRun(o.DryRun), nil)
	if err != nil {
		return nil, false, storeerr.InterpretUpdateError(err, n.DefaultQualifiedResource, name)
	}
	return marked, false, nil
}

// DeleteCollection is what upstream's namespaces do not have.
func (n namespaceStore) DeleteCollection(context.Context, rest.ValidateObjectFunc, *metav1.DeleteOptions,
	*metainternalversion.ListOptions) (runtime.Object, error) {
	return nil, apierrors.NewMethodNotSupported(n.DefaultQualifiedResource, "deletecollection")
}

// goneWhenFinal lets a marked namespace go when its last finalizer is taken away.
func goneWhenFinal(_ context.Context, _ string, object, _ runtime.Object) bool {
	namespace := object.(*corev1.Namespace)
	return !namespace.DeletionTimestamp.IsZero() && len(namespace.Spec.Finalizers) == 0 && len(namespace.Finalizers) == 0
}

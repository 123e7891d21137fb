// SPDX-License-Identifier: Apache-2.0

package main

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What is refused, of all that k8s.io/kubernetes/pkg/apis/*/validation refuses: what tests depend on.

func validate(object runtime.Object) field.ErrorList {
	if pod, ok := object.(*corev1.Pod); ok && len(pod.Spec.Containers) == 0 {
		return field.ErrorList{field.Required(field.NewPath("spec", "containers"), "")}
	}
	return nil
}

func validateUpdate(object, old runtime.Object) field.ErrorList {
	switch o := object.(type) {
	case *corev1.Pod:
		return validatePodUpdate(o, old.(*corev1.Pod))
	case *rbacv1.RoleBinding:
		return unchanged("roleRef", o.RoleRef, old.(*rbacv1.RoleBinding).RoleRef)
	case *rbacv1.ClusterRoleBinding:
		return unchanged("roleRef", o.RoleRef, old.(*rbacv1.ClusterRoleBinding).RoleRef)
	case *corev1.Secret:
		return unchanged("type", o.Type, old.(*corev1.Secret).Type)
	}
	return nil
}

func unchanged(name string, now, before interface{}) field.ErrorList {
	if equality.Semantic.DeepEqual(now, before) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath(name), now, "field is immutable")}
}

// Of a pod that is there, images, the deadline and further tolerations may be changed, and nothing else.
func validatePodUpdate(pod, old *corev1.Pod) field.ErrorList {
	now := pod.DeepCopy()
	now.Spec.ActiveDeadlineSeconds = old.Spec.ActiveDeadlineSeconds
	now.Spec.TerminationGracePeriodSeconds = old.Spec.TerminationGracePeriodSeconds
	now.Spec.SchedulingGates = old.Spec.SchedulingGates
	if len(now.Spec.Tolerations) >= len(old.Spec.Tolerations) {
		now.Spec.Tolerations = old.Spec.Tolerations
	}
	sameImages(now.Spec.Containers, old.Spec.Containers)
	sameImages(now.Spec.InitContainers, old.Spec.InitContainers)
	if equality.Semantic.DeepEqual(now.Spec, old.Spec) {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("spec"), "pod updates may not change fields other than"+
		" `spec.containers[*].image`, `spec.initContainers[*].image`, `spec.activeDeadlineSeconds` and `spec.tolerations`")}
}

func sameImages(now, old []corev1.Container) {
	for i := range now {
		if i < len(old) {
			now[i].Image = old[i].Image
		}
	}
}

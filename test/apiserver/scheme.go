// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

// The types of k8s.io/api. kube-apiserver has internal types of its own, with generated conversions and
// defaults, which are in k8s.io/kubernetes and in no package: here a v1 type is its own internal
// version, and what tests need of the rest is in this file and in defaults.go.
var (
	scheme = runtime.NewScheme()
	codecs = serializer.NewCodecFactory(scheme)
)

// An API group: of a kind that several versions have, the first one's type is stored, and is the
// internal one.
type apiGroup struct {
	name     string
	versions []apiVersion
}

type apiVersion struct {
	gv  schema.GroupVersion
	add func(*runtime.Scheme) error
}

var apiGroups = []apiGroup{
	{"", []apiVersion{{corev1.SchemeGroupVersion, corev1.AddToScheme}}},
	{"admissionregistration.k8s.io", []apiVersion{{admissionregistrationv1.SchemeGroupVersion, admissionregistrationv1.AddToScheme}}},
	{"apps", []apiVersion{{appsv1.SchemeGroupVersion, appsv1.AddToScheme}}},
	{"authentication.k8s.io", []apiVersion{{authenticationv1.SchemeGroupVersion, authenticationv1.AddToScheme}}},
	{"authorization.k8s.io", []apiVersion{{authorizationv1.SchemeGroupVersion, authorizationv1.AddToScheme}}},
	{"autoscaling", []apiVersion{{autoscalingv2.SchemeGroupVersion, autoscalingv2.AddToScheme}, {autoscalingv1.SchemeGroupVersion, autoscalingv1.AddToScheme}}},
	{"batch", []apiVersion{{batchv1.SchemeGroupVersion, batchv1.AddToScheme}}},
	{"certificates.k8s.io", []apiVersion{{certificatesv1.SchemeGroupVersion, certificatesv1.AddToScheme}}},
	{"coordination.k8s.io", []apiVersion{{coordinationv1.SchemeGroupVersion, coordinationv1.AddToScheme}}},
	{"discovery.k8s.io", []apiVersion{{discoveryv1.SchemeGroupVersion, discoveryv1.AddToScheme}}},
	{"events.k8s.io", []apiVersion{{eventsv1.SchemeGroupVersion, eventsv1.AddToScheme}}},
	{"flowcontrol.apiserver.k8s.io", []apiVersion{{flowcontrolv1.SchemeGroupVersion, flowcontrolv1.AddToScheme}}},
	{"networking.k8s.io", []apiVersion{{networkingv1.SchemeGroupVersion, networkingv1.AddToScheme}}},
	{"node.k8s.io", []apiVersion{{nodev1.SchemeGroupVersion, nodev1.AddToScheme}}},
	// Of v1beta1, evictions only: a server takes them to this day.
	{"policy", []apiVersion{{policyv1.SchemeGroupVersion, policyv1.AddToScheme}, {policyv1beta1.SchemeGroupVersion, policyv1beta1.AddToScheme}}},
	{"rbac.authorization.k8s.io", []apiVersion{{rbacv1.SchemeGroupVersion, rbacv1.AddToScheme}}},
	{"resource.k8s.io", []apiVersion{{resourcev1.SchemeGroupVersion, resourcev1.AddToScheme}}},
	{"scheduling.k8s.io", []apiVersion{{schedulingv1.SchemeGroupVersion, schedulingv1.AddToScheme}}},
	{"storage.k8s.io", []apiVersion{{storagev1.SchemeGroupVersion, storagev1.AddToScheme}}},
}

func init() {
	for _, group := range apiGroups {
		addGroup(group)
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	addConversions()
	addFieldLabels()
	addDefaults()
}

func addGroup(group apiGroup) {
	internal := schema.GroupVersion{Group: group.name, Version: runtime.APIVersionInternal}
	var priority []schema.GroupVersion
	for _, version := range group.versions {
		must(version.add(scheme))
		priority = append(priority, version.gv)
		for kind, t := range scheme.KnownTypes(version.gv) {
			if t.PkgPath() == "k8s.io/apimachinery/pkg/apis/meta/v1" || scheme.Recognizes(internal.WithKind(kind)) {
				continue
			}
			if group.name == "events.k8s.io" { // the same objects as the core group's
				t = reflect.TypeOf(corev1.Event{})
				if strings.HasSuffix(kind, "List") {
					t = reflect.TypeOf(corev1.EventList{})
				}
			}
			scheme.AddKnownTypeWithName(internal.WithKind(kind), reflect.New(t).Interface().(runtime.Object))
		}
	}
	must(scheme.SetVersionPriority(priority...))
}

// convert registers a function from *A to *B.
func convert[A, B any](f func(a *A, b *B) error) {
	must(scheme.AddConversionFunc((*A)(nil), (*B)(nil), func(a, b interface{}, _ conversion.Scope) error {
		return f(a.(*A), b.(*B))
	}))
}

func addConversions() {
	convert(func(a *policyv1beta1.Eviction, b *policyv1.Eviction) error {
		b.ObjectMeta, b.DeleteOptions = a.ObjectMeta, a.DeleteOptions
		return nil
	})
	convert(eventFromNew)
	convert(eventToNew)
	convert(listOf[eventsv1.EventList, corev1.EventList](eventFromNew))
	convert(listOf[corev1.EventList, eventsv1.EventList](eventToNew))
	convert(autoscalerFromV1)
	convert(autoscalerToV1)
	convert(listOf[autoscalingv1.HorizontalPodAutoscalerList, autoscalingv2.HorizontalPodAutoscalerList](autoscalerFromV1))
	convert(listOf[autoscalingv2.HorizontalPodAutoscalerList, autoscalingv1.HorizontalPodAutoscalerList](autoscalerToV1))
	convert(func(q *url.Values, o *corev1.PodExecOptions) error { return fromQuery(*q, o) })
	convert(func(q *url.Values, o *corev1.PodAttachOptions) error { return fromQuery(*q, o) })
	convert(func(q *url.Values, o *corev1.PodPortForwardOptions) error { return fromQuery(*q, o) })
	convert(func(q *url.Values, o *corev1.PodLogOptions) error { return fromQuery(*q, o) })
	convert(func(q *url.Values, o *corev1.PodProxyOptions) error { return fromQuery(*q, o) })
	convert(func(q *url.Values, o *corev1.ServiceProxyOptions) error { return fromQuery(*q, o) })
	convert(func(q *url.Values, o *corev1.NodeProxyOptions) error { return fromQuery(*q, o) })
}

// listOf makes a conversion of lists of one of their items.
func listOf[AL, BL, A, B any](item func(*A, *B) error) func(*AL, *BL) error {
	return func(a *AL, b *BL) error {
		from, to := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
		to.FieldByName("ListMeta").Set(from.FieldByName("ListMeta"))
		items := from.FieldByName("Items").Interface().([]A)
		converted := make([]B, len(items))
		for i := range items {
			if err := item(&items[i], &converted[i]); err != nil {
				return err
			}
		}
		to.FieldByName("Items").Set(reflect.ValueOf(converted))
		return nil
	}
}

func eventFromNew(a *eventsv1.Event, b *corev1.Event) error {
	*b = corev1.Event{ObjectMeta: a.ObjectMeta, EventTime: a.EventTime, ReportingController: a.ReportingController,
		ReportingInstance: a.ReportingInstance, Action: a.Action, Reason: a.Reason, InvolvedObject: a.Regarding,
		Related: a.Related, Message: a.Note, Type: a.Type, Source: a.DeprecatedSource,
		FirstTimestamp: a.DeprecatedFirstTimestamp, LastTimestamp: a.DeprecatedLastTimestamp, Count: a.DeprecatedCount}
	if a.Series != nil {
		b.Series = &corev1.EventSeries{Count: a.Series.Count, LastObservedTime: a.Series.LastObservedTime}
	}
	return nil
}

func eventToNew(a *corev1.Event, b *eventsv1.Event) error {
	*b = eventsv1.Event{ObjectMeta: a.ObjectMeta, EventTime: a.EventTime, ReportingController: a.ReportingController,
		ReportingInstance: a.ReportingInstance, Action: a.Action, Reason: a.Reason, Regarding: a.InvolvedObject,
		Related: a.Related, Note: a.Message, Type: a.Type, DeprecatedSource: a.Source,
		DeprecatedFirstTimestamp: a.FirstTimestamp, DeprecatedLastTimestamp: a.LastTimestamp, DeprecatedCount: a.Count}
	if a.Series != nil {
		b.Series = &eventsv1.EventSeries{Count: a.Series.Count, LastObservedTime: a.Series.LastObservedTime}
	}
	return nil
}

// Of the metrics, version 1 knows the average of the CPU.
func autoscalerFromV1(a *autoscalingv1.HorizontalPodAutoscaler, b *autoscalingv2.HorizontalPodAutoscaler) error {
	*b = autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: a.ObjectMeta, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference(a.Spec.ScaleTargetRef),
		MinReplicas:    a.Spec.MinReplicas, MaxReplicas: a.Spec.MaxReplicas}}
	b.Status.CurrentReplicas, b.Status.DesiredReplicas = a.Status.CurrentReplicas, a.Status.DesiredReplicas
	if percent := a.Spec.TargetCPUUtilizationPercentage; percent != nil {
		b.Spec.Metrics = []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{
				Type: autoscalingv2.UtilizationMetricType, AverageUtilization: percent}}}}
	}
	return nil
}

func autoscalerToV1(a *autoscalingv2.HorizontalPodAutoscaler, b *autoscalingv1.HorizontalPodAutoscaler) error {
	*b = autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: a.ObjectMeta, Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv1.CrossVersionObjectReference(a.Spec.ScaleTargetRef),
		MinReplicas:    a.Spec.MinReplicas, MaxReplicas: a.Spec.MaxReplicas}}
	b.Status.CurrentReplicas, b.Status.DesiredReplicas = a.Status.CurrentReplicas, a.Status.DesiredReplicas
	for _, metric := range a.Spec.Metrics {
		if metric.Resource != nil && metric.Resource.Name == corev1.ResourceCPU {
			b.Spec.TargetCPUUtilizationPercentage = metric.Resource.Target.AverageUtilization
		}
	}
	return nil
}

// fromQuery fills the fields of options with the parameters that have their JSON names.
func fromQuery(query url.Values, options interface{}) error {
	to := reflect.ValueOf(options).Elem()
	for i := 0; i < to.NumField(); i++ {
		name, _, _ := strings.Cut(to.Type().Field(i).Tag.Get("json"), ",")
		values, ok := query[name]
		if name == "" || !ok {
			continue
		}
		if err := setField(to.Field(i), values); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func setField(field reflect.Value, values []string) error {
	switch to := field.Addr().Interface().(type) {
	case *bool:
		return runtime.Convert_Slice_string_To_bool(&values, to, nil)
	case *string:
		return runtime.Convert_Slice_string_To_string(&values, to, nil)
	case *[]string:
		*to = values
	case **int64:
		return runtime.Convert_Slice_string_To_Pointer_int64(&values, to, nil)
	case *[]int32:
		for _, value := range values {
			var port int
			if err := runtime.Convert_Slice_string_To_int(&[]string{value}, &port, nil); err != nil {
				return err
			}
			*to = append(*to, int32(port))
		}
	}
	return nil
}

// Which fields may be selected by, beyond name and namespace; fieldsOf in store.go has their values.
func addFieldLabels() {
	for gvk, names := range selectable {
		known := map[string]bool{"metadata.name": true, "metadata.namespace": true}
		for _, name := range names {
			known[name] = true
		}
		must(scheme.AddFieldLabelConversionFunc(gvk, func(label, value string) (string, string, error) {
			if !known[label] {
				return "", "", fmt.Errorf("field label not supported: %s", label)
			}
			return label, value, nil
		}))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

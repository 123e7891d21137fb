// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	extensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// APIServices are kube-aggregator's, which is in no package: they are stored as a custom resource, and
// nothing is aggregated.
func bootstrapServices(ctx context.Context, config *rest.Config) error {
	client, err := clientset.NewForConfig(config)
	if err != nil {
		return err
	}
	anything := true
	definition := &extensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "apiservices.apiregistration.k8s.io",
			Annotations: map[string]string{extensionsv1.KubeAPIApprovedAnnotation: "unapproved, for tests"}},
		Spec: extensionsv1.CustomResourceDefinitionSpec{Group: "apiregistration.k8s.io", Scope: extensionsv1.ClusterScoped,
			Names: extensionsv1.CustomResourceDefinitionNames{Plural: "apiservices", Singular: "apiservice", Kind: "APIService", ListKind: "APIServiceList"},
			Versions: []extensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true,
				Subresources: &extensionsv1.CustomResourceSubresources{Status: &extensionsv1.CustomResourceSubresourceStatus{}},
				Schema: &extensionsv1.CustomResourceValidation{OpenAPIV3Schema: &extensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: &anything}}}}}}
	_, err = client.ApiextensionsV1().CustomResourceDefinitions().Create(ctx, definition, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/manifest/loader"
)

// Webhook configurations from files (ManifestBasedAdmissionControlConfig, staticManifestsDir). The
// server that embeds the plugins says how a file becomes an object; without the defaults it would
// match nothing.
type manifestLoaders struct{}

func (manifestLoaders) Initialize(plugin admission.Interface) {
	if p, ok := plugin.(initializer.WantsManifestLoaders); ok {
		p.SetManifestLoaders(&initializer.ManifestLoaders{
			LoadValidatingWebhookManifests: func(dir string) ([]*admissionregistrationv1.ValidatingWebhookConfiguration, string, error) {
				return loader.LoadManifests(dir, codecs.UniversalDeserializer(), accept[admissionregistrationv1.ValidatingWebhookConfiguration])
			},
			LoadMutatingWebhookManifests: func(dir string) ([]*admissionregistrationv1.MutatingWebhookConfiguration, string, error) {
				return loader.LoadManifests(dir, codecs.UniversalDeserializer(), accept[admissionregistrationv1.MutatingWebhookConfiguration])
			},
		})
	}
}

func accept[T any](object runtime.Object) ([]*T, error) {
	configuration, ok := any(object).(*T)
	if !ok {
		return nil, fmt.Errorf("%T is no %T", object, configuration)
	}
	scheme.Default(object)
	return []*T{configuration}, nil
}

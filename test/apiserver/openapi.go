// SPDX-License-Identifier: Apache-2.0

package main

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	extopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// The OpenAPI of the built-in types. kube-apiserver's is generated from comments, in k8s.io/kubernetes;
// here it is made of the Go types and of their tags. Server-side apply needs it for the keys of lists,
// kubectl for `explain` and for validation. What only comments say (required fields, descriptions) is
// missing.

// modelName is what every type of k8s.io/api has.
type modelName interface{ OpenAPIModelName() string }

// scalar is what a type has that is no object in JSON though it is a struct in Go: times, quantities.
type scalar interface {
	OpenAPISchemaType() []string
	OpenAPISchemaFormat() string
}

type modeller struct {
	ref  common.ReferenceCallback
	made map[string]common.OpenAPIDefinition
	uses []string // the definitions that the one in the making refers to
}

// definitions are those of apiextensions, which have the common ones too, and ours.
func definitions(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	m := &modeller{ref: ref, made: extopenapi.GetOpenAPIDefinitions(ref)}
	for _, t := range scheme.AllKnownTypes() {
		m.schemaOf(t)
	}
	return m.made
}

// schemaOf returns a reference to a type's definition, which is made when it is not there, or what
// describes a type without a name.
func (m *modeller) schemaOf(t reflect.Type) spec.Schema {
	instance := reflect.New(t).Interface()
	if named, ok := instance.(modelName); ok {
		name := named.OpenAPIModelName()
		if _, ok := m.made[name]; !ok {
			m.made[name] = common.OpenAPIDefinition{} // a type may contain itself
			part := &modeller{ref: m.ref, made: m.made}
			schema := part.describe(t, instance)
			m.made[name] = common.OpenAPIDefinition{Schema: schema, Dependencies: part.uses}
		}
		m.uses = append(m.uses, name)
		return spec.Schema{SchemaProps: spec.SchemaProps{Ref: m.ref(name)}}
	}
	return m.describe(t, instance)
}

func (m *modeller) describe(t reflect.Type, instance interface{}) spec.Schema {
	if s, ok := instance.(scalar); ok {
		return typed(s.OpenAPISchemaType(), s.OpenAPISchemaFormat())
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.schemaOf(t.Elem())
	case reflect.Bool:
		return typed([]string{"boolean"}, "")
	case reflect.String:
		return typed([]string{"string"}, "")
	case reflect.Int64, reflect.Int, reflect.Uint64:
		return typed([]string{"integer"}, "int64")
	case reflect.Int32, reflect.Uint32, reflect.Int16, reflect.Uint8:
		return typed([]string{"integer"}, "int32")
	case reflect.Float64, reflect.Float32:
		return typed([]string{"number"}, "double")
	case reflect.Slice:
		return m.list(t)
	case reflect.Map:
		s, values := typed([]string{"object"}, ""), m.schemaOf(t.Elem())
		s.AdditionalProperties = &spec.SchemaOrBool{Allows: true, Schema: &values}
		return s
	case reflect.Struct:
		return m.object(t)
	}
	return spec.Schema{}
}

func typed(types []string, format string) spec.Schema {
	return spec.Schema{SchemaProps: spec.SchemaProps{Type: types, Format: format}}
}

func (m *modeller) list(t reflect.Type) spec.Schema {
	if t.Elem().Kind() == reflect.Uint8 {
		return typed([]string{"string"}, "byte")
	}
	s, items := typed([]string{"array"}, ""), m.schemaOf(t.Elem())
	s.Items = &spec.SchemaOrArray{Schema: &items}
	return s
}

func (m *modeller) object(t reflect.Type) spec.Schema {
	s := typed([]string{"object"}, "")
	s.Properties = map[string]spec.Schema{}
	m.properties(t, s.Properties)
	return s
}

func (m *modeller) properties(t reflect.Type, to map[string]spec.Schema) {
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case name == "" && (options == "inline" || field.Anonymous):
			m.properties(field.Type, to)
		case name != "":
			to[name] = m.property(field)
		}
	}
}

var protocolType = reflect.TypeOf(corev1.ProtocolTCP)

func (m *modeller) property(field reflect.StructField) spec.Schema {
	s := m.schemaOf(field.Type)
	if field.Type == protocolType { // a part of keys, see below
		s.Default = string(corev1.ProtocolTCP)
	}
	strategy, key := field.Tag.Get("patchStrategy"), field.Tag.Get("patchMergeKey")
	if strategy == "" || field.Type.Kind() != reflect.Slice {
		return s
	}
	s.AddExtension("x-kubernetes-patch-strategy", strategy)
	if key == "" {
		s.AddExtension("x-kubernetes-list-type", "set")
		return s
	}
	s.AddExtension("x-kubernetes-patch-merge-key", key)
	s.AddExtension("x-kubernetes-list-type", "map")
	keys := []interface{}{key}
	if key == "containerPort" || key == "port" { // where apply has more keys than patch
		keys = append(keys, "protocol")
	}
	s.AddExtension("x-kubernetes-list-map-keys", keys)
	return s
}

// SPDX-License-Identifier: Apache-2.0
// Prints which fields Kubernetes' kinds have, as policy/kinds/kinds_table_internal.h keeps it: from the Go types
// that its API server is made of, all versions of a group together.
package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

var marshaler = reflect.TypeOf((*json.Marshaler)(nil)).Elem()

// By the name of a type ("core/PodSpec"), what each of its fields is: "" for what has no fields.
var types = map[string]map[string]string{}

func nameOf(t reflect.Type) string {
	parts := strings.Split(t.PkgPath(), "/")
	if len(parts) < 2 {
		return t.Name()
	}
	return parts[len(parts)-2] + "/" + t.Name()
}

func isLeaf(t reflect.Type) bool {
	return t.Kind() != reflect.Struct || t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler) ||
		t.PkgPath() == "k8s.io/apimachinery/pkg/runtime" && t.Name() == "RawExtension"
}

// The form and the type of a field: "core/PodSpec", "[core/Container", "{core/X", "".
func shapeOf(t reflect.Type) string {
	form := ""
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		form, t = "[", t.Elem()
	} else if t.Kind() == reflect.Map {
		form, t = "{", t.Elem()
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if isLeaf(t) {
		return ""
	}
	add(t)
	return form + nameOf(t)
}

func addFields(fields map[string]string, t reflect.Type) {
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("json"), ",")
		inline := f.Anonymous && tag[0] == ""
		for _, option := range tag[1:] {
			inline = inline || option == "inline"
		}
		if inline {
			e := f.Type
			if e.Kind() == reflect.Pointer {
				e = e.Elem()
			}
			addFields(fields, e)
		} else if tag[0] != "" && tag[0] != "-" {
			fields[tag[0]] = shapeOf(f.Type)
		}
	}
}

func add(t reflect.Type) {
	name := nameOf(t)
	fields := types[name]
	if fields == nil {
		fields = map[string]string{}
		types[name] = fields
	} else if fields["\x00"+t.PkgPath()] != "" {
		return
	}
	fields["\x00"+t.PkgPath()] = "seen"
	addFields(fields, t)
}

type resource struct{ group, plural, kind string }

var also = []resource{
	{"", "pods/exec", "core/PodExecOptions"}, {"", "pods/attach", "core/PodAttachOptions"},
	{"", "pods/portforward", "core/PodPortForwardOptions"}, {"", "pods/proxy", "core/PodProxyOptions"},
	{"", "services/proxy", "core/ServiceProxyOptions"}, {"", "nodes/proxy", "core/NodeProxyOptions"},
	{"", "pods/eviction", "policy/Eviction"}, {"", "pods/binding", "core/Binding"},
	{"", "serviceaccounts/token", "authentication/TokenRequest"},
	{"", "replicationcontrollers/scale", "autoscaling/Scale"}, {"apps", "deployments/scale", "autoscaling/Scale"},
	{"apps", "replicasets/scale", "autoscaling/Scale"}, {"apps", "statefulsets/scale", "autoscaling/Scale"},
}

func main() {
	known := scheme.Scheme.AllKnownTypes()
	all := append([]resource{}, also...)
	for gvk, t := range known {
		if strings.HasSuffix(gvk.Kind, "List") || gvk.Version == "__internal" {
			continue
		}
		if _, isObject := t.FieldByName("ObjectMeta"); !isObject {
			if !strings.HasSuffix(gvk.Kind, "Options") || !strings.HasPrefix(t.PkgPath(), "k8s.io/api/core") {
				continue
			}
			add(t)
			continue
		}
		add(t)
		plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind})
		all = append(all, resource{gvk.Group, plural.Resource, nameOf(t)})
	}
	_ = metav1.ObjectMeta{}
	var lines []string
	for _, r := range all {
		lines = append(lines, fmt.Sprintf("RESOURCE(%q, %q, %q)", r.group, r.plural, r.kind))
	}
	sort.Strings(lines)
	previous := ""
	for _, l := range lines {
		if l != previous {
			fmt.Println(l)
		}
		previous = l
	}
	var names []string
	for name := range types {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		var fields []string
		for f, shape := range types[name] {
			if f[0] == 0 {
				continue
			}
			if shape != "" {
				f += "=" + shape
			}
			fields = append(fields, f)
		}
		sort.Strings(fields)
		fmt.Printf("TYPE(%q, %q)\n", name, strings.Join(fields, " "))
	}
}

// SPDX-License-Identifier: Apache-2.0

// A small API server of the newest Kubernetes that Debian packages, for tests: k8s.io/apiserver and
// k8s.io/apiextensions-apiserver are upstream's own (requests, admission webhooks and policies, audit,
// the structured AuthorizationConfiguration, constrained impersonation, custom resources, static
// manifests). k8s.io/kubernetes, which has the built-in kinds, is in no package: what tests need of
// it is here. README.md says what is missing.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	extensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apimachinery/pkg/util/errors"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/component-base/cli"
)

// The flags have kube-apiserver's names and meanings; those that mean nothing here do not exist.
type options struct {
	universal  *genericoptions.ServerRunOptions
	etcd       *genericoptions.EtcdOptions
	serving    *genericoptions.SecureServingOptionsWithLoopback
	audit      *genericoptions.AuditOptions
	admission  *genericoptions.AdmissionOptions
	enablement *genericoptions.APIEnablementOptions

	clientCAFile, tokenAuthFile, authorizationConfig, authorizationMode string
	serviceAccountIssuer, serviceAccountSigningKeyFile                  string
}

func newOptions() *options {
	codec := apiextensions.Codecs.LegacyCodec(extensionsv1.SchemeGroupVersion)
	return &options{
		universal:  genericoptions.NewServerRunOptions(),
		etcd:       genericoptions.NewEtcdOptions(storagebackend.NewDefaultConfig("/registry", codec)),
		serving:    genericoptions.NewSecureServingOptions().WithLoopback(),
		audit:      genericoptions.NewAuditOptions(),
		admission:  genericoptions.NewAdmissionOptions(),
		enablement: genericoptions.NewAPIEnablementOptions(),
	}
}

func (o *options) addFlags(flags *pflag.FlagSet) {
	o.universal.AddUniversalFlags(flags)
	o.etcd.AddFlags(flags)
	o.serving.AddFlags(flags)
	o.audit.AddFlags(flags)
	o.admission.AddFlags(flags)
	o.enablement.AddFlags(flags)
	flags.StringVar(&o.clientCAFile, "client-ca-file", "", "client certificates signed by this authority log in")
	flags.StringVar(&o.tokenAuthFile, "token-auth-file", "", "bearer tokens that log in, as CSV")
	flags.StringVar(&o.authorizationConfig, "authorization-config", "", "an AuthorizationConfiguration")
	flags.StringVar(&o.authorizationMode, "authorization-mode", "RBAC", "RBAC, unless there is an --authorization-config")
	flags.StringVar(&o.serviceAccountIssuer, "service-account-issuer", "https://kubernetes.default.svc", "of tokens of service accounts")
	flags.StringVar(&o.serviceAccountSigningKeyFile, "service-account-signing-key-file", "", "private key, EC on P-256")
}

func (o *options) validate() error {
	var all []error
	for _, errs := range [][]error{o.universal.Validate(), o.etcd.Validate(), o.serving.Validate(), o.audit.Validate(), o.admission.Validate()} {
		all = append(all, errs...)
	}
	if o.authorizationMode != "RBAC" {
		all = append(all, fmt.Errorf("--authorization-mode=%s: there is RBAC, and --authorization-config", o.authorizationMode))
	}
	return errors.NewAggregate(all)
}

func main() {
	o := newOptions()
	command := &cobra.Command{Use: "holdpoint-test-apiserver", SilenceUsage: true, Args: cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return o.universal.ComponentGlobalsRegistry.Set() },
		RunE: func(command *cobra.Command, _ []string) error {
			if err := o.universal.Complete(); err != nil {
				return err
			}
			if err := o.validate(); err != nil {
				return err
			}
			return run(command.Context(), o)
		}}
	command.SetContext(genericapiserver.SetupSignalContext())
	o.addFlags(command.Flags())
	os.Exit(cli.Run(command))
}

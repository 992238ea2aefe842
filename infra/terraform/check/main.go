// terraform-provider-aws, for checks only: the AWS provider's schema without the provider.
//
//	terraform-provider-aws extract LIBRARY OUT MODULE…   reads the types that the modules use out of the provider's bindings
//	terraform-provider-aws                               serves schema.json, beside the program, to Terraform
//
// Terraform finds it by a dev_overrides entry of its configuration; `make -C infra check` sets all that up.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"

	"vitrine/infra/terraform/check/bindings"
	"vitrine/infra/terraform/check/provider"
	"vitrine/infra/terraform/check/schema"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "terraform-provider-aws:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) > 3 && arguments[0] == "extract" {
		return extract(arguments[1], arguments[2], arguments[3:])
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	known, err := schema.Read(filepath.Join(filepath.Dir(program), "schema.json"))
	if err != nil {
		return err
	}
	server, err := provider.New(known)
	if err != nil {
		return err
	}
	return tf5server.Serve("hashicorp/aws", func() tfprotov5.ProviderServer { return server })
}

func extract(library, out string, modules []string) error {
	resources, dataSources, err := usedTypes(modules)
	if err != nil {
		return err
	}
	known, err := bindings.Load(library, resources, dataSources)
	if err != nil {
		return err
	}
	fmt.Printf("schema: %d resource types, %d data sources\n", len(resources), len(dataSources))
	return schema.Write(out, known)
}

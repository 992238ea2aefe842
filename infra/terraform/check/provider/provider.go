// Package provider answers Terraform in a provider's place with nothing but its schema.
//
// `terraform validate` and `terraform test` with mock_provider ask a provider for no more: types, arguments, blocks and
// references are checked as with the real one, while nothing can be planned or created.
package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"vitrine/infra/terraform/check/schema"
)

// Server holds the schema. Every call that is not defined here is one that a check never makes; the embedded nil
// interface lets it panic, which Terraform reports as a crash of the provider.
type Server struct {
	tfprotov5.ProviderServer
	answer *tfprotov5.GetProviderSchemaResponse
}

// New translates the schema to the protocol's types once.
func New(provider schema.Provider) (*Server, error) {
	answer := &tfprotov5.GetProviderSchemaResponse{
		ResourceSchemas:   map[string]*tfprotov5.Schema{},
		DataSourceSchemas: map[string]*tfprotov5.Schema{},
	}
	var err error
	if answer.Provider, err = translate(provider.Config); err != nil {
		return nil, fmt.Errorf("provider: %w", err)
	}
	for name, resource := range provider.Resources {
		if answer.ResourceSchemas[name], err = translate(resource); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, source := range provider.DataSources {
		if answer.DataSourceSchemas[name], err = translate(source); err != nil {
			return nil, fmt.Errorf("data.%s: %w", name, err)
		}
	}
	return &Server{answer: answer}, nil
}

func translate(from schema.Schema) (*tfprotov5.Schema, error) {
	block, err := translateBlock(from.Block)
	return &tfprotov5.Schema{Version: from.Version, Block: block}, err
}

func translateBlock(from schema.Block) (*tfprotov5.SchemaBlock, error) {
	block := &tfprotov5.SchemaBlock{}
	for name, attribute := range from.Attributes {
		kind, err := parseType(attribute.Type)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		block.Attributes = append(block.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: kind, Required: attribute.Required, Optional: attribute.Optional, Computed: attribute.Computed,
		})
	}
	for name, nested := range from.BlockTypes {
		inner, err := translateBlock(nested.Block)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		mode, known := nestingModes[nested.NestingMode]
		if !known {
			return nil, fmt.Errorf("%s: unknown nesting mode %q", name, nested.NestingMode)
		}
		block.BlockTypes = append(block.BlockTypes, &tfprotov5.SchemaNestedBlock{
			TypeName: name, Block: inner, Nesting: mode, MinItems: nested.MinItems, MaxItems: nested.MaxItems,
		})
	}
	return block, nil
}

var nestingModes = map[string]tfprotov5.SchemaNestedBlockNestingMode{
	"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
	"list":   tfprotov5.SchemaNestedBlockNestingModeList,
	"set":    tfprotov5.SchemaNestedBlockNestingModeSet,
	"map":    tfprotov5.SchemaNestedBlockNestingModeMap,
}

// parseType reads a type constraint: a word, or a collection of one.
func parseType(text json.RawMessage) (tftypes.Type, error) {
	var word string
	if json.Unmarshal(text, &word) == nil {
		switch word {
		case "string":
			return tftypes.String, nil
		case "number":
			return tftypes.Number, nil
		case "bool":
			return tftypes.Bool, nil
		case "dynamic":
			return tftypes.DynamicPseudoType, nil
		}
		return nil, fmt.Errorf("unknown type %q", word)
	}
	var pair []json.RawMessage
	var kind string
	if err := json.Unmarshal(text, &pair); err != nil || len(pair) != 2 || json.Unmarshal(pair[0], &kind) != nil {
		return nil, fmt.Errorf("unknown type %s", text)
	}
	if kind == "object" {
		return parseObject(pair[1])
	}
	element, err := parseType(pair[1])
	if err != nil {
		return nil, err
	}
	switch kind {
	case "list":
		return tftypes.List{ElementType: element}, nil
	case "set":
		return tftypes.Set{ElementType: element}, nil
	case "map":
		return tftypes.Map{ElementType: element}, nil
	}
	return nil, fmt.Errorf("unknown collection %q", kind)
}

func parseObject(text json.RawMessage) (tftypes.Type, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	object := tftypes.Object{AttributeTypes: map[string]tftypes.Type{}}
	for name, member := range members {
		kind, err := parseType(member)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		object.AttributeTypes[name] = kind
	}
	return object, nil
}

// GetMetadata lists the types.
func (s *Server) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	answer := &tfprotov5.GetMetadataResponse{}
	for name := range s.answer.ResourceSchemas {
		answer.Resources = append(answer.Resources, tfprotov5.ResourceMetadata{TypeName: name})
	}
	for name := range s.answer.DataSourceSchemas {
		answer.DataSources = append(answer.DataSources, tfprotov5.DataSourceMetadata{TypeName: name})
	}
	return answer, nil
}

// GetProviderSchema is what this provider is for.
func (s *Server) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return s.answer, nil
}

// GetResourceIdentitySchemas: the bindings know of none.
func (s *Server) GetResourceIdentitySchemas(context.Context, *tfprotov5.GetResourceIdentitySchemasRequest) (*tfprotov5.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov5.GetResourceIdentitySchemasResponse{}, nil
}

// PrepareProviderConfig takes the configuration as it is.
func (s *Server) PrepareProviderConfig(_ context.Context, request *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: request.Config}, nil
}

// ConfigureProvider has nothing to reach.
func (s *Server) ConfigureProvider(context.Context, *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	return &tfprotov5.ConfigureProviderResponse{}, nil
}

// ValidateResourceTypeConfig: what the schema allows is valid.
func (s *Server) ValidateResourceTypeConfig(context.Context, *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	return &tfprotov5.ValidateResourceTypeConfigResponse{}, nil
}

// ValidateDataSourceConfig: what the schema allows is valid.
func (s *Server) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

// StopProvider has nothing to stop.
func (s *Server) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}

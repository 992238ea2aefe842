package provider

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"vitrine/infra/terraform/check/schema"
)

func TestTypesAreThoseOfTheProtocol(t *testing.T) {
	table := map[string]tftypes.Type{
		`"string"`:                           tftypes.String,
		`"number"`:                           tftypes.Number,
		`"bool"`:                             tftypes.Bool,
		`"dynamic"`:                          tftypes.DynamicPseudoType,
		`["list","string"]`:                  tftypes.List{ElementType: tftypes.String},
		`["map",["set","bool"]]`:             tftypes.Map{ElementType: tftypes.Set{ElementType: tftypes.Bool}},
		`["list",["object",{"a":"number"}]]`: tftypes.List{ElementType: tftypes.Object{AttributeTypes: map[string]tftypes.Type{"a": tftypes.Number}}},
	}
	for text, expected := range table {
		found, err := parseType(json.RawMessage(text))
		if err != nil || !found.Equal(expected) {
			t.Errorf("%s: %v, %v", text, found, err)
		}
	}
	for _, text := range []string{`"text"`, `["bag","string"]`, `["list"]`, `{}`, `["object","string"]`, `["list","text"]`} {
		if found, err := parseType(json.RawMessage(text)); err == nil {
			t.Errorf("%s: taken for %v", text, found)
		}
	}
}

func TestTheSchemaIsServedAsItIs(t *testing.T) {
	block := schema.Block{
		Attributes: map[string]schema.Attribute{"name": {Type: json.RawMessage(`"string"`), Required: true}},
		BlockTypes: map[string]schema.NestedBlock{"rule": {NestingMode: "list", MinItems: 1, MaxItems: 2}},
	}
	server, err := New(schema.Provider{
		Resources:   map[string]schema.Schema{"aws_thing": {Block: block}},
		DataSources: map[string]schema.Schema{"aws_thang": {Block: block}},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.GetProviderSchema(context.Background(), &tfprotov5.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	served := answer.ResourceSchemas["aws_thing"].Block
	if name := served.Attributes[0]; name.Name != "name" || !name.Required || name.Optional {
		t.Errorf("%+v", name)
	}
	if rule := served.BlockTypes[0]; rule.TypeName != "rule" || rule.MinItems != 1 || rule.MaxItems != 2 || rule.Nesting != tfprotov5.SchemaNestedBlockNestingModeList {
		t.Errorf("%+v", rule)
	}
	if _, known := answer.DataSourceSchemas["aws_thang"]; !known {
		t.Error("the data source is not served")
	}
}

func TestAnUnknownNestingIsRefused(t *testing.T) {
	block := schema.Block{BlockTypes: map[string]schema.NestedBlock{"rule": {NestingMode: "bag"}}}
	if _, err := New(schema.Provider{Resources: map[string]schema.Schema{"aws_thing": {Block: block}}}); err == nil {
		t.Error("taken")
	}
}

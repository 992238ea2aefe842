// Package bindings reads a provider's schema out of its generated bindings for JavaScript.
//
//	lib/NAME/index.js    which arguments and blocks there are, of which type, and what is exported
//	lib/NAME/index.d.ts  which of them are required
//	      └► schema.Provider
//
// The bindings are generated from the provider's own schema, so nothing is invented here. Three things they do not tell,
// and what is assumed: an optional argument with a provider's default is taken as optional only (but for `id`, `region` and `tags_all`); a
// block's limits are "at least one if required" and "at most one if single"; and recursive WAF statements are untyped
// in them, so overlay.json describes the few that we use.
package bindings

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"vitrine/infra/terraform/check/schema"
)

// overlay replaces what the bindings leave untyped: type name → path of block names → nested block.
//
//go:embed overlay.json
var overlayText []byte

type overlayEntry struct {
	Resource string             `json:"resource"`
	Block    string             `json:"block"`
	Name     string             `json:"name"`
	Schema   schema.NestedBlock `json:"schema"`
}

// Load reads the named resources and data sources from an unpacked package.
func Load(library string, resources, dataSources []string) (schema.Provider, error) {
	provider := schema.Provider{Resources: map[string]schema.Schema{}, DataSources: map[string]schema.Schema{}}
	config, err := load(library, "provider")
	if err != nil {
		return provider, err
	}
	provider.Config = config
	var problems []error
	for _, name := range resources {
		provider.Resources[name], err = load(library, folder(name))
		problems = append(problems, wrap(name, err))
	}
	for _, name := range dataSources {
		provider.DataSources[name], err = load(library, "data-aws-"+folder(name))
		problems = append(problems, wrap("data."+name, err))
	}
	if err := errors.Join(problems...); err != nil {
		return provider, err
	}
	return provider, applyOverlay(provider)
}

func wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// folder is where the bindings keep a type: aws_s3_bucket in s3-bucket.
func folder(name string) string {
	return strings.ReplaceAll(strings.TrimPrefix(name, "aws_"), "_", "-")
}

var mainClass = regexp.MustCompile(`(?m)^class (\w+) extends cdktf\.Terraform(?:Resource|DataSource|Provider) \{`)

func load(library, name string) (schema.Schema, error) {
	source, err := readSource(library, name)
	if err != nil {
		return schema.Schema{}, err
	}
	return source.schema()
}

func (s *source) schema() (schema.Schema, error) {
	match := mainClass.FindStringSubmatch(s.script)
	if match == nil {
		return schema.Schema{}, errors.New("no resource class: are these the bindings of another generator?")
	}
	class := match[1]
	_, attributes, found := strings.Cut(s.classes[class], "synthesizeHclAttributes() {")
	if !found {
		return schema.Schema{}, fmt.Errorf("class %s lists no arguments: are these the bindings of another generator?", class)
	}
	block, err := s.block(attributes, class+"Config", class)
	return schema.Schema{Block: block}, err
}

// argument is one entry of a list of arguments; its groups are name, value, isBlock, type, storageClassType.
var argument = regexp.MustCompile(
	`(?m)^ +"?(\w+)"?: \{\n +value: (.*),\n +isBlock: (true|false),\n +type: "(\w+)",\n +storageClassType: "(\w+)",`)

var (
	nestedFunction = regexp.MustCompile(`\b(\w+)ToHclTerraform\b`)
	valueProperty  = regexp.MustCompile(`(?:this\._|struct\.)(\w+)`)
)

// block makes one block's schema from its list of arguments, the interface that says which are required, and the class
// that says what else is exported.
func (s *source) block(arguments, interfaceName, class string) (schema.Block, error) {
	block := schema.Block{Attributes: s.exported(class), BlockTypes: map[string]schema.NestedBlock{}}
	for _, match := range argument.FindAllStringSubmatch(arguments, -1) {
		name, value, isBlock, kind, storage := match[1], match[2], match[3] == "true", match[4], match[5]
		property := valueProperty.FindStringSubmatch(value)
		if property == nil {
			return block, fmt.Errorf("%s: cannot read %q", name, value)
		}
		required, declared := s.declarations[interfaceName][property[1]]
		if !declared {
			return block, fmt.Errorf("%s is not declared in %s", property[1], interfaceName)
		}
		if !isBlock {
			kind, err := attributeType(kind, storage)
			if err != nil {
				return block, fmt.Errorf("%s: %w", name, err)
			}
			block.Attributes[name] = schema.Attribute{Type: kind, Required: required, Optional: !required, Computed: !required && computedToo[name]}
			continue
		}
		nested, err := s.nestedBlock(value, kind, required)
		if err != nil {
			return block, fmt.Errorf("%s: %w", name, err)
		}
		block.BlockTypes[name] = nested
		delete(block.Attributes, name)
	}
	return block, nil
}

// computedToo are optional arguments that have a value even when none is given.
var computedToo = map[string]bool{"id": true, "region": true, "tags_all": true}

func (s *source) nestedBlock(value, kind string, required bool) (schema.NestedBlock, error) {
	function := nestedFunctionName(value)
	body, found := s.function(function + "ToHclTerraform")
	if !found {
		return schema.NestedBlock{}, fmt.Errorf("no function for block %q", value)
	}
	interfaceName := strings.ToUpper(function[:1]) + function[1:]
	block, err := s.block(body, interfaceName, interfaceName+"OutputReference")
	if err != nil {
		return schema.NestedBlock{}, err
	}
	nested := schema.NestedBlock{NestingMode: kind, Block: block}
	if kind == "struct" {
		nested.NestingMode = "single"
		return nested, nil
	}
	if required {
		nested.MinItems = 1
	}
	if !strings.Contains(value, "listMapperHcl(") {
		nested.MaxItems = 1
	}
	return nested, nil
}

func nestedFunctionName(value string) string {
	for _, match := range nestedFunction.FindAllStringSubmatch(value, -1) {
		if !strings.HasPrefix(match[0], "listMapper") && match[1] != "cdktf" {
			return match[1]
		}
	}
	return ""
}

// attributeType translates the generator's words: ("set", "stringList") is a set of strings.
func attributeType(kind, storage string) (json.RawMessage, error) {
	if kind == "simple" {
		switch storage {
		case "boolean":
			return json.RawMessage(`"bool"`), nil
		case "any":
			return json.RawMessage(`"dynamic"`), nil
		default:
			return json.RawMessage(`"` + storage + `"`), nil
		}
	}
	element := strings.TrimSuffix(strings.TrimSuffix(storage, "List"), "Map")
	switch element {
	case "string", "number":
	case "boolean":
		element = "bool"
	default:
		return nil, fmt.Errorf("no type for %s of %s", kind, storage)
	}
	return json.RawMessage(fmt.Sprintf(`[%q,%q]`, kind, element)), nil
}

func applyOverlay(provider schema.Provider) error {
	var entries []overlayEntry
	if err := json.Unmarshal(overlayText, &entries); err != nil {
		return fmt.Errorf("overlay.json: %w", err)
	}
	for _, entry := range entries {
		resource, used := provider.Resources[entry.Resource]
		if !used {
			continue
		}
		nested, found := resource.Block.BlockTypes[entry.Block]
		if !found {
			return fmt.Errorf("overlay.json: %s has no block %s", entry.Resource, entry.Block)
		}
		delete(nested.Block.Attributes, entry.Name)
		blocks := maps.Clone(nested.Block.BlockTypes)
		blocks[entry.Name] = entry.Schema
		nested.Block.BlockTypes = blocks
		resource.Block.BlockTypes[entry.Block] = nested
	}
	return nil
}

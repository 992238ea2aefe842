// Package schema is the JSON that `terraform providers schema -json` prints, as far as this check needs it.
//
// Keeping to that form means that a dump of the real provider can take the place of what bindings yields.
package schema

import (
	"encoding/json"
	"fmt"
	"os"
)

// Provider is one provider: its own configuration, its resources and its data sources, by type name.
type Provider struct {
	Config      Schema            `json:"provider"`
	Resources   map[string]Schema `json:"resource_schemas"`
	DataSources map[string]Schema `json:"data_source_schemas"`
}

// Schema is one resource type, data source or provider configuration.
type Schema struct {
	Version int64 `json:"version"`
	Block   Block `json:"block"`
}

// Block is what stands between a pair of braces.
type Block struct {
	Attributes map[string]Attribute   `json:"attributes,omitempty"`
	BlockTypes map[string]NestedBlock `json:"block_types,omitempty"`
}

// Attribute is one argument, or one exported value.
type Attribute struct {
	// Type is a type constraint in JSON: "string", ["list","string"], ["object",{…}].
	Type     json.RawMessage `json:"type"`
	Required bool            `json:"required,omitempty"`
	Optional bool            `json:"optional,omitempty"`
	Computed bool            `json:"computed,omitempty"`
}

// NestedBlock is a block within a block. MaxItems 0 means no limit.
type NestedBlock struct {
	NestingMode string `json:"nesting_mode"`
	Block       Block  `json:"block"`
	MinItems    int64  `json:"min_items,omitempty"`
	MaxItems    int64  `json:"max_items,omitempty"`
}

// Read loads a provider from the file that Write made.
func Read(path string) (Provider, error) {
	var provider Provider
	text, err := os.ReadFile(path)
	if err != nil {
		return provider, fmt.Errorf("%w: run `make -C infra check`, which makes it", err)
	}
	if err := json.Unmarshal(text, &provider); err != nil {
		return provider, fmt.Errorf("%s: %w: delete it and run `make -C infra check`", path, err)
	}
	return provider, nil
}

// Write stores a provider, one object a line's indent, for people who want to look a type up.
func Write(path string, provider Provider) error {
	text, err := json.MarshalIndent(provider, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

package bindings

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/infra/terraform/check/schema"
)

// A binding as the generator lays it out, with one of each kind of thing.
const script = `
function thingRuleTargetToHclTerraform(struct) {
    const attrs = {
        port: {
            value: cdktf.numberToHclTerraform(struct.port),
            isBlock: false,
            type: "simple",
            storageClassType: "number",
        },
    };
}
class ThingRuleTargetOutputReference extends cdktf.ComplexObject {
    // state - computed: true, optional: false, required: false
    get state() {
        return this.getStringAttribute('state');
    }
}
function thingRuleToHclTerraform(struct) {
    const attrs = {
        names: {
            value: cdktf.listMapperHcl(cdktf.stringToHclTerraform, false)(struct.names),
            isBlock: false,
            type: "set",
            storageClassType: "stringList",
        },
        target: {
            value: thingRuleTargetToHclTerraform(struct.target),
            isBlock: true,
            type: "list",
            storageClassType: "ThingRuleTargetList",
        },
    };
}
class ThingRuleOutputReference extends cdktf.ComplexObject {
}
class ThingRecordsOutputReference extends cdktf.ComplexObject {
    // value - computed: true, optional: false, required: false
    get value() {
        return this.getStringAttribute('value');
    }
}
class ThingRecordsList extends cdktf.ComplexList {
    get(index) {
    }
}
class Thing extends cdktf.TerraformResource {
    constructor(scope, id, config) {
        // records - computed: true, optional: false, required: false
        this._records = new ThingRecordsList(this, "records", true);
    }
    // arn - computed: true, optional: false, required: false
    get arn() {
        return this.getStringAttribute('arn');
    }
    synthesizeHclAttributes() {
        const attrs = {
            region: {
                value: cdktf.stringToHclTerraform(this._region),
                isBlock: false,
                type: "simple",
                storageClassType: "string",
            },
            enabled: {
                value: cdktf.booleanToHclTerraform(this._enabled),
                isBlock: false,
                type: "simple",
                storageClassType: "boolean",
            },
            tags: {
                value: cdktf.hashMapperHcl(cdktf.stringToHclTerraform)(this._tags),
                isBlock: false,
                type: "map",
                storageClassType: "stringMap",
            },
            rule: {
                value: cdktf.listMapperHcl(thingRuleToHclTerraform, true)(this._rule.internalValue),
                isBlock: true,
                type: "set",
                storageClassType: "ThingRuleList",
            },
        };
    }
}
`

const declarations = `
export interface ThingConfig extends cdktf.TerraformMetaArguments {
    readonly region?: string;
    readonly enabled: boolean | cdktf.IResolvable;
    readonly tags?: {
        [key: string]: string;
    };
    readonly rule: ThingRule[] | cdktf.IResolvable;
}
export interface ThingRule {
    readonly names?: string[];
    readonly target?: ThingRuleTarget;
}
export interface ThingRuleTarget {
    readonly port: number;
}
`

func thing(t *testing.T) schema.Block {
	t.Helper()
	found, err := newSource(script, declarations).schema()
	if err != nil {
		t.Fatal(err)
	}
	return found.Block
}

func TestArgumentsHaveTheirTypeAndWhoSetsThem(t *testing.T) {
	table := map[string]schema.Attribute{
		"region":  {Type: json.RawMessage(`"string"`), Optional: true, Computed: true},
		"enabled": {Type: json.RawMessage(`"bool"`), Required: true},
		"tags":    {Type: json.RawMessage(`["map","string"]`), Optional: true},
		"arn":     {Type: json.RawMessage(`"string"`), Computed: true},
		"records": {Type: json.RawMessage(`["set",["object",{"value":"string"}]]`), Computed: true},
	}
	attributes := thing(t).Attributes
	for name, expected := range table {
		found, known := attributes[name]
		if !known || string(found.Type) != string(expected.Type) || found.Required != expected.Required ||
			found.Optional != expected.Optional || found.Computed != expected.Computed {
			t.Errorf("%s: %+v, not %+v", name, found, expected)
		}
	}
	if len(attributes) != len(table) {
		t.Errorf("%d attributes, not %d", len(attributes), len(table))
	}
}

func TestBlocksHaveTheirNestingAndLimits(t *testing.T) {
	rule := thing(t).BlockTypes["rule"]
	if rule.NestingMode != "set" || rule.MinItems != 1 || rule.MaxItems != 0 {
		t.Errorf("a required block of several: %+v", rule)
	}
	target := rule.Block.BlockTypes["target"]
	if target.NestingMode != "list" || target.MinItems != 0 || target.MaxItems != 1 {
		t.Errorf("an optional single block: %+v", target)
	}
	if names := rule.Block.Attributes["names"]; string(names.Type) != `["set","string"]` || !names.Optional {
		t.Errorf("an argument within a block: %+v", names)
	}
	if port := target.Block.Attributes["port"]; !port.Required {
		t.Errorf("a required argument within two blocks: %+v", port)
	}
	if state := target.Block.Attributes["state"]; !state.Computed || state.Optional {
		t.Errorf("what a block only exports: %+v", state)
	}
}

func TestAnotherGeneratorsBindingsAreRefused(t *testing.T) {
	table := map[string]string{
		"no class":          "function thing() {}",
		"no arguments":      "class Thing extends cdktf.TerraformResource {\n}\n",
		"undeclared":        strings.ReplaceAll(script, "this._enabled", "this._other"),
		"no block function": strings.ReplaceAll(script, "function thingRuleToHclTerraform", "function other"),
		"unknown type":      strings.ReplaceAll(script, `storageClassType: "stringMap"`, `storageClassType: "stringMapMap2"`),
	}
	for name, text := range table {
		if found, err := newSource(text, declarations).schema(); err == nil {
			t.Errorf("%s: taken for %+v", name, found)
		}
	}
}

func TestATypeThatTheProviderDoesNotKnowIsNamed(t *testing.T) {
	library := t.TempDir()
	for _, name := range []string{"provider", "thing"} {
		folder := filepath.Join(library, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"index.js": script, "index.d.ts": declarations} {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Load(library, []string{"aws_thing"}, nil); err != nil {
		t.Error(err)
	}
	_, err := Load(library, []string{"aws_thing", "aws_thong"}, []string{"aws_thang"})
	if err == nil || !strings.Contains(err.Error(), "aws_thong") || !strings.Contains(err.Error(), "data.aws_thang") {
		t.Errorf("%v", err)
	}
}

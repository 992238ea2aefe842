package bindings

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"vitrine/infra/terraform/check/schema"
)

var (
	// getter is an exported value; its groups are the attribute's name, and what reads it.
	getter = regexp.MustCompile(
		`(?m)^    // (\w+) - computed: true, optional: false, required: false\n    get \w+\(\) \{\n        return (.*);\n`)
	// nestedValue is an exported list, set or map of objects; its groups are name, class, and whether it is a set.
	nestedValue = regexp.MustCompile(
		`(?m)^        // (\w+) - computed: true, optional: false, required: false\n        this\.\w+ = new (\w+)\(this, "\w+"(?:, (true|false))?\);`)
	read = regexp.MustCompile(`this\.get(\w+)Attribute\('\w+'\)`)
)

// exported are the values that a class only exports: no argument sets them.
func (s *source) exported(class string) map[string]schema.Attribute {
	attributes := map[string]schema.Attribute{}
	for name, kind := range s.exportedTypes(class) {
		attributes[name] = schema.Attribute{Type: kind, Computed: true}
	}
	return attributes
}

func (s *source) exportedTypes(class string) map[string]json.RawMessage {
	types := map[string]json.RawMessage{}
	body := s.classes[class]
	for _, match := range getter.FindAllStringSubmatch(body, -1) {
		if kind := readType(match[2]); kind != nil {
			types[match[1]] = kind
		}
	}
	for _, match := range nestedValue.FindAllStringSubmatch(body, -1) {
		types[match[1]] = s.nestedType(match[2], match[3] == "true")
	}
	return types
}

// nestedType is a collection of objects, whose members the element's class lists.
func (s *source) nestedType(class string, isSet bool) json.RawMessage {
	element, suffix := class, ""
	for _, candidate := range []string{"List", "Map"} {
		if trimmed, found := strings.CutSuffix(class, candidate); found && s.classes[class] != "" {
			element, suffix = trimmed+"OutputReference", candidate
		}
	}
	members := s.exportedTypes(element)
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	parts := make([]string, 0, len(names))
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%q:%s", name, members[name]))
	}
	object := `["object",{` + strings.Join(parts, ",") + `}]`
	switch {
	case suffix == "Map":
		return json.RawMessage(`["map",` + object + `]`)
	case suffix == "List" && isSet:
		return json.RawMessage(`["set",` + object + `]`)
	case suffix == "List":
		return json.RawMessage(`["list",` + object + `]`)
	default:
		return json.RawMessage(object)
	}
}

// readType is the type of what a getter returns; nil for an object, which nestedValue finds.
func readType(expression string) json.RawMessage {
	match := read.FindStringSubmatch(expression)
	if match == nil {
		return nil
	}
	collection := "list"
	if strings.Contains(expression, "Fn.tolist(") {
		collection = "set"
	}
	switch match[1] {
	case "String":
		return json.RawMessage(`"string"`)
	case "Number":
		return json.RawMessage(`"number"`)
	case "Boolean":
		return json.RawMessage(`"bool"`)
	case "List":
		return json.RawMessage(fmt.Sprintf(`[%q,"string"]`, collection))
	case "NumberList":
		return json.RawMessage(fmt.Sprintf(`[%q,"number"]`, collection))
	case "StringMap":
		return json.RawMessage(`["map","string"]`)
	case "NumberMap":
		return json.RawMessage(`["map","number"]`)
	case "BooleanMap":
		return json.RawMessage(`["map","bool"]`)
	default:
		return nil
	}
}

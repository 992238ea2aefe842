// readme writes each module's variables and outputs into its README, between two markers.
//
//	readme write MODULE…   writes them
//	readme check MODULE…   fails where they are not what the module has
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-config-inspect/tfconfig"
)

const (
	begin = "<!-- begin: variables and outputs, written by `make -C infra readme` -->"
	end   = "<!-- end -->"
)

func main() {
	if len(os.Args) < 3 || (os.Args[1] != "write" && os.Args[1] != "check") {
		fmt.Fprintln(os.Stderr, "usage: readme write|check MODULE…")
		os.Exit(2)
	}
	failed := false
	for _, module := range os.Args[2:] {
		if err := update(module, os.Args[1] == "write"); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", module, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func update(module string, write bool) error {
	path := filepath.Join(module, "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	tables, err := describe(module)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("README.md has no place for variables and outputs: add the lines %q and %q", begin, end)
	}
	wanted := before + begin + "\n\n" + tables + "\n" + end + after
	if wanted == string(text) {
		return nil
	}
	if !write {
		return fmt.Errorf("README.md is not what the module has: run `make -C infra readme`")
	}
	return os.WriteFile(path, []byte(wanted), 0o644)
}

func describe(folder string) (string, error) {
	module, problems := tfconfig.LoadModule(folder)
	if problems.HasErrors() {
		return "", problems.Err()
	}
	var out strings.Builder
	out.WriteString("| variable | default | what |\n| --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(module.Variables)) {
		variable := module.Variables[name]
		if variable.Description == "" {
			return "", fmt.Errorf("variable %s has no description", name)
		}
		value := "(required)"
		if !variable.Required {
			text, err := json.Marshal(variable.Default)
			if err != nil {
				return "", fmt.Errorf("variable %s: %w", name, err)
			}
			value = "`" + string(text) + "`"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", name, value, cell(variable.Description))
	}
	out.WriteString("\n| output | what |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(module.Outputs)) {
		if module.Outputs[name].Description == "" {
			return "", fmt.Errorf("output %s has no description", name)
		}
		fmt.Fprintf(&out, "| `%s` | %s |\n", name, cell(module.Outputs[name].Description))
	}
	return out.String(), nil
}

// cell is a text that a table can hold.
func cell(text string) string {
	return strings.ReplaceAll(text, "|", "\\|")
}

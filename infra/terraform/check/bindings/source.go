package bindings

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// source is the text of one binding: the generated JavaScript, and the declarations that tell required from optional.
type source struct {
	script       string
	classes      map[string]string
	declarations map[string]map[string]bool
}

var (
	classStart     = regexp.MustCompile(`(?m)^class (\w+) extends cdktf\.\w+ \{`)
	interfaceStart = regexp.MustCompile(`(?m)^export interface (\w+)[^{\n]*\{`)
	property       = regexp.MustCompile(`(?m)^    readonly (\w+)(\??): `)
)

// readSource loads lib/NAME/index.js and index.d.ts of the unpacked package.
func readSource(library, name string) (*source, error) {
	script, err := os.ReadFile(filepath.Join(library, name, "index.js"))
	if err != nil {
		return nil, fmt.Errorf("no such type in the provider's bindings: %w", err)
	}
	declarations, err := os.ReadFile(filepath.Join(library, name, "index.d.ts"))
	if err != nil {
		return nil, err
	}
	return newSource(string(script), string(declarations)), nil
}

func newSource(script, declarations string) *source {
	// The source map is a comment longer than the code.
	script, _, _ = strings.Cut(script, "//# sourceMappingURL=")
	s := &source{script: script, classes: map[string]string{}, declarations: map[string]map[string]bool{}}
	for name, body := range sections(script, classStart) {
		s.classes[name] = body
	}
	for name, body := range sections(declarations, interfaceStart) {
		required := map[string]bool{}
		for _, match := range property.FindAllStringSubmatch(body, -1) {
			required[match[1]] = match[2] == ""
		}
		s.declarations[name] = required
	}
	return s
}

// sections are the bodies that begin where the expression matches and end at the next line that is only a brace.
func sections(text string, start *regexp.Regexp) map[string]string {
	found := map[string]string{}
	for _, at := range start.FindAllStringSubmatchIndex(text, -1) {
		body, _, _ := strings.Cut(text[at[1]:], "\n}")
		found[text[at[2]:at[3]]] = body
	}
	return found
}

// function is the body of a top-level function.
func (s *source) function(name string) (string, bool) {
	_, rest, found := strings.Cut(s.script, "\nfunction "+name+"(struct) {")
	if !found {
		return "", false
	}
	body, _, _ := strings.Cut(rest, "\n}")
	return body, true
}

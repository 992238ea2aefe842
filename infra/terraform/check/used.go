package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

var declaration = regexp.MustCompile(`(?m)^(resource|data)\s+"(aws_\w+)"`)

// usedTypes are the resource types and data sources of the provider that the modules' files declare.
func usedTypes(modules []string) (resources, dataSources []string, err error) {
	for _, module := range modules {
		files, err := filepath.Glob(filepath.Join(module, "*.tf"))
		if err != nil {
			return nil, nil, err
		}
		if len(files) == 0 {
			return nil, nil, fmt.Errorf("%s has no .tf file: give folders of modules", module)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, nil, err
			}
			for _, match := range declaration.FindAllStringSubmatch(string(text), -1) {
				if match[1] == "data" {
					dataSources = append(dataSources, match[2])
				} else {
					resources = append(resources, match[2])
				}
			}
		}
	}
	slices.Sort(resources)
	slices.Sort(dataSources)
	return slices.Compact(resources), slices.Compact(dataSources), nil
}

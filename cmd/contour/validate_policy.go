package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/contour-xds/contour/internal/identity"
	"github.com/contour-xds/contour/internal/resources"
)

// validatePolicy checks a policy as serve would, and returns its rules; "" is none.
func validatePolicy(path string, out, errOut io.Writer) ([]identity.Rule, error) {
	if path == "" {
		return nil, nil
	}
	policy, err := openPolicy(path, nil)
	if err != nil {
		if _, printErr := fmt.Fprintln(errOut, err); printErr != nil {
			return nil, printErr
		}
		return nil, fmt.Errorf("the access policy %s is not valid", path)
	}
	defer closeAll(policy)
	_, err = fmt.Fprintf(out, "the access policy %s is valid\n", path)
	return policy.Current().Rules(), err
}

// unmatched says what the rules name and the folder does not have. Either may be meant,
// before the folder is changed or after it.
func unmatched(rules []identity.Rule, snapshots *resources.Snapshots) []string {
	var warnings []string
	groups := snapshots.Groups()
	for _, rule := range rules {
		for _, group := range rule.Groups {
			if group != "" && !slices.Contains(groups, group) {
				warnings = append(warnings, fmt.Sprintf("rule %q: warning: lists the group %q, which has no folder, so that its Envoys get what stands at the top", rule.Name, group))
			}
		}
		for _, secret := range rule.Secrets {
			has := func(group string) bool { return rule.Lists(group) && snapshots.For(group).Has(secret) }
			// What stands at the top is every group's.
			if !snapshots.For("").Has(secret) && !slices.ContainsFunc(groups, has) {
				warnings = append(warnings, fmt.Sprintf("rule %q: warning: grants the secret %q, which none of its groups has", rule.Name, secret))
			}
		}
	}
	return warnings
}

// granted reports whether a rule grants a secret that nothing refers to.
func granted(rules []identity.Rule, secret resources.Unreferred) bool {
	return slices.ContainsFunc(rules, func(rule identity.Rule) bool {
		_, grants := slices.BinarySearch(rule.Secrets, secret.Name)
		return grants && (secret.Group == "" || rule.Lists(secret.Group))
	})
}

package resources

// held is a secret, and the group whose folder has it, "" for the top.
type held struct {
	group  string
	secret *resource
}

// Unreferred is a secret that no resource of any Envoy that could have it refers to.
type Unreferred struct {
	// Group is the one whose folder has it, "" for the top.
	Group string
	Name  string
	// Finding says so.
	Finding Finding
}

// Secrets returns those that every Envoy gets, sorted by name: the ones that some
// resource refers to. The others are only for whom they are granted to by name.
func (s *Snapshot) Secrets() []*Resource {
	wanted := s.wanted()
	var referred []*Resource
	for _, r := range s.Resources(SecretURL) {
		if wanted[r.Name] {
			referred = append(referred, r)
		}
	}
	return referred
}

// Has reports whether there is a secret of that name, be it referred to or not.
func (s *Snapshot) Has(secret string) bool {
	return s.find(SecretURL, secret) != nil
}

// wanted are the names of secrets that resources refer to.
func (s *Snapshot) wanted() map[string]bool {
	wanted := map[string]bool{}
	for _, k := range served {
		for _, r := range s.Resources(k.URL) {
			for _, name := range r.Secrets {
				wanted[name] = true
			}
		}
	}
	return wanted
}

// Unreferred returns the secrets that nothing refers to, in the order in which the
// folder was read: mistakes, or meant for those to whom an access policy grants them.
// The bundle that stands beside a pair is not among them, since who issued the pair put
// it there. It looks at everything, which is nothing for each change of a large folder.
func (s *Snapshots) Unreferred() []Unreferred {
	wanted := map[string]map[string]bool{"": s.top.wanted()}
	anywhere := map[string]bool{}
	for group, snapshot := range s.groups {
		wanted[group] = snapshot.wanted()
	}
	for _, names := range wanted {
		for name := range names {
			anywhere[name] = true
		}
	}
	var unreferred []Unreferred
	for _, h := range s.secrets {
		names := wanted[h.group]
		if h.group == "" {
			names = anywhere // each group gets what stands at the top
		}
		if h.secret.beside || names[h.secret.name] {
			continue
		}
		unreferred = append(unreferred, Unreferred{
			Group: h.group, Name: h.secret.name, Finding: h.secret.findingAt(h.secret.line, "",
				"is referred to by nothing, so that it is served only to Envoys to whom a rule of the access policy grants it by name"),
		})
	}
	return unreferred
}

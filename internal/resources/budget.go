package resources

const (
	// maxNodes bounds the nodes of one file: those of some hundred thousand clusters.
	// A node takes far more memory than the two bytes that can write it.
	maxNodes = 4 << 20
	// maxSeparators bounds what separates nodes in a YAML file, about one for each. The
	// library keeps the whole file in nodes of its own, of half a kilobyte and at worst
	// twice that, before any can be counted.
	maxSeparators = maxNodes
	// nodeBytes is about what a node takes beside its text.
	nodeBytes = 128
	// repeatRoom and repeatFactor bound what aliases repeat in one file: so many bytes
	// at any rate, and the file's own size so many times.
	repeatRoom   = 32 << 20
	repeatFactor = 4
)

// budget bounds what one file may come to. The reading of a file is the one thing
// that an unlucky or hostile writer decides alone, and it is done by a server that
// others depend on.
type budget struct {
	nodes, separators, repeats int
}

func newBudget(fileBytes int) *budget {
	return &budget{nodes: maxNodes, separators: maxSeparators, repeats: repeatRoom + repeatFactor*fileBytes}
}

// node pays for one node.
func (b *budget) node(line int) *problem {
	if b.nodes--; b.nodes < 0 {
		return tooManyNodes(line)
	}
	return nil
}

// repeat pays for a text of that size, or a node with it, that stands in the file
// once and in what is made of it once more. Bytes count, not nodes alone: a few
// aliases of one large text fill the memory too.
func (b *budget) repeat(line, textBytes int) *problem {
	if b.repeats -= nodeBytes + textBytes; b.repeats < 0 {
		return problemf(line, "repeats too much by aliases: write out what differs, or put the resources into files of their own")
	}
	return nil
}

func tooManyNodes(line int) *problem {
	return problemf(line, "holds more than %d values: put the resources into several files", maxNodes)
}

// lookAhead refuses a YAML file that is too much for the library. It may count what
// stands in texts as well, of which no file has as much.
func (b *budget) lookAhead(data []byte) *problem {
	separators := 0
	for _, c := range data {
		switch c {
		case ',', ':', '-', '[', '{', '?', '\n':
			separators++
		}
	}
	if separators > b.separators {
		return problemf(0, "is too large for YAML: put the resources into several files, or write them as JSON")
	}
	return nil
}

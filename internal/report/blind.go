package report

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// Blind returns a sentence for each thing that could not be seen, with the way
// to mend it.
func Blind(meta map[string]model.Meta) []string {
	shares := model.Visibility(slices.Collect(maps.Values(meta)))
	var sentences []string
	for _, words := range aspectTexts() {
		share := shares[words.aspect]
		if missing := share.Total - share.Readable; missing > 0 {
			sentences = append(sentences, fmt.Sprintf("%d of %d %s. %s", missing, share.Total, words.lack, words.mend))
		}
	}
	return sentences
}

// Defects returns a sentence for each component that had a panic.
func Defects(panics map[string]uint64) []string {
	var sentences []string
	for _, component := range slices.Sorted(maps.Keys(panics)) {
		if count := panics[component]; count > 0 {
			sentences = append(sentences, fmt.Sprintf(
				"%d times a defect of the exporter ended the work of %s. Please report it with the line of the log that says so.", count, component))
		}
	}
	return sentences
}

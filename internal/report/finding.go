package report

import "github.com/cryptojack-exporter/cryptojack_exporter/internal/model"

// FindingDocument is one finding as /api/v1/findings has it, for the audience of the report: a value for encoding/json.
func FindingDocument(r Report, f *model.Finding) any { return newJSONFinding(&r, f) }

package web

import "net/http"

// PagePolicy is the Content-Security-Policy of our pages: they load nothing, run nothing, send nothing and are shown in no frame.
const PagePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// OnlyReads tells whether a request is GET or HEAD. Any other is answered by a refusal.
func OnlyReads(w http.ResponseWriter, request *http.Request) bool {
	if request.Method == http.MethodGet || request.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "only GET and HEAD are answered", http.StatusMethodNotAllowed)
	return false
}

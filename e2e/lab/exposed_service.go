package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// exposed is a service that everybody reaches who reaches the network it is in.
type exposed struct {
	port      string
	arguments []string // by which it is recognised
	answers   []task.Answer
}

// The services, with what the real ones answer. Whether they let anybody in is in it.
func openFlink() exposed {
	return exposed{
		port: "8081", arguments: []string{"org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"},
		answers: []task.Answer{{Path: "/config", Status: 200, Body: `{"refresh-interval":3000,"timezone-name":"UTC","timezone-offset":0,` +
			`"flink-version":"1.17.1","flink-revision":"2750d5c","features":{"web-submit":true,"web-cancel":true}}`}},
	}
}

func closedJupyter() exposed {
	return exposed{
		port: "8888", arguments: []string{"-m", "jupyter", "lab"},
		answers: []task.Answer{
			{Path: "/api/contents?content=0", Status: 403, Body: `{"message":"Forbidden","reason":null}`},
			{Path: "/api", Status: 200, Body: `{"version":"2.12.5"}`},
		},
	}
}

func openJupyter() exposed {
	return exposed{
		port: "8888", arguments: []string{"-m", "jupyter", "lab"},
		answers: []task.Answer{
			{Path: "/api/contents?content=0", Status: 200, Body: `{"name":"","path":"","last_modified":"2024-01-12T10:11:12Z","writable":true,"type":"directory"}`},
			{Path: "/api", Status: 200, Body: `{"version":"2.12.5"}`},
		},
	}
}

func closedJenkins() exposed {
	const form = "<html><head><meta http-equiv='refresh' content='1;url=/login?from=%2Fscript'/></head><body>Authentication required</body></html>"
	return exposed{
		port: "8080", arguments: []string{"-jar", "/usr/share/java/jenkins.war"},
		answers: []task.Answer{{Path: "/api/json?tree=useSecurity", Status: 403, Body: form}, {Path: "/script", Status: 403, Body: form}},
	}
}

// serve starts a service in a network of its own: a burner at the path, which starts
// its children when it listens.
func (s *session) serve(in *network, path string, service exposed, children ...task.Child) {
	for i := range children {
		if children[i].Task.Limit == 0 {
			children[i].Task.Limit = s.lifetime()
		}
	}
	s.join(in)
	s.place(path)
	s.launch(order{
		path: path, argv: append([]string{path}, service.arguments...), network: in, user: serviceUser,
		environment: []string{s.assign(task.Task{Listen: "0.0.0.0:" + service.port, Answers: service.answers, Start: children})},
	})
	s.wait(seen) // a chance to be met before what it starts burns
	s.act()
}

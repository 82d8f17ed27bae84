package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// benignPackages are package managers and programs that unpack themselves.
func benignPackages(n *names) []scenario {
	npm, pip, image, appMount := n.temp("*"), n.home("*"), n.home("Applications/*.AppImage"), n.path("/tmp/.mount_*")
	upgraded, runtime, images := n.local("*"), n.local("*/runc"), n.home("*")
	return []scenario{
		{
			name: "npm install builds in /tmp", technique: "T1195.001", benign: true, cores: 1,
			paths: n.tops(npm), programs: []string{"npm", "node"}, claims: []string{"node"},
			play: func(s *session) {
				s.place(npm + "/build/probe")
				s.write(npm+"/package.json",
					`{"name": "busy", "version": "1.0.0", "private": true, "scripts": {"install": "./build/probe"}}`, 0o644)
				s.launch(order{
					argv: []string{"npm", "install", "--offline", "--no-audit", "--no-fund"}, directory: npm,
					environment: []string{s.assign(burning()), "npm_config_update_notifier=false"},
				})
				s.waitForBuild("probe")
			},
		},
		{
			name: "pip builds a package in /tmp", technique: "T1195.001", benign: true, cores: 1,
			paths: n.tops(pip), programs: []string{"python3", "pip3", "tar"}, claims: []string{"python3"},
			play: func(s *session) {
				s.write(pip+"/package/setup.py", "import time\nend = time.time() + 200\nwhile time.time() < end:\n    pass\n", 0o644)
				// What comes as an archive is unpacked and built in /tmp.
				s.launch(order{directory: pip, argv: []string{"sh", "-c", "tar -czf package.tar.gz package && " +
					"exec pip3 install --no-index --no-build-isolation --no-cache-dir --break-system-packages " +
					"--disable-pip-version-check --target=" + pip + "/target ./package.tar.gz"}})
				s.wait(2 * seen)
			},
		},
		{
			name: "AppImage runs from its mount in /tmp", technique: "T1564.001", benign: true, cores: 1,
			paths: n.tops(image, appMount), only: "/dev/fuse",
			play: func(s *session) {
				s.place(image)
				s.mountProgram(appMount, "AppRun", image)
				work := burning()
				work.Limit = s.lifetime()
				s.run(image, task.Task{Start: []task.Child{{Path: appMount + "/AppRun", Task: work}}})
			},
		},
		{
			name: "upgraded program goes on", technique: "T1070.004", benign: true, cores: 1,
			paths: n.tops(upgraded),
			play: func(s *session) {
				s.place(upgraded)
				s.run(upgraded, burning())
				s.wait(seen)
				s.remove(upgraded)
				s.placeMarked(upgraded, "next version")
			},
		},
		{
			name: "container runtime's copy in memory, idle", technique: "T1620", benign: true,
			paths: n.tops(runtime),
			play: func(s *session) {
				s.place(runtime)
				s.run(runtime, task.Task{Start: []task.Child{{
					Path: runtime, Argv: []string{"runc", "init"},
					Task: task.Task{Memfd: "runc_cloned:/proc/self/exe", Limit: s.lifetime()},
				}}}, "runc", "run", "box")
			},
		},
		{
			name: "buildah lists images", technique: "T1620", benign: true, programs: []string{"buildah"},
			paths: n.tops(images),
			play: func(s *session) {
				s.directory(images)
				s.launch(order{
					argv: []string{"sh", "-c", "while :; do buildah --storage-driver vfs --root " + images + "/root --runroot " + images + "/run images; done"},
				})
			},
		},
	}
}

package main

import "github.com/cryptojack-exporter/cryptojack_exporter/e2e/lab/task"

// benignPackages are package managers and programs that unpack themselves.
func benignPackages() []scenario {
	return []scenario{
		{
			name: "npm install builds in /tmp", technique: "T1195.001", benign: true, cores: 1,
			paths: []string{"/tmp/cryptojack-lab-npm"}, programs: []string{"npm", "node"}, claims: []string{"node"},
			play: func(s *session) {
				directory := "/tmp/cryptojack-lab-npm"
				s.place(directory + "/build/probe")
				s.write(directory+"/package.json",
					`{"name": "busy", "version": "1.0.0", "private": true, "scripts": {"install": "./build/probe"}}`, 0o644)
				s.launch(order{
					argv: []string{"npm", "install", "--offline", "--no-audit", "--no-fund"}, directory: directory,
					environment: []string{s.assign(burning()), "npm_config_update_notifier=false"},
				})
				s.waitForBuild("probe")
			},
		},
		{
			name: "pip builds a package in /tmp", technique: "T1195.001", benign: true, cores: 1,
			paths: []string{home + "/pip"}, programs: []string{"python3", "pip3", "tar"}, claims: []string{"python3"},
			play: func(s *session) {
				directory := home + "/pip"
				s.write(directory+"/package/setup.py", "import time\nend = time.time() + 200\nwhile time.time() < end:\n    pass\n", 0o644)
				// What comes as an archive is unpacked and built in /tmp.
				s.launch(order{directory: directory, argv: []string{"sh", "-c", "tar -czf package.tar.gz package && " +
					"exec pip3 install --no-index --no-build-isolation --no-cache-dir --break-system-packages " +
					"--disable-pip-version-check --target=" + directory + "/target ./package.tar.gz"}})
				s.wait(2 * seen)
			},
		},
		{
			name: "AppImage runs from its mount in /tmp", technique: "T1564.001", benign: true, cores: 1,
			paths: []string{home + "/Applications", "/tmp/.mount_labA1b2"},
			play: func(s *session) {
				image := home + "/Applications/tool.AppImage"
				s.place(image)
				s.mountTemp("/tmp/.mount_labA1b2")
				s.place("/tmp/.mount_labA1b2/AppRun")
				work := burning()
				work.Limit = s.lifetime()
				s.run(image, task.Task{Start: []task.Child{{Path: "/tmp/.mount_labA1b2/AppRun", Task: work}}})
			},
		},
		{
			name: "upgraded program goes on", technique: "T1070.004", benign: true, cores: 1,
			paths: []string{installed + "/daemon"},
			play: func(s *session) {
				path := installed + "/daemon"
				s.place(path)
				s.run(path, burning())
				s.wait(seen)
				s.remove(path)
				s.placeMarked(path, "next version")
			},
		},
		{
			name: "container runtime's copy in memory, idle", technique: "T1620", benign: true,
			paths: []string{installed + "/runc"},
			play: func(s *session) {
				path := installed + "/runc"
				s.place(path)
				s.run(path, task.Task{Start: []task.Child{{
					Path: path, Argv: []string{"runc", "init"},
					Task: task.Task{Memfd: "runc_cloned:/proc/self/exe", Limit: s.lifetime()},
				}}}, "runc", "run", "box")
			},
		},
		{
			name: "buildah lists images", technique: "T1620", benign: true, programs: []string{"buildah"},
			paths: []string{home + "/buildah"},
			play: func(s *session) {
				s.directory(home + "/buildah")
				s.launch(order{
					argv: []string{"sh", "-c", "while :; do buildah --storage-driver vfs --root " + home + "/buildah/root --runroot " + home + "/buildah/run images; done"},
				})
			},
		},
	}
}

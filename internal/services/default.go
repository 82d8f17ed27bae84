package services

// Default returns the built-in catalogue: services that reports of campaigns
// name as a miner's way in. Where many programs share a port (8090, 9000, 4444,
// 50000) only evidence counts: a Java main class or a package of it, or the
// program's name. 8080 (Spark) and 8888 (Jupyter) are shared too, but reports
// name them so often that they are worth a remark; a port alone is no more.
func Default() []Service {
	return []Service{
		{
			App: "flink", Ports: []uint16{8081}, CommandLine: []string{"org.apache.flink."},
			Harm:   "Whoever reaches Flink's REST port can upload a jar and run it as Flink's user.",
			Remedy: "Set `rest.bind-address: localhost` in Flink's configuration, restart it, and let people in through a proxy that asks for a password.",
		},
		{
			App: "docker", Ports: []uint16{2375}, Executables: []string{"dockerd"},
			Harm:   "Whoever reaches Docker's port can start a container that owns this host.",
			Remedy: "Take `-H tcp://` out of dockerd's options, or ask for client certificates (--tlsverify).",
		},
		{
			App: "redis", Ports: []uint16{6379}, Executables: []string{"redis-server", "valkey-server", "keydb-server"}, CommandLine: []string{"redis-server"},
			Harm:   "Whoever reaches Redis without a password can write files as its user: crontabs, SSH keys, modules.",
			Remedy: "Set `bind 127.0.0.1`, `protected-mode yes` and a password (`requirepass` or ACLs).",
		},
		{
			App: "hadoop-yarn", Ports: []uint16{8088}, CommandLine: []string{"org.apache.hadoop.yarn.server.resourcemanager.ResourceManager"},
			Harm:   "Whoever reaches the ResourceManager can submit an application that runs commands.",
			Remedy: "Bind `yarn.resourcemanager.webapp.address` to an internal address and turn on Kerberos.",
		},
		{
			App: "jupyter", Ports: []uint16{8888}, Executables: []string{"jupyter-lab", "jupyter-notebook", "jupyter-server"},
			// Not ipykernel: a kernel is behind the server, not a door of its own.
			CommandLine: []string{
				"jupyter-lab", "jupyter-notebook", "jupyter-server", "jupyterhub",
				"-m jupyter", "-m notebook", "jupyter lab", "jupyter notebook", "jupyter server",
			},
			Harm:   "Whoever reaches Jupyter without a token has a shell.",
			Remedy: "Set `c.ServerApp.ip = \"127.0.0.1\"` and keep the token or a password on.",
		},
		{
			App: "spark", Ports: []uint16{7077, 8080}, CommandLine: []string{"org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"},
			Harm:   "Whoever reaches a Spark master can submit a job that runs commands on every worker.",
			Remedy: "Set SPARK_MASTER_HOST to an internal address and `spark.authenticate true`.",
		},
		{
			App: "kubelet", Ports: []uint16{10250, 10255}, Executables: []string{"kubelet"},
			Harm:   "Whoever reaches a kubelet with anonymous access can run commands in every pod.",
			Remedy: "Set `authentication.anonymous.enabled: false`, `authorization.mode: Webhook` and `readOnlyPort: 0`.",
		},
		{
			App: "elasticsearch", Ports: []uint16{9200}, CommandLine: []string{"org.elasticsearch.", "org.opensearch."},
			Harm:   "Whoever reaches it can read and delete all data; old versions run scripts.",
			Remedy: "Set `network.host: 127.0.0.1` and `xpack.security.enabled: true`.",
		},
		{
			App: "postgresql", Ports: []uint16{5432}, Executables: []string{"postgres", "postmaster"},
			Harm:   "Whoever guesses a superuser's password can run programs (COPY ... FROM PROGRAM).",
			Remedy: "Set `listen_addresses = 'localhost'`, and scram-sha-256 for every line of pg_hba.conf.",
		},
		{
			App: "mysql", Ports: []uint16{3306}, Executables: []string{"mysqld", "mariadbd"},
			Harm:   "Whoever guesses a password can load code into the server.",
			Remedy: "Set `bind-address = 127.0.0.1`.",
		},
		{
			App: "mongodb", Ports: []uint16{27017}, Executables: []string{"mongod", "mongos"},
			Harm:   "Whoever reaches MongoDB without authorization can read and delete all data.",
			Remedy: "Set `net.bindIp: 127.0.0.1` and `security.authorization: enabled`.",
		},
		{
			App: "php-fpm", Executables: []string{"php-fpm"},
			Harm:   "Whoever reaches a FastCGI port can run any PHP code.",
			Remedy: "Let php-fpm listen on a Unix socket or on 127.0.0.1, and do not publish its container port.",
		},
		{
			App: "jenkins", CommandLine: []string{"jenkins.war"},
			Harm:   "Whoever may use the script console or configure a job runs commands.",
			Remedy: "Turn security on and put Jenkins behind a proxy that asks for a password.",
		},
		{
			App: "confluence", CommandLine: []string{"-Dconfluence.", "atlassian/confluence", "atlassian-confluence", "com.atlassian.confluence."},
			Harm:   "Unpatched versions run code for anybody (CVE-2022-26134, CVE-2023-22527).",
			Remedy: "Update it and do not let the Internet reach it.",
		},
		{
			App: "weblogic", Ports: []uint16{7001}, CommandLine: []string{"weblogic.Server"},
			Harm:   "Unpatched versions run code for anybody.",
			Remedy: "Update it and filter the T3 and IIOP protocols.",
		},
		{
			App: "activemq", Ports: []uint16{61616}, CommandLine: []string{"activemq.jar", "org.apache.activemq."},
			Harm:   "Unpatched versions run code for anybody (CVE-2023-46604).",
			Remedy: "Update it and bind its transports to an internal address.",
		},
		{
			App: "rocketmq", Ports: []uint16{10911}, CommandLine: []string{"org.apache.rocketmq."},
			Harm:   "Unpatched brokers and name servers run code for anybody (CVE-2023-33246, CVE-2023-37582).",
			Remedy: "Update it, set `brokerIP1` and the bind address to an internal address, and turn ACLs on.",
		},
		{
			App: "airflow", CommandLine: []string{"airflow webserver", "airflow api-server", "airflow standalone", "gunicorn: master [airflow"},
			Harm:   "Whoever gets into Airflow's pages can run a workflow that runs commands.",
			Remedy: "Bind it to 127.0.0.1 (`web_server_host`), change the first password and leave the example workflows off.",
		},
		{
			App: "zeppelin", CommandLine: []string{"org.apache.zeppelin.server.ZeppelinServer"},
			Harm:   "Whoever reaches a Zeppelin that knows no users has a shell in a notebook.",
			Remedy: "Set `zeppelin.server.addr` to 127.0.0.1 and `zeppelin.anonymous.allowed` to false.",
		},
		{
			App: "nifi", CommandLine: []string{"org.apache.nifi."},
			Harm:   "Whoever may edit a flow can run commands (ExecuteProcess).",
			Remedy: "Set `nifi.web.https.host=localhost` and let people in by password or certificate only.",
		},
		{
			App: "solr", Ports: []uint16{8983}, CommandLine: []string{"-Dsolr.solr.home=", "-Dsolr.install.dir=", "-Dsolr.default.confdir="},
			Harm:   "Whoever reaches Solr without authentication can change its configuration and run code.",
			Remedy: "Set SOLR_JETTY_HOST=127.0.0.1 and turn on authentication.",
		},
		{
			App: "consul", Ports: []uint16{8500}, Executables: []string{"consul"},
			Harm:   "With script checks on, whoever reaches the API runs commands.",
			Remedy: "Set `client_addr = \"127.0.0.1\"`, turn on ACLs and leave `enable_script_checks` off.",
		},
		{
			App: "nomad", Ports: []uint16{4646}, Executables: []string{"nomad"},
			Harm:   "Without ACLs whoever reaches the API can run jobs.",
			Remedy: "Turn on ACLs and bind the HTTP address to an internal one.",
		},
		{
			App: "salt", Ports: []uint16{4505, 4506}, Executables: []string{"salt-master"}, CommandLine: []string{"salt-master"},
			Harm:   "Unpatched versions run commands on every minion for anybody (CVE-2020-11651).",
			Remedy: "Update it and let only the minions reach ports 4505 and 4506.",
		},
		{
			App: "ray", Ports: []uint16{8265}, Executables: []string{"raylet", "gcs_server"}, CommandLine: []string{"ray/dashboard/dashboard.py", "ray::Dashboard"},
			Harm:   "Whoever reaches the dashboard can submit jobs; it has no password.",
			Remedy: "Start Ray with `--dashboard-host=127.0.0.1`.",
		},
		{
			App: "selenium", CommandLine: []string{"selenium-server", "org.openqa.selenium.grid"},
			Harm:   "Whoever reaches the grid can start programs through a browser's options.",
			Remedy: "Bind it to 127.0.0.1, or set a user name and a password for the router.",
		},
		{
			App: "ollama", Ports: []uint16{11434}, Executables: []string{"ollama"},
			Harm:   "Whoever reaches it can use the machine's GPUs, and older versions run code.",
			Remedy: "Set OLLAMA_HOST=127.0.0.1.",
		},
		{
			App: "etcd", Ports: []uint16{2379}, Executables: []string{"etcd"},
			Harm:   "Whoever reaches etcd without certificates reads all of a cluster's secrets.",
			Remedy: "Ask for client certificates (--client-cert-auth).",
		},
		{
			App: "memcached", Ports: []uint16{11211}, Executables: []string{"memcached"},
			Harm:   "Whoever reaches it can read and change what is cached.",
			Remedy: "Start it with `-l 127.0.0.1 -U 0`.",
		},
	}
}

// others are well-known servers that are none of the above, whatever port they
// listen on.
func others() []string {
	return []string{
		"nginx", "apache2", "httpd", "lighttpd", "caddy", "haproxy", "envoy", "traefik", "squid", "varnishd",
		"sshd", "systemd", "systemd-resolved", "dnsmasq", "named", "unbound", "chronyd", "avahi-daemon", "cupsd",
		"prometheus", "node_exporter", "alertmanager", "grafana", "grafana-server", "rpcbind", "smbd",
	}
}

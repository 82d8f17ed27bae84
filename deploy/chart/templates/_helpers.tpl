{{- define "cryptojack-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of everything that is made: at most 63 characters (RFC 1123), the release's name once. */}}
{{- define "cryptojack-exporter.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "cryptojack-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cryptojack-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cryptojack-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "cryptojack-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "cryptojack-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "cryptojack-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "cryptojack-exporter.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/* What PodMonitor and ServiceMonitor have in common: how a target is scraped. Its argument is one of them. */}}
{{- define "cryptojack-exporter.endpoint" -}}
port: metrics
path: /metrics
{{- with .scheme }}
scheme: {{ . }}
{{- end }}
{{- with .tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
honorLabels: true
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A probe, and how it asks if it does not say so itself. */}}
{{- define "cryptojack-exporter.probe" -}}
{{ if not (or .probe.httpGet .probe.exec .probe.tcpSocket .probe.grpc) -}}
{{ if .values.webConfig.secretName -}}
exec:
  command: [/bin/cryptojack_exporter, healthcheck, --web.listen-address=127.0.0.1:{{ .values.port }}]
{{ else -}}
httpGet:
  path: {{ .path }}
  port: metrics
{{ end }}
{{- end }}
{{- toYaml .probe }}
{{- end }}

{{- define "trafficfed.labels" -}}
app.kubernetes.io/name: trafficfed
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "trafficfed.selector" -}}
app.kubernetes.io/name: trafficfed
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Everything of one release has the release's name, and the component's behind it. */}}
{{- define "trafficfed.metadata" -}}
name: {{ printf "%s-%s" .root.Release.Name .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "trafficfed.labels" . | nindent 2 }}
{{- end }}

{{- define "trafficfed.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Where this release's own feed is reached within the cluster; empty where it has none. */}}
{{- define "trafficfed.feed" -}}
{{- if and .Values.controller.enabled .Values.controller.feed.enabled -}}
{{ .Release.Name }}-feed.{{ .Release.Namespace }}.svc:9053
{{- end }}
{{- end }}

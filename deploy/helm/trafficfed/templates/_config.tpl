{{/* The configuration files: what the values say, and what only the chart knows. */}}
{{- define "trafficfed.config.controller" -}}
{{- $config := deepCopy .Values.controller.config }}
{{- $_ := set $config "state" "/var/lib/trafficfed/table" }}
{{- $_ := set $config "api" "0.0.0.0:8080" }}
{{- $service := printf "%s-controller.%s" .Release.Name .Release.Namespace }}
{{- $hosts := list $service (printf "%s.svc" $service) }}
{{- $_ := set $config "api-hosts" (concat (index $config "api-hosts" | default list) $hosts) }}
{{- if .Values.controller.feed.enabled }}
{{- $_ := set $config "feed" (dict "listen" "0.0.0.0:9053" "key-file" (printf "./%s" .Values.controller.feed.keyFile)) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- define "trafficfed.config.nameserver" -}}
{{- $own := dict "listen" (list "0.0.0.0:5353") "metrics" "0.0.0.0:8080" "state" "/var/lib/trafficfed/table" }}
{{- $_ := set $own "key-file" (printf "./%s" .Values.nameserver.keyFile) }}
{{- $_ := set $own "feeds" (concat (include "trafficfed.feed" . | list | compact) .Values.nameserver.feeds) }}
{{- $file := dict "nameserver" (merge $own .Values.nameserver.config) }}
{{- with .Values.nameserver.log }}
{{- $_ := set $file "log" . }}
{{- end }}
{{- toYaml $file }}
{{- end }}

{{- define "trafficfed.config.prober" -}}
{{- $own := dict "metrics" "0.0.0.0:8080" "key-file" (printf "./%s" .Values.prober.keyFile) }}
{{- $_ := set $own "controllers" (concat (include "trafficfed.feed" . | list | compact) .Values.prober.controllers) }}
{{- $file := dict "prober" (merge $own .Values.prober.config) }}
{{- with .Values.prober.log }}
{{- $_ := set $file "log" . }}
{{- end }}
{{- toYaml $file }}
{{- end }}

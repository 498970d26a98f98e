{{/* What the schema alone does not tell. */}}
{{- define "trafficfed.checks" -}}
{{- if .Values.controller.enabled }}
{{- include "trafficfed.checks.controller" . }}
{{- end }}
{{- if .Values.nameserver.enabled }}
{{- if not .Values.nameserver.config.zones }}
{{- fail "nameserver.config.zones is missing: name the zones it is the authority for" }}
{{- end }}
{{- if not (concat (include "trafficfed.feed" . | list | compact) .Values.nameserver.feeds) }}
{{- fail "nameserver.feeds is empty: name the feeds of controllers, or set controller.feed.enabled" }}
{{- end }}
{{- if not .Values.nameserver.secrets }}
{{- fail (printf "nameserver.secrets is empty: name the Secret that has %s" .Values.nameserver.keyFile) }}
{{- end }}
{{- end }}
{{- if .Values.prober.enabled }}
{{- if not .Values.prober.config.name }}
{{- fail "prober.config.name is missing: the name that controllers have in vantages" }}
{{- end }}
{{- if not (concat (include "trafficfed.feed" . | list | compact) .Values.prober.controllers) }}
{{- fail "prober.controllers is empty: name the feeds of controllers, or set controller.feed.enabled" }}
{{- end }}
{{- if not .Values.prober.secrets }}
{{- fail (printf "prober.secrets is empty: name the Secret that has %s" .Values.prober.keyFile) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "trafficfed.checks.controller" -}}
{{- $config := .Values.controller.config }}
{{- range list "owner" "clusters" "providers" "zones" }}
{{- if not (index $config .) }}
{{- fail (printf "controller.config.%s is missing: docs/install.md has an example; a cluster without a controller sets controller.enabled to false" .) }}
{{- end }}
{{- end }}
{{- range $name, $provider := $config.providers }}
{{- if and (kindIs "map" $provider.tsig) (hasKey $provider.tsig "secret") }}
{{- fail (printf "controller.config.providers.%s.tsig.secret would stand in a ConfigMap: put it into a Secret and name it by secret-file" $name) }}
{{- end }}
{{- end }}
{{- if .Values.controller.feed.enabled }}
{{- if not .Values.controller.secrets }}
{{- fail (printf "controller.secrets is empty: name the Secret that has %s" .Values.controller.feed.keyFile) }}
{{- end }}
{{- else if or $config.leadership $config.vantages }}
{{- fail "controller.feed.enabled is false, but peers and vantages connect to the feed: set it to true" }}
{{- end }}
{{- if .Values.rbac.create }}
{{- include "trafficfed.checks.rbac" . }}
{{- end }}
{{- end }}

{{- define "trafficfed.checks.rbac" -}}
{{- $config := .Values.controller.config }}
{{- $electors := list }}
{{- range ($config.leadership | default dict).electorate }}
{{- $electors = append $electors .cluster }}
{{- end }}
{{- range $config.clusters }}
{{- if index . "in-cluster" }}
{{- if not $.Values.rbac.member }}
{{- fail (printf "controller.config.clusters: %s is this cluster, but rbac.member is false" .name) }}
{{- end }}
{{- if has .name $electors }}
{{- if not $.Values.rbac.elector }}
{{- fail (printf "controller.config.leadership.electorate has %s, which is this cluster, but rbac.elector is false" .name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if has (($config.baselines | default dict).members) (list "read" "write") }}
{{- if and (index ($config.hub | default dict) "in-cluster") (not .Values.rbac.baselinesHub) }}
{{- fail "controller.config.baselines keeps those of this cluster, but rbac.baselinesHub is false" }}
{{- end }}
{{- range $config.clusters }}
{{- if and (index . "in-cluster") (not $.Values.rbac.baselines) }}
{{- fail (printf "controller.config.baselines keeps them in %s, which is this cluster, but rbac.baselines is false" .name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (index ($config.hub | default dict) "in-cluster") (not .Values.rbac.hub) }}
{{- fail "controller.config.hub is this cluster, but rbac.hub is false" }}
{{- end }}
{{- with $config.leadership }}
{{- include "trafficfed.checks.namespace" (list $ "leadership" .namespace) }}
{{- end }}
{{- if $config.hub }}
{{- include "trafficfed.checks.namespace" (list $ "propagation" ($config.propagation | default dict).namespace) }}
{{- end }}
{{- end }}

{{- define "trafficfed.checks.namespace" -}}
{{- $namespace := index . 2 | default "trafficfed" }}
{{- if ne $namespace (index . 0).Release.Namespace }}
{{- fail (printf "controller.config.%s.namespace is %s, but the release is in %s and may write nowhere else" (index . 1) $namespace (index . 0).Release.Namespace) }}
{{- end }}
{{- end }}

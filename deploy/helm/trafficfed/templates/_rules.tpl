{{/* Permissions by the part a cluster plays: no wildcard, nothing that the code does not ask for. */}}
{{- define "trafficfed.rules.member" -}}
- apiGroups: [""]
  resources: [services, nodes]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [namespaces]
  resourceNames: [kube-system]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- define "trafficfed.rules.elector" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, create, update, delete]
{{- end }}

{{- define "trafficfed.rules.hub" -}}
- apiGroups: [trafficfed.io]
  resources: [globalservices, propagationpolicies, clusterpropagationpolicies]
  verbs: [list, watch]
- apiGroups: [trafficfed.io]
  resources: [globalservices/status, propagationpolicies/status, clusterpropagationpolicies/status]
  verbs: [patch]
- apiGroups: [trafficfed.io]
  resources: [operatorcontrols]
  verbs: [list, create, delete]
- apiGroups: [trafficfed.io]
  resources: [operatorcontrols/status]
  verbs: [patch]
{{- range .Values.rbac.kinds }}
- apiGroups: [{{ .group | quote }}]
  resources: {{ .resources | toJson }}
  verbs: [list, watch]
{{- end }}
- apiGroups: [""]
  resources: [namespaces]
  resourceNames: [kube-system]
  verbs: [get]
{{- range .Values.rbac.kinds }}
{{- if .status }}
- apiGroups: [{{ .group | quote }}]
  resources:
    {{- range .status }}
    - {{ . }}/status
    {{- end }}
  verbs: [patch]
{{- end }}
{{- end }}
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- define "trafficfed.rules.record" -}}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch, create, update, delete]
{{- end }}

{{- define "trafficfed.rules.propagation" -}}
{{- range .Values.rbac.kinds }}
- apiGroups: [{{ .group | quote }}]
  resources: {{ .resources | toJson }}
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
- apiGroups: [""]
  resources: [nodes, pods]
  verbs: [list]
{{- end }}

{{- define "trafficfed.rules.services" -}}
- apiGroups: [multicluster.x-k8s.io]
  resources: [serviceexports]
  verbs: [list, watch]
- apiGroups: [multicluster.x-k8s.io]
  resources: [serviceimports]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [multicluster.x-k8s.io]
  resources: [serviceexports/status, serviceimports/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}

{{- define "trafficfed.rules.istio" -}}
- apiGroups: [networking.istio.io]
  resources: [serviceentries, destinationrules]
  verbs: [list, watch, create, patch, delete]
{{- end }}

{{- define "trafficfed.rules.baselines" -}}
{{- range .Values.rbac.audited }}
- apiGroups: [{{ .group | quote }}]
  resources: {{ .resources | toJson }}
  verbs: [list, watch]
{{- end }}
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingadmissionpolicies, validatingadmissionpolicybindings]
  verbs: [list, watch, create, patch, delete]
{{- range .Values.rbac.enforced }}
- apiGroups: [{{ .group | quote }}]
  resources: {{ .resources | toJson }}
  verbs: [create, patch, delete]
{{- end }}
{{- end }}

{{- define "trafficfed.rules.baselinesHub" -}}
- apiGroups: [trafficfed.io]
  resources: [fleetbaselines]
  verbs: [list, watch]
- apiGroups: [trafficfed.io]
  resources: [fleetbaselines/status]
  verbs: [patch]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings, clusterrolebindings]
  verbs: [list, watch]
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingadmissionpolicies, validatingadmissionpolicybindings]
  verbs: [list, watch, create, patch, delete]
{{- end }}

{{- define "trafficfed.rules.access" -}}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings, clusterrolebindings]
  verbs: [create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: {{ .Values.rbac.granted | toJson }}
  verbs: [bind]
{{- end }}

{{- define "trafficfed.rules.clusterset" -}}
- apiGroups: [multicluster.x-k8s.io]
  resources: [serviceimports]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [namespaces]
  resourceNames: [kube-system]
  verbs: [get]
{{- end }}

{{/* Whether the name server asks the API server of the cluster that it runs in. */}}
{{- define "trafficfed.clusterset" -}}
{{- $clusterset := (.Values.nameserver.config | default dict).clusterset | default dict }}
{{- if and .Values.nameserver.enabled (index $clusterset "in-cluster") }}true{{ end }}
{{- end }}

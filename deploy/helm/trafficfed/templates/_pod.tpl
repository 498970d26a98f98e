{{/* What every Pod has: who it runs as, its configuration beside its Secrets' files, a state folder, and its health. */}}
{{- define "trafficfed.pod" -}}
{{- $ := .root }}
{{- $part := .part }}
metadata:
  labels:
    {{- include "trafficfed.labels" . | nindent 4 }}
    {{- with $part.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- /* A controller takes a changed configuration over by itself. */}}
  {{- if or $part.annotations (ne .component "controller") }}
  annotations:
    {{- if ne .component "controller" }}
    checksum/config: {{ .config | sha256sum }}
    {{- end }}
    {{- with $part.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  {{- if eq .component "controller" }}
  serviceAccountName: {{ $.Values.serviceAccount.name }}
  {{- else if and (eq .component "nameserver") (include "trafficfed.clusterset" $) }}
  serviceAccountName: {{ $.Release.Name }}-nameserver
  {{- else }}
  automountServiceAccountToken: false
  {{- end }}
  {{- with $.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $part.terminationGracePeriodSeconds }}
  {{- with $part.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: {{ .component }}
      image: {{ include "trafficfed.image" $ }}
      imagePullPolicy: {{ $.Values.image.pullPolicy }}
      args: [{{ .command }}, --config, /etc/trafficfed/trafficfed.yaml]
      {{- with $part.env }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        {{- toYaml .ports | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      livenessProbe:
        httpGet: {path: /livez, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 5
        timeoutSeconds: 3
      resources:
        {{- toYaml $part.resources | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/trafficfed, readOnly: true}
        - {name: state, mountPath: /var/lib/trafficfed}
  volumes:
    - name: config
      projected:
        defaultMode: 0440
        sources:
          - configMap:
              name: {{ $.Release.Name }}-{{ .component }}
          {{- range $part.secrets }}
          - secret:
              name: {{ . }}
          {{- end }}
    {{- if not .persistent }}
    - name: state
      emptyDir: {}
    {{- end }}
  {{- with $part.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $part.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $part.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .spread }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "trafficfed.selector" . | nindent 10 }}
  {{- end }}
{{- end }}

{{- define "bpo-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 53 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bpo-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "bpo-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "bpo-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "bpo-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.name }}
{{- .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}
{{- include "bpo-operator.fullname" . }}
{{- else }}
{{- fail "serviceAccount.create is false: name the ServiceAccount to use in serviceAccount.name" }}
{{- end }}
{{- end }}

{{- define "bpo-operator.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Whether the evidence is in a SQLite store in the pod's own volume: "true" or empty. */}}
{{- define "bpo-operator.usesSqlite" -}}
{{- if not .Values.evidenceUrl.secretName }}true{{ end }}
{{- end }}

{{- define "bpo-operator.claimName" -}}
{{- default (printf "%s-evidence" (include "bpo-operator.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}

{{/* What the operator may do in the namespaces it works in. Nothing more: a test compares it with a table. */}}
{{- define "bpo-operator.rules" -}}
- apiGroups: [bpo-operator.io]
  resources: [campaignlaunches, kpitargets, servicetiers, vendorcontracts]
  verbs: [get, list, watch]
- apiGroups: [bpo-operator.io]
  resources: [slareports]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [bpo-operator.io]
  resources:
    - campaignlaunches/status
    - kpitargets/status
    - servicetiers/status
    - slareports/status
    - vendorcontracts/status
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
- apiGroups: [""]
  resources: [configmaps, secrets]
  verbs: [get]
{{- end }}

{{/* A look at the namespaces: those labelled for rehearsals are left to rehearsals. A Role shows the operator its own one alone. */}}
{{- define "bpo-operator.namespaceRule" -}}
- apiGroups: [""]
  resources: [namespaces]
  verbs: {{ . }}
{{- end }}

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2154
# What no rule and no record looks at. See suite.sh for the columns.

row record/delete-events held 'MS-TA9024 delete Kubernetes events; MITRE T1070' <<'DO'
: ev0
api DELETE /apis/events.k8s.io/v1/namespaces/$NS/events
DO

row record/delete-event-core-group held 'MS-TA9024' <<'DO'
echo '{"apiVersion":"v1","kind":"Event","metadata":{"name":"ev1"},"involvedObject":{"kind":"Pod","namespace":"'$NS'","name":"p1"},"reason":"Killing","type":"Normal","message":"m"}' | adm create -f - >/dev/null
k delete event ev1
DO

row record/api-server-log-level-raised-put denied 'kube-apiserver debugging' <<'DO'
reach api PUT /debug/flags/v text/plain 10
DO

row record/api-server-memory-profile denied 'kube-apiserver profiling; CIS 1.2.18' <<'DO'
reach api GET /debug/pprof/heap?debug=1
DO

row record/event-rewritten held 'MITRE T1070' <<'DO'
api PATCH "/api/v1/namespaces/$NS/events/ev0" application/merge-patch+json '{"message":"all is well"}'
DO

row record/event-forged held 'MITRE T1565' <<'DO'
obj v1 Event forged '"involvedObject":{"kind":"Pod","name":"p1","namespace":"'$NS'"},"reason":"Healthy","type":"Normal","message":"m"' | k create -f -
DO

row record/event-deleted-as-a-collection held 'MS-TA9024' <<'DO'
: ev0
api DELETE "/api/v1/namespaces/$NS/events"
DO

row record/events-of-the-cluster-deleted denied 'MS-TA9024' <<'DO'
api DELETE "/api/v1/namespaces/kube-system/events"
DO

row record/stacks-of-the-api-server denied 'kube-apiserver profiling' <<'DO'
reach api GET "/debug/pprof/goroutine?debug=1"
DO

row record/cpu-profile denied 'kube-apiserver profiling' <<'DO'
reach api GET "/debug/pprof/profile?seconds=1"
DO

row record/metrics denied 'kube-apiserver metrics' <<'DO'
reach api GET /metrics
DO

row record/logs-of-the-api-server denied 'kube-apiserver --enable-logs-handler' <<'DO'
reach api GET /logs/
DO

row record/a-path-that-is-not-in-order denied 'path normalization' <<'DO'
reach api GET //debug/pprof/heap
DO

row record/unknown-path denied 'own' <<'DO'
reach api POST /x application/json '{}'
DO

row record/flags-in-json denied 'kube-apiserver debugging' <<'DO'
reach api PUT /debug/flags/v application/json 5
DO

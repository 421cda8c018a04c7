#!/usr/bin/env bash
# check.sh BINARY: what the gateway's TLS looks like to OpenSSL's client, a check a line.
set -euo pipefail

binary=$(realpath "$1")
command -v openssl >/dev/null || { echo "SKIPPED: TLS as OpenSSL sees it; needs openssl" && exit 0; }
work=$(mktemp --directory)
gateway=
trap '[ -z "$gateway" ] || kill "$gateway"; rm --recursive --force "$work"' EXIT
mkdir "$work/manifests"
cd "$work"
passed=0 failed=0

# authority NAME SIGNER: NAME.crt and NAME.key of an authority; one that signs itself is a root
authority() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -subj "/CN=$1" 2>/dev/null |
        openssl x509 -req -days 2 -out "$1.crt" $([ "$1" = "$2" ] && echo "-key $1.key" || echo "-CA $2.crt -CAkey $2.key -CAcreateserial") \
            -extfile <(echo basicConstraints=critical,CA:true) 2>/dev/null
}

# secret HOST KEY_OPTIONS...: a certificate of the intermediate authority, with its chain, as a Secret
secret() {
    local host=$1
    openssl req -newkey "${@:2}" -nodes -keyout "$host.key" -subj "/CN=$host" 2>/dev/null |
        openssl x509 -req -CA intermediate.crt -CAkey intermediate.key -CAcreateserial -days 1 -out "$host.crt" \
            -extfile <(echo "subjectAltName=DNS:$host") 2>/dev/null
    cat >"manifests/$host.yaml" <<YAML
apiVersion: v1
kind: Secret
metadata: {name: $host, namespace: default}
type: kubernetes.io/tls
stringData:
  tls.crt: |
$(cat "$host.crt" intermediate.crt | sed 's/^/    /')
  tls.key: |
$(sed 's/^/    /' "$host.key")
---
apiVersion: networking.internal.knative.dev/v1alpha1
kind: Ingress
metadata: {name: $host, namespace: default, annotations: {networking.knative.dev/ingress.class: pingora.ingress.networking.knative.dev}}
spec:
  tls: [{hosts: [$host], secretName: $host, secretNamespace: default}]
  rules: [{hosts: [$host], http: {paths: [{splits: [{serviceNamespace: default, serviceName: none, servicePort: 80}]}]}}]
YAML
}

# serve [FLAGS]: the gateway on a free port; sets address
serve() {
    [ -z "$gateway" ] || { kill "$gateway" && wait "$gateway" || true; }
    : >listening
    "$binary" serve --from manifests --external-http off --internal-http off --internal-https off --external-https 127.0.0.1:0 \
        --health 127.0.0.1:0 --admin 127.0.0.1:0 --log-level error "$@" >listening 2>/dev/null &
    gateway=$!
    until grep --quiet '^listening external-https' listening; do
        kill -0 $gateway || { echo "the gateway does not start" >&2 && exit 1; }
        sleep 0.05
    done
    address=$(sed -n 's#^listening external-https https://##p' listening)
}

# client FLAGS...: what OpenSSL's client says of a handshake; everything it supports is allowed to it
client() {
    timeout 10 openssl s_client -connect "$address" -CAfile root.crt -verify_return_error -cipher ALL:@SECLEVEL=0 "$@" </dev/null 2>&1 | tr --delete '\0' || true
}

# expect WHAT REGEX FLAGS...: the client must say this
expect() {
    local said
    said=$(client "${@:3}")
    if grep --quiet --extended-regexp "$2" <<<"$said"; then
        echo "ok    $1"
        passed=$((passed + 1))
    else
        echo "FAIL  $1: no $2 in"
        sed 's/^/      /' <<<"$said"
        failed=$((failed + 1))
    fi
}

refused='alert (protocol version|handshake failure|access denied|unrecognized name)|no protocols available|unsupported protocol'

authority root root
authority intermediate root
secret ecdsa.example ec -pkeyopt ec_paramgen_curve:prime256v1
secret rsa.example rsa:2048

serve
for version in tls1 tls1_1; do
    expect "$version is refused" "$refused" -servername rsa.example -$version
done
for version in tls1_2 tls1_3; do
    for host in rsa.example ecdsa.example; do
        expect "$version with $host, its chain complete" 'Verify return code: 0|Verification: OK' -servername $host -verify_hostname $host -$version
    done
done
expect "HTTP/2 by ALPN" 'ALPN protocol: h2' -servername ecdsa.example -alpn h2,http/1.1
expect "HTTP/1.1 by ALPN" 'ALPN protocol: http/1.1' -servername ecdsa.example -alpn http/1.1
expect "no compression" 'Compression: NONE' -servername rsa.example -tls1_2 -comp
expect "no stapled OCSP response" 'OCSP response: no response sent' -servername rsa.example -status
for suite in AES128-SHA AES256-GCM-SHA384 ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA384 DHE-RSA-AES128-GCM-SHA256 NULL-SHA256; do
    expect "$suite is refused" "$refused|no cipher match|no ciphers available" -servername rsa.example -tls1_2 -cipher "$suite:@SECLEVEL=0"
done
# R begins a renegotiation; a client that is allowed one verifies the server again.
renegotiation() {
    { sleep 1 && echo R && sleep 1; } | timeout 10 openssl s_client -connect "$address" -CAfile root.crt "$@" 2>&1 |
        sed -n '/^RENEGOTIATING/,$p' | sed 's/^depth=/renegotiated: &/' || true
}
client() {
    local said
    said=$(renegotiation "$@")
    grep --quiet 'renegotiated' <<<"$said" && echo "$said" || echo "$said, and nothing came of it"
}
expect "no renegotiation" '^RENEGOTIATING, and nothing came of it' -servername rsa.example -tls1_2
client() {
    timeout 10 openssl s_client -connect "$address" -CAfile root.crt -verify_return_error "$@" </dev/null 2>&1 || true
}
expect "without a server name: refused" "$refused" -noservername
expect "with an unknown server name: refused" "$refused" -servername unknown.example

serve --default-certificate default/ecdsa.example
expect "without a server name: the default certificate" 'subject=CN ?= ?ecdsa.example' -noservername
expect "with an unknown server name: the default certificate" 'subject=CN ?= ?ecdsa.example' -servername unknown.example
expect "with a known one: its own" 'subject=CN ?= ?rsa.example' -servername rsa.example

serve --tls-cipher-suites ECDHE-RSA-AES256-GCM-SHA384
expect "TLS 1.2 with a suite of the list" 'Cipher is ECDHE-RSA-AES256-GCM-SHA384' -servername rsa.example -tls1_2
expect "TLS 1.2 with another: handshake failure" 'alert handshake failure' -servername rsa.example -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
expect "TLS 1.3 all the same" 'Cipher is TLS_AES' -servername rsa.example -tls1_3

serve --tls-min-version 1.3
expect "TLS 1.2 below the oldest version: refused" "$refused" -servername rsa.example -tls1_2
expect "TLS 1.3" 'Cipher is TLS_AES' -servername rsa.example

echo "$passed passed, $failed failed"
[ $failed = 0 ]

# Builds what the harness runs, in parts that are cached; source it after settings.sh.
#
# A part is a directory, named after all it is built from: its Go module, the function that builds it and the
# version of Go.

build_harness() {
    go_build harness "$1" ./...
}

build_kubernetes() {
    local version flag=k8s.io/component-base/version
    version=$(cd "$harness/go/kubernetes" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
    go_build kubernetes "$1" -ldflags "-s -w -X $flag.gitVersion=$version -X $flag.gitTreeState=clean" tool
}

build_coredns() {
    go_build coredns "$1" .
}

build_metallb() {
    go_build metallb "$1/images" tool
    copy_manifests metallb "$1/metallb" go.universe.tf/metallb config/manifests
}

# The KIngress API, and Knative's conformance suite for it with its backends.
build_networking() {
    local module=knative.dev/networking
    go_build knative "$1/images" $module/test/test_images/{grpc-ping,httpproxy,retry,runtime,timeout,wsserver}
    go_test_build "$1" $module/test/conformance/ingress
    copy_manifests knative "$1/networking" $module config
}

build_serving() {
    local module=knative.dev/serving
    go_build knative "$1/images" $module/cmd/{activator,autoscaler,controller,default-domain,queue,webhook}
    copy_manifests knative "$1/serving" $module config
    copy_manifests knative "$1/caching" knative.dev/caching config
}

# Serving's own tests, and the images they run.
build_serving_tests() {
    local module=knative.dev/serving/test images=(autoscale grpc-ping hellohttp2 helloworld httpproxy)
    images+=(pizzaplanetv1 pizzaplanetv2 readiness runtime singlethreaded slowstart timeout wsserver)
    go_build knative "$1/images" "${images[@]/#/$module/test_images/}"
    go_test_build "$1" $module/{e2e,e2e/tagheader,e2e/domainmapping,conformance/api/v1}
    copy_manifests knative "$1/test" knative.dev/serving test/config
}

# part NAME: its directory
part() {
    local module=$1 key
    case $1 in networking | serving*) module=knative ;; esac
    key=$({ go version && declare -f "build_$1" go_build go_test_build copy_manifests && find "$harness/go/$module" -type f | sort | xargs cat; } | sha256sum)
    echo "$cache/$1-${key:0:16}"
}

# need_part NAME: builds it unless it is in the cache
need_part() {
    local directory started=$SECONDS
    directory=$(part "$1")
    if [ -d "$directory" ]; then
        touch "$directory"
        return
    fi
    say "building $1"
    rm -rf "$cache/$1".new && mkdir -p "$cache/$1".new
    "build_$1" "$cache/$1.new"
    # Those nobody has used for a day: another run may go on with another version.
    find "$cache" -maxdepth 1 -name "$1-????????????????" -mtime +0 -exec rm -rf {} +
    mv "$cache/$1.new" "$directory"
    say "built $1 in $((SECONDS - started)) s"
}

# go_build MODULE DIRECTORY [FLAGS] PACKAGE...
go_build() {
    local module=$harness/go/$1 directory=$2
    shift 2
    mkdir -p "$directory"
    (cd "$module" && CGO_ENABLED=0 go build -ldflags "-s -w" -o "$directory/" "$@")
}

# go_test_build DIRECTORY PACKAGE...: the compiled tests of the knative module
go_test_build() {
    local directory=$1
    shift
    (cd "$harness/go/knative" && CGO_ENABLED=0 go test -c -ldflags "-s -w" -tags e2e -o "$directory/" "$@")
}

# copy_manifests MODULE DIRECTORY DEPENDENCY FOLDER: a folder of a module that MODULE depends on
copy_manifests() {
    local source
    source=$(cd "$harness/go/$1" && go mod download "$3" && go list -m -f '{{.Dir}}' "$3")
    mkdir -p "$2"
    cp --recursive --no-preserve=mode "$source/$4/." "$2/"
}

# The image of the gateway: the archive IMAGE where it is set.
gateway_image() {
    echo "${IMAGE:-$cache/net-pingora.tar}"
}

need_gateway_image() {
    [ -z "${IMAGE:-}" ] || { [ -f "$IMAGE" ] || fail "no file $IMAGE, which IMAGE names"; return; }
    mkdir -p "$cache"
    "$repository/deploy/image.sh" "$(gateway_image)" >/dev/null
}

# The program of this repository, for its suite.
loadtest() {
    (cd "$repository" && realpath "${CARGO_TARGET_DIR:-target}/release/loadtest")
}

need_loadtest() {
    (cd "$repository" && cargo build --locked --release --package net-pingora-loadtest) >&2
}

#!/usr/bin/env bash
# Writes the image of net-pingora as an archive: one static binary and nothing else.
set -euo pipefail
export LC_ALL=C

name=docker.io/library/net-pingora:dev

help() {
    cat <<TEXT
Usage: deploy/image.sh [--binary FILE] [ARCHIVE]

Writes the image $name to ARCHIVE, net-pingora.tar unless told,
and prints that path. Load it with one of:

  k3s ctr images import ARCHIVE
  ctr -n k8s.io images import ARCHIVE
  docker load --input ARCHIVE

  --binary FILE  a static binary of net-pingora; without it one is built
TEXT
}

main() {
    local binary="" archive=net-pingora.tar work
    while [ $# != 0 ]; do
        case $1 in
            -h | --help) help && return ;;
            --binary)
                [ $# != 1 ] || fail "--binary wants a FILE"
                binary=$2 && shift
                ;;
            -*) fail "no flag $1; deploy/image.sh --help lists them" ;;
            *) archive=$1 ;;
        esac
        shift
    done
    need strip binutils
    need tar tar
    [ -n "$binary" ] || binary=$(build)
    work=$(mktemp --directory)
    # The path is put in now: the variable is gone when the trap runs.
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    root "$binary" "$work/root"
    image "$work/root" "$work/image"
    pack "$work/image" "$archive"
    echo "$archive"
}

# build: prints the path of the static binary it built
build() {
    need cargo "Rust (https://rustup.rs)"
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    local triple
    triple=$(rustc --version --verbose | sed -n 's/^host: //p')
    # --target keeps the flag from build scripts and macros, which cannot be static.
    RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" \
        cargo build --locked --release --bin net-pingora --target "$triple" >&2 || fail "cargo build failed"
    realpath "${CARGO_TARGET_DIR:-target}/$triple/release/net-pingora"
}

# root BINARY DIRECTORY: the files of the image
root() {
    [ -f "$1" ] || fail "no file $1"
    # The image has no loader and no libraries.
    ! readelf --program-headers "$1" | grep INTERP >/dev/null ||
        fail "$1 is not static; build it with RUSTFLAGS='-C target-feature=+crt-static' and --target"
    mkdir "$2"
    strip -o "$2/net-pingora" "$1"
    chmod 755 "$2/net-pingora"
}

# image ROOT DIRECTORY: the parts of a docker-archive
image() {
    local layer architecture config
    mkdir "$2"
    pack "$1" "$2/layer.tar"
    layer=$(digest "$2/layer.tar")
    architecture=$(architecture "$1/net-pingora")
    cat >"$2/config.json" <<JSON
{
  "architecture": "$architecture",
  "os": "linux",
  "config": {"User": "65532:65532", "Entrypoint": ["/net-pingora"]},
  "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]},
  "history": [{"created_by": "deploy/image.sh"}]
}
JSON
    config=$(digest "$2/config.json").json
    mv "$2/config.json" "$2/$config"
    echo "[{\"Config\": \"$config\", \"RepoTags\": [\"$name\"], \"Layers\": [\"layer.tar\"]}]" >"$2/manifest.json"
}

# pack DIRECTORY ARCHIVE: the same files make the same archive
pack() {
    (cd "$1" && tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -- *) >"$2"
}

# digest FILE
digest() {
    sha256sum "$1" | cut --delimiter=' ' --fields=1
}

# architecture BINARY: as Go and container images name it
architecture() {
    local machine
    machine=$(readelf --file-header "$1" | sed -n 's/^ *Machine: *//p')
    case $machine in
        *X86-64) echo amd64 ;;
        AArch64) echo arm64 ;;
        *) fail "$1 is for $machine; known are x86-64 and AArch64" ;;
    esac
}

# need PROGRAM WHERE
need() {
    command -v "$1" >/dev/null || fail "$1 is missing; install $2"
}

fail() {
    echo "image.sh: $*" >&2
    exit 1
}

main "$@"

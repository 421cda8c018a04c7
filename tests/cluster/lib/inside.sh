#!/usr/bin/env bash
# inside.sh COMMAND...: brings the cluster up in the namespaces this process has to itself, and runs COMMAND in it.
. "$(dirname "$0")/settings.sh"

mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p $state/tmp /run/netns /run/lock
# Programs write here whatever they are told elsewhere.
for directory in /var/lib /var/log; do
    layer=$state/layers$directory
    mkdir -p "$layer"/{upper,work}
    mount -t overlay -o "lowerdir=$directory,upperdir=$layer/upper,workdir=$layer/work" overlay $directory
done
ip link set lo up

. "$harness/lib/build.sh"
. "$harness/lib/node.sh"
started=$SECONDS
bring_up_node
say "the cluster is up after $((SECONDS - started)) s"
export TMPDIR=$state/tmp
"$@"

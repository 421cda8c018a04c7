#!/usr/bin/env bash
# parts: networking
# What the gateway takes at rest with 200 KIngresses, and the size of its image.
. "$(dirname "$0")/../lib/suite.sh"

size=$(stat --dereference --format=%s "$(gateway_image)")
echo "image: $((size / 1000000)) MB (at most 25 MB)"
[ "$size" -le 25000000 ] || fail "the image is too large"

once install_networking_images
once install_gateway
scale -namespace idle -kingresses 200 -changes 0 -idle 60s -max-memory 25 -max-idle-core 0.5

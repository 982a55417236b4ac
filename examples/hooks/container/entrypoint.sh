#!/bin/sh
# The entry point of an image: the hook, then the server in its place, so that the server is the container's first process and
# gets its signals. The server's command is the image's CMD.
set -eu
exec prepatch-boot --home "${CARBON_HOME:-/opt/server}" -- "$@"

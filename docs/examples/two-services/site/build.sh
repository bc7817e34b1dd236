#!/bin/sh
# The build of the site: its pages as they are, and version.json, which a release proves with.
set -eu
rm -rf dist
cp -R pages dist
printf '{"version": "%s"}\n' "$RELEASE_VERSION" >dist/version.json

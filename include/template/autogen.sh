#!/bin/sh
# Makes ./configure.  Needs autoconf, automake, libtool, pkg-config and sluice itself.
set -e
cd "$(dirname "$0")"
# Where sluice put its m4 macro, if that is not where aclocal looks by itself.
macros=$(pkg-config --variable=datadir sluice-plugin)/aclocal
mkdir -p m4
exec autoreconf --install --force --include="$macros" "$@"

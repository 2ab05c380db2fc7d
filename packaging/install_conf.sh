#!/bin/sh
# install_conf.sh FILE FOLDER: puts it there, unless there is one.
set -eu
to=${DESTDIR:-}$2/$(basename "$1")
[ -e "$to" ] || install -D -m 644 "$1" "$to"

#!/bin/bash
# libkhub as others get it: what it exports, whether its header stands alone, and whether an
# installation builds the example.
#   client_library.sh SOURCE_ROOT BUILD_ROOT SHARED_LIBRARY CC
set -euo pipefail
source_root=$1 build_root=$2 library=$3 cc=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() {
    echo "not ok: $*" >&2
    exit 1
}

# Every KHUB_PUBLIC function is exported, and nothing else is.
nm -D --defined-only "$library" | awk '{print $3}' | sed 's/@.*//' | sort >"$work/exported"
grep -v '^#' "$source_root/include/khub.h" | tr '\n' ' ' |
    grep -o 'KHUB_PUBLIC [^;]*;' | grep -o '\bkhub_[a-z_0-9]*(' | tr -d '(' | sort >"$work/declared"
[ "$(wc -l <"$work/declared")" -gt 25 ] || die "the header's functions were not found"
diff "$work/declared" "$work/exported" || die "declared (<) and exported (>) differ"
nm -D --undefined-only "$library" | grep -E ' (signal|sigaction|exit|abort)(@|$)' &&
    die "the library takes signals or exits"
nm -A --undefined-only "$build_root/src/client/libkhub.a" | grep pthread_create | grep -v '[:/_]lookup\.c' &&
    die "the library starts threads for more than looking a name up"
readelf -d "$library" >"$work/dynamic" # through a file: a pipe breaks when grep has seen enough
grep -q 'SONAME.*libkhub\.so\.0' "$work/dynamic" || die "no soname"

# The headers compile alone, as C and as C++.
printf '#include <khub.h>\n#include <khub_measure.h>\n' >"$work/alone.c"
for standard in c99 c11 c17; do
    "$cc" -std=$standard -Wall -Wextra -pedantic -Werror -I"$source_root/include" -c "$work/alone.c" \
        -o "$work/alone.o" || die "the header does not compile as $standard"
done
cxx=$(command -v c++ || command -v clang++ || true)
if [ -n "$cxx" ]; then
    cp "$work/alone.c" "$work/alone.cc"
    "$cxx" -std=c++11 -Wall -Wextra -pedantic -Werror -I"$source_root/include" -c "$work/alone.cc" \
        -o "$work/alone.o" || die "the header does not compile as C++"
else
    echo "no C++ compiler here: that part is left out"
fi

# An installation: found by pkg-config, builds the example against both libraries, and the example
# runs.
DESTDIR=$work/root meson install -C "$build_root" --no-rebuild --quiet || die "meson install"
pc=$(find "$work/root" -name khub.pc)
[ -n "$pc" ] || die "no khub.pc"
# Under the usual prefix it lies where this system looks without being told.
where=${pc#"$work/root"}
if [[ $where == /usr/local/* ]]; then
    # no -q behind a pipe: who ends early kills who still writes, and that is a failure here
    pkg-config --variable pc_path pkg-config | tr : '\n' | grep -x "$(dirname "$where")" >/dev/null ||
        die "pkg-config does not find $where"
    libraries=$(dirname "$(dirname "$where")")
    grep -qxh "$libraries" /etc/ld.so.conf.d/*.conf || die "the loader does not look into $libraries"
fi
export PKG_CONFIG_SYSROOT_DIR=$work/root
flags=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs khub)
unset PKG_CONFIG_SYSROOT_DIR
json=$(pkg-config --cflags --libs jansson)
directory=$(dirname "$(find "$work/root" -name libkhub.so)")
# shellcheck disable=SC2086 # the flags are words
"$cc" -Wall -Wextra -Werror "$source_root/examples/hello_khub.c" $flags $json -o "$work/hello" ||
    die "the example does not build with: $flags"
ldd "$work/hello" >"$work/libraries"
grep -q 'libkhub\.so\.0' "$work/libraries" || die "the example does not use the shared library"
tls=
if readelf -d "$library" | grep NEEDED | grep libssl >"$work/needed"; then
    tls=$(pkg-config --libs openssl) # built with client_tls
fi
# shellcheck disable=SC2086
"$cc" "$source_root/examples/hello_khub.c" -I"$source_root/include" "$directory/libkhub.a" $json $tls \
    -o "$work/hello_static" || die "the static library does not suffice alone"


# The libuv adapter: its header alone, its two functions, and a program by its own pkg-config entry.
cat >"$work/loop.c" <<'END'
#include <khub_uv.h>
int main(void)
{
    struct khub_options options = {.address = "unix:/nonexistent", .ai_id = "ada", .retries = -1};
    struct khub_callbacks callbacks = {0};
    struct khub *link;
    struct khub_uv *adapter;
    uv_loop_t loop;
    if (uv_loop_init(&loop) < 0 || khub_new(&options, &callbacks, &link) < 0 ||
        khub_uv_start(&loop, link, &adapter) < 0)
        return 1;
    uv_run(&loop, UV_RUN_DEFAULT); /* until the link has ended */
    khub_uv_stop(adapter);
    uv_run(&loop, UV_RUN_DEFAULT);
    int failed = uv_loop_close(&loop) < 0 || khub_link_state(link) != KHUB_ENDED;
    khub_free(link);
    return failed;
}
END
export PKG_CONFIG_SYSROOT_DIR=$work/root
flags=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs khub-uv)
unset PKG_CONFIG_SYSROOT_DIR
# shellcheck disable=SC2086
"$cc" -Wall -Wextra -Werror "$work/loop.c" ${flags//-I$work\/root\/usr\/include /} -o "$work/loop" ||
    die "a program with khub_uv.h does not build with: $flags"
LD_LIBRARY_PATH=$directory "$work/loop" || die "a loop does not end with its link"
nm -D --defined-only "$directory/libkhub-uv.so" | awk '{print $3}' | sort >"$work/uv"
[ "$(tr '\n' ' ' <"$work/uv")" = "khub_uv_start khub_uv_stop " ] || die "libkhub-uv exports $(cat "$work/uv")"

# libkhub-measure: the same, and the number is docs/PROTOCOL.md's.
cat >"$work/measure.c" <<'END'
#include <khub_measure.h>
#include <stdio.h>
int main(void)
{
    const struct khub_parameter given[] = {
        {"mean_gain", 0.01}, {"deviation_gain", 0.01}, {"deviations", 4}, {"spike_threshold", 100},
        {"spike_exit", 7.875}, {"margin", 0}, {"spike_deviations", 4}, {"floor", 0}};
    const struct khub_question question = {.subject = "audio",
                                           .nonce = "00112233445566778899aabbccddeeff",
                                           .parameters = given,
                                           .parameter_count = sizeof given / sizeof *given};
    struct khub_measured measured;
    char why[KHUB_WHY_SIZE];
    if (khub_measure(&question, &measured, why) < 0)
        return fprintf(stderr, "%s\n", why), 1;
    return printf("%.17g\n", measured.ratio) < 0;
}
END
export PKG_CONFIG_SYSROOT_DIR=$work/root
flags=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs khub-measure)
unset PKG_CONFIG_SYSROOT_DIR
# shellcheck disable=SC2086
"$cc" -Wall -Wextra -Werror "$work/measure.c" $flags -Wl,-rpath-link,"$directory" -o "$work/measure" ||
    die "a program with khub_measure.h does not build with: $flags"
found=$(LD_LIBRARY_PATH=$directory "$work/measure") || die "khub_measure finds nothing"
grep -F "$found (version " "$source_root/docs/PROTOCOL.md" >/dev/null ||
    die "khub_measure finds $found, and docs/PROTOCOL.md another ratio"
nm -D --defined-only "$directory/libkhub-measure.so" | awk '{print $3}' >"$work/measures"
[ "$(cat "$work/measures")" = "khub_measure" ] || die "libkhub-measure exports $(cat "$work/measures")"

status=0
"$work/hello_static" 2>/dev/null || status=$?
[ $status -eq 2 ] || die "without an id the example exits with $status"
status=0
LD_LIBRARY_PATH=$directory KHUB_HUB=unix:$work/no-such-hub "$work/hello" ada 2>"$work/said" || status=$?
[ $status -eq 1 ] || die "without a hub the example exits with $status"
grep -q 'No such file' "$work/said" || die "it does not say why: $(cat "$work/said")"
[ "$(wc -l <"$source_root/examples/hello_khub.c")" -lt 60 ] || die "the example is too long"
echo ok

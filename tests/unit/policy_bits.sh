#!/bin/bash
# Builds policy_bits.c with gcc and clang, as far as they are here, at several levels of
# optimisation, and compares what it prints, to the last bit.
# usage: policy_bits.sh SOURCE_ROOT
set -eu
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

variants=()
for compiler in gcc clang; do
    command -v "$compiler" >/dev/null || continue
    for flags in "-O0" "-O2" "-O3 -march=native"; do
        variants+=("$compiler $flags")
    done
done
if [ ${#variants[@]} -eq 0 ]; then
    echo "1..0 # SKIP neither gcc nor clang is here"
    exit 77
fi

embed() { # NAME TEXT [RULES…]
    python3 "$root/src/policy/embed.py" "$@" "$work/$1.c"
}
embed module_call_text "$root/src/policy/module_call.h"
embed program_arithmetic_text "$root/src/policy/program_arithmetic.h"
for folder in "$root"/src/policy/*/; do
    name=$(basename "$folder")
    if [ -f "$folder/rules.h" ]; then
        embed "${name}_module" "$folder/module.c.in" "$folder/rules.h"
    fi
    if [ -f "$folder/program.h" ]; then
        mapfile -t headers < <(sed -n "s|^#include \"\(policy/.*\)\"$|$root/src/\1|p" \
            "$folder/program.h")
        embed "${name}_program_text" "$folder/program.c.in" "${headers[@]}" "$folder/program.h"
    fi
done
python3 "$root/src/policy/embed.py" module_call_text "$root/src/policy/module_call.h" \
    "$work/module_call_text.c"
mapfile -t sources < <(find "$root/src/policy" "$work" -name '*.c' | sort)

print_bits() { # NUMBER OF THE VARIANT
    # shellcheck disable=SC2086 # the flags are words
    ${variants[$1]} -std=gnu17 -D_GNU_SOURCE -ffp-contract=off -I"$root/src" -I"$root/include" \
        "$root/tests/unit/policy_bits.c" "${sources[@]}" -lm -o "$work/bits$1" &&
        "$work/bits$1" >"$work/out$1"
}
for i in "${!variants[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
        wait -n || true # who failed has printed nothing
    done
    print_bits "$i" &
done
wait

echo "1..${#variants[@]}"
failures=0
for i in "${!variants[@]}"; do
    if [ -s "$work/out$i" ] && cmp -s "$work/out0" "$work/out$i"; then
        echo "ok $((i + 1)) - ${variants[i]}: the bits of ${variants[0]}"
    elif [ ! -s "$work/out$i" ]; then
        echo "not ok $((i + 1)) - ${variants[i]}: it did not build or run"
        failures=1
    else
        echo "not ok $((i + 1)) - ${variants[i]}: other bits than ${variants[0]}"
        diff "$work/out0" "$work/out$i" | head -4 | sed 's/^/# /'
        failures=1
    fi
done
exit $failures

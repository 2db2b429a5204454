# shellcheck shell=bash
# Sourced by the scripts: runs a step with its output in a log file, shows how far it is, and shows the log when it fails.
# Sets $seconds. The log of the last step is $log.

# shellcheck disable=SC2034
step_packages=(
    "g++" "cmake" "ninja-build" "ccache" "libssl-dev" "libcli11-dev"
    "libboost1.81-dev,libboost-json1.81-dev,libboost-url1.81-dev|libboost1.83-dev,libboost-json1.83-dev,libboost-url1.83-dev"
)
step_jobs=$(nproc)

# Where a log says how far it is: ninja's [3/40], CTest's 3/40 Test.
step_progress() {
    tail -c 4000 "$1" | grep -aoE '^\[[0-9]+/[0-9]+\]|^ *[0-9]+/[0-9]+ Test' | tail -n 1 | grep -oE '[0-9]+/[0-9]+' || true
}

step() { # step "what is done" LOG command...
    local what=$1 begin=$SECONDS pid shown=0 status=0 progress
    log=$2
    shift 2
    mkdir -p "$(dirname "$log")"
    : >"$log"
    [ -t 1 ] || echo "$what ..."
    set -m # a process group of its own, so that an interrupt ends the compilers too
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    set +m
    trap 'kill -- -"$pid" 2>/dev/null; exit 130' INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        progress=$(step_progress "$log")
        if [ -t 1 ]; then
            printf '\r\033[K%s %s (%d s)' "$what" "$progress" $((SECONDS - begin))
            sleep 0.5
        else
            sleep 1
            if [ $((SECONDS - begin - shown)) -ge 30 ]; then
                shown=$((SECONDS - begin))
                echo "  ${progress:-working} after $shown s"
            fi
        fi
    done
    wait "$pid" || status=$?
    trap - INT TERM
    seconds=$((SECONDS - begin))
    [ -t 1 ] && printf '\r\033[K'
    if [ "$status" = 0 ]; then
        echo "$what: done in $seconds s"
    else
        echo "$what: FAILED after $seconds s; the log is $log"
        # Without the lines that only say how far it was.
        grep -avE '^ *[0-9]+/[0-9]+ Test .* Passed |^ +Start +[0-9]+: |^\[[0-9]+/[0-9]+\] (Building|Linking) ' "$log" | head -n 120 || true
    fi
    return "$status"
}

# shellcheck shell=bash
# Sourced by the scripts. `step` runs a step with its output in a log file, shows how far it is, and shows the log when it fails.
# It sets $seconds; the log of the last step is $log. `build`, `check` and `print_table` are what a run of tests consists of.

# shellcheck disable=SC2034
step_packages=(
    "g++" "cmake" "ninja-build" "ccache" "libssl-dev" "libcli11-dev" "libsqlite3-dev" "libpq-dev"
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

passed=0
failed=0
table=()
row() { table+=("$(printf '%-46s %-8s %7s %8s' "$@" | sed 's/ *$//')"); } # step, result, seconds, tests

print_table() {
    echo
    printf '%-46s %-8s %7s %8s\n' step result seconds tests
    printf '%s\n' "${table[@]}"
    echo
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

# The source that is built, the command that runs another there, and where the logs go.
source_dir=$PWD
inside=(env)
logs=$PWD/build/test-logs
log_of() { echo "$logs/$(tr -cs 'A-Za-z0-9.+\n-' _ <<<"$1").log"; }

# build PRESET TITLE [configure arguments] -- [targets]
build() {
    local preset=$1 title=$2 configure=()
    shift 2
    while [ "$1" != -- ]; do
        configure+=("$1")
        shift
    done
    shift
    if step "$title: configure" "$(log_of "$title: configure")" "${inside[@]}" cmake --preset "$preset" "${configure[@]}" &&
        step "$title: build" "$(log_of "$title: build")" "${inside[@]}" \
            cmake --build --preset "$preset" --parallel "$step_jobs" ${1:+--target "$@"} -- -k 0; then
        row "$title: build" ok "$seconds" ""
    else
        failed=$((failed + 1))
        row "$title: build" FAILED "$seconds" ""
        return 1
    fi
}

# check PRESET TITLE [ctest arguments]
check() {
    local preset=$1 title=$2 status=0 ok=0 all=0 result=ok
    local report=$source_dir/build/$preset/tests.xml
    shift 2
    rm -f "$report"
    step "$title: tests" "$(log_of "$title: tests")" "${inside[@]}" \
        ctest --preset "$preset" --parallel "$step_jobs" --output-junit tests.xml "$@" || status=$?
    if [ -f "$report" ]; then
        all=$(grep -c '<testcase ' "$report" || true)
        ok=$(grep -c '<testcase .* status="run"' "$report" || true)
    fi
    # Whatever was not run has not passed. A step without tests, or one that broke off, is a failure of its own.
    local wrong=$((all - ok))
    if [ "$wrong" = 0 ] && { [ "$all" = 0 ] || [ "$status" != 0 ]; }; then
        wrong=1
    fi
    [ "$wrong" = 0 ] || result=FAILED
    passed=$((passed + ok))
    failed=$((failed + wrong))
    row "$title: tests" "$result" "$seconds" "$all"
}

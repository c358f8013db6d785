#!/usr/bin/env bash
# Makes .venv with the headgate command and everything pinned in requirements.lock. Idempotent: a venv that
# already matches the lock and pyproject.toml is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    [ -n "$candidate" ] || continue
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$candidate"; return; }
  done
  return 1
}

install_python() {
  echo "setup: no Python 3.11 or newer with venv here; installing python3 and python3-venv" >&2
  command -v apt-get >/dev/null || fail "Python >= 3.11 is missing and this is no Debian/Ubuntu; install it and run again"
  as_root apt-get update -q >&2 && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3 python3-venv >&2 \
    || fail "Python >= 3.11 with venv is missing: run as root or with sudo, or install python3 and python3-venv yourself"
}

fingerprint="$(cat pyproject.toml requirements.lock setup/python.sh | sha256sum | cut -d' ' -f1)"
[ "$(cat .venv/fingerprint 2>/dev/null)" = "$fingerprint" ] && exit 0

python="$(find_python)" || { install_python; python="$(find_python)" || fail "the distribution's python3 is older than 3.11; install a newer one and set PYTHON=/path/to/it"; }
rm -rf .venv
"$python" -m venv .venv 2>/dev/null || { install_python; rm -rf .venv; "$python" -m venv .venv; }
echo "setup: installing the pinned packages into .venv" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock \
  || fail "the packages of requirements.lock could not be installed (is the Python package index reachable?)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
echo "$fingerprint" > .venv/fingerprint

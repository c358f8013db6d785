#!/usr/bin/env bash
# Puts a prometheus binary in .tools/bin where none is on PATH: the distribution's package, unpacked and not installed,
# so that no system service is started and no root is needed beyond (at most) refreshing the package lists.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }

command -v prometheus >/dev/null && exit 0
[ -x .tools/bin/prometheus ] && exit 0
command -v apt-get >/dev/null || fail "prometheus is not on PATH and this is no Debian/Ubuntu; install Prometheus >= 2.30 and run again"

refresh_lists() {
  if [ "$(id -u)" = 0 ]; then apt-get update -q >&2
  elif command -v sudo >/dev/null; then sudo apt-get update -q >&2
  else fail "the package lists are empty or old: run 'apt-get update' as root, or install prometheus, and run again"; fi
}

download="$(mktemp -d)"
trap 'rm -rf "$download"' EXIT
fetch() { (cd "$download" && apt-get download -q prometheus >/dev/null 2>&1); }
echo "setup: unpacking the distribution's prometheus into .tools" >&2
chmod 755 "$download"
fetch || { refresh_lists; fetch; } || fail "the package 'prometheus' could not be downloaded; install it and run again"
dpkg-deb -x "$download"/prometheus_*.deb "$download/root"
mkdir -p .tools/bin
install -m 755 "$download/root/usr/bin/prometheus" .tools/bin/prometheus
.tools/bin/prometheus --version >/dev/null 2>&1 || fail "the distribution's prometheus does not run here; install prometheus and run again"

#!/usr/bin/env bash
# Makes sure that a Chromium is there to show pages to: the one that CHROMIUM names, one on PATH, or the distribution's
# package, whose libraries are many, so that it is installed and not unpacked.
set -euo pipefail

fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }

if [ -n "${CHROMIUM:-}" ]; then
  command -v "$CHROMIUM" >/dev/null || fail "CHROMIUM is '$CHROMIUM', which is no program; name one, or unset it"
  exit 0
fi
for program in chromium chromium-browser google-chrome; do
  command -v "$program" >/dev/null && exit 0
done
command -v apt-get >/dev/null || fail "no chromium on PATH and this is no Debian/Ubuntu; install one, or name it in CHROMIUM"

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "no chromium on PATH: run 'apt-get install chromium' as root, or name one in CHROMIUM, and run again"; fi
}
install_package() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium >&2; }
echo "setup: installing the distribution's chromium" >&2
install_package || { as_root apt-get update -q >&2; install_package; } \
  || fail "the package 'chromium' could not be installed; install it, or name a Chromium in CHROMIUM, and run again"
command -v chromium >/dev/null || fail "the package 'chromium' brought no chromium; name one in CHROMIUM, and run again"

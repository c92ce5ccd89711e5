#!/bin/sh
# What `make test` runs: brings Node's validators, Chromium, Java and SpamAssassin where they are missing and it may, then starts pytest.
# Where it may not, a line says what to install, and just those tests are skipped, visibly; with CI=true nothing is.
set -u
cd "$(dirname "$0")/.." || exit 2

if [ ! -d node_modules/mjml ] || [ ! -d node_modules/vnu-jar ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error ||
    echo "note: npm's validators are not there, so the tests that use them are skipped: npm ci --ignore-scripts" >&2
fi

# bring COMMAND NAME "WHAT STAYS AWAY WITHOUT IT" PACKAGE…
bring() {
  command=$1 name=$2 lost=$3
  shift 3
  command -v "$command" >/dev/null 2>&1 && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing $name for $lost (once) …"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"; } >/dev/null
  fi
  command -v "$command" >/dev/null 2>&1 ||
    echo "note: $name is not there, so $lost is skipped: sudo apt install $1" >&2
}
bring chromium Chromium "what needs a browser" chromium fonts-dejavu-core
bring java Java "the HTML checker" default-jre-headless
bring spamassassin SpamAssassin "the test of its scores" spamassassin

# One process more than cores: nearly half of the time tests wait, for servers, browsers and time-outs.
exec python -m pytest -n "${TEST_PROCESSES:-$(($(getconf _NPROCESSORS_ONLN) + 1))}" "$@"

#!/bin/sh
# What `make test` runs: brings Node's validators, Chromium and Java where they are missing and it may, then starts pytest.
# Where it may not, a line says what to install, and just those tests are skipped, visibly; with CI=true nothing is.
set -u
cd "$(dirname "$0")/.." || exit 2

if [ ! -d node_modules/mjml ] || [ ! -d node_modules/vnu-jar ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error ||
    echo "note: npm's validators are not there, so the tests that use them are skipped: npm ci --ignore-scripts" >&2
fi

if ! command -v chromium >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the browser tests (once) …"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
      chromium fonts-dejavu-core; } >/dev/null
  fi
  command -v chromium >/dev/null 2>&1 ||
    echo "note: Chromium is not there, so the browser tests are skipped: sudo apt install chromium" >&2
fi

if ! command -v java >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Java for the HTML checker (once) …"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
      default-jre-headless; } >/dev/null
  fi
  command -v java >/dev/null 2>&1 ||
    echo "note: Java is not there, so the HTML checker is skipped: sudo apt install default-jre-headless" >&2
fi

# One process more than cores: nearly half of the time tests wait, for servers, browsers and time-outs.
exec python -m pytest -n "${TEST_PROCESSES:-$(($(getconf _NPROCESSORS_ONLN) + 1))}" "$@"

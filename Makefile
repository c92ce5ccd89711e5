# Each target sets itself up: a Python 3.11 or later is all that must be there.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test check bench chaos words migration settings lock clean

help: ## Show what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 12

demo: .venv/ready ## Run the whole service with sample data (DEMO_ARGS="--once" exits when the digest is sent)
	@$(BIN)/newsletter demo $(DEMO_ARGS)

test: .venv/ready-for-tests ## Run all tests; installs what they need where it may (TEST_ARGS for pytest)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh tests/run.sh $(TEST_ARGS)

check: .venv/ready-for-tests ## Format, lint, types, import rules, English
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.checks.english

bench: .venv/ready-for-tests ## Measure speed, as ratios in one run
	$(BIN)/python -m tests.bench $(BENCH_ARGS)

chaos: .venv/ready-for-tests ## Kill everything while digests are sent, and count who got them; then the longest tests on both databases
	$(BIN)/python -m tests.chaos $(CHAOS_ARGS)
	@PATH="$(CURDIR)/$(BIN):$$PATH" WHOLE_DAY=both $(BIN)/python -m pytest -q tests/browser/test_whole_day.py \
	  tests/functional/test_corrections_whole_way.py

words: .venv/ready ## Bring the catalogues up to date with the words of pages and mails (docs/develop.md)
	@mkdir -p var
	@$(BIN)/pybabel -q extract -F babel.cfg -k gettext_noop -k counted:1,2 -k linked --add-location file --omit-header -w 120 -o var/messages.pot .
	@$(BIN)/pybabel -q update -i var/messages.pot -d newsletter/locales --no-fuzzy-matching --ignore-obsolete \
	  --ignore-pot-creation-date -w 120

migration: .venv/ready-for-tests ## Write the next migration from the models (m="What it is for")
	@test -n "$$m" || { echo 'Say what it is for: make migration m="…"' >&2; exit 1; }
	@$(BIN)/python -m newsletter.migrations.autogenerate "$$m"
	@$(BIN)/ruff format -q newsletter/migrations/versions

settings: .venv/ready-for-tests ## Write the table of settings into docs/operate.md
	@$(BIN)/python -m tests.checks.settings_table

lock: .venv/ready-for-tests ## Pin the newest allowed versions anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group build --group dev pyproject.toml -o requirements-dev.lock

clean: ## Remove what was built; data in var/ stays
	rm -rf .venv node_modules dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; say which with PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "The venv module is missing: on Debian and Ubuntu, apt install python3-venv" >&2; rm -rf .venv; exit 1; }

.venv/ready: .venv/bin/python requirements.lock pyproject.toml
	@echo "Installing into .venv (once) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/ready-for-tests: .venv/ready requirements-dev.lock
	@echo "Installing what tests need into .venv (once) …"
	@# dkimpy alone comes without a wheel; it is pure Python
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: \
	  --no-binary dkimpy -r requirements-dev.lock
	@touch $@

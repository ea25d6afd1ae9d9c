PYTHON := .venv/bin/python
PIP_INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check

TOOLS := .venv/tools
LOCK := $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock"

.PHONY: serve test lint bench lock sbom audit

serve: .venv/serve.stamp ## the directory at http://127.0.0.1:8000; `make serve PORT=9000` elsewhere
	@exec $(PYTHON) manage.py serve

test: .venv/test.stamp
	@$(PYTHON) -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: .venv/test.stamp
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy .
	$(PYTHON) manage.py makemigrations --check --dry-run

bench: .venv/bench.stamp
	@$(PYTHON) tests/bench/run.py

lock: .venv/tools.stamp ## both locks for what the requirements say; what is locked stays, unless the lock is deleted first
	$(LOCK) requirements.txt --output-file requirements.lock
	$(LOCK) requirements.txt tests/requirements.txt --constraint requirements.lock --output-file tests/requirements.lock

sbom: .venv/test.stamp ## what is installed to serve, as CycloneDX
	@$(PYTHON) -m tests.supply > sbom.cdx.json

# Fails where the advisories cannot be reached, and where anything was skipped: an audit of nothing is no audit.
audit: .venv/tools.stamp ## whether advisories are known for what is locked
	@$(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes --vulnerability-service osv \
		--requirement requirements.lock

# A stamp is newer than its requirements file when that was installed: nothing is installed twice.
.venv/serve.stamp: requirements.lock
	@python3 -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, but python3 is " + sys.version.split()[0] + ".")'
	@echo "Installing requirements.lock into .venv"
	@python3 -m venv .venv
	@$(PIP_INSTALL) --require-hashes --requirement requirements.lock
	@touch $@

.venv/test.stamp: tests/requirements.lock .venv/serve.stamp
	@echo "Installing tests/requirements.lock into .venv"
	@$(PIP_INSTALL) --require-hashes --requirement tests/requirements.lock
	@touch $@

.venv/tools.stamp: Makefile .venv/serve.stamp
	@python3 -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9 pip-audit==2.10.1
	@touch $@

.venv/bench.stamp: tests/bench/requirements.txt .venv/test.stamp
	@echo "Installing tests/bench/requirements.txt into .venv"
	@$(PIP_INSTALL) --requirement requirements.txt --requirement tests/requirements.txt --requirement $<
	@touch $@

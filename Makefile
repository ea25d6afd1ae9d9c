PYTHON := .venv/bin/python
PIP_INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check

.PHONY: serve test lint bench

serve: .venv/serve.stamp ## the directory at http://127.0.0.1:8000; `make serve PORT=9000` elsewhere
	@exec $(PYTHON) manage.py serve

test: .venv/test.stamp
	@$(PYTHON) -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

lint: .venv/test.stamp
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy .
	$(PYTHON) manage.py makemigrations --check --dry-run

bench: .venv/bench.stamp
	@$(PYTHON) tests/bench/run.py

# A stamp is newer than its requirements file when that was installed: nothing is installed twice.
.venv/serve.stamp: requirements.txt
	@python3 -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, but python3 is " + sys.version.split()[0] + ".")'
	@echo "Installing requirements.txt into .venv"
	@python3 -m venv .venv
	@$(PIP_INSTALL) --requirement requirements.txt
	@touch $@

.venv/test.stamp: tests/requirements.txt .venv/serve.stamp
	@echo "Installing tests/requirements.txt into .venv"
	@$(PIP_INSTALL) --requirement requirements.txt --requirement tests/requirements.txt
	@touch $@

.venv/bench.stamp: tests/bench/requirements.txt .venv/test.stamp
	@echo "Installing tests/bench/requirements.txt into .venv"
	@$(PIP_INSTALL) --requirement requirements.txt --requirement tests/requirements.txt --requirement $<
	@touch $@

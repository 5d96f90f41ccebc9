# Everything a person types. A fresh clone needs Python 3.11, pip and make, nothing else.
#
#   make run    set up and run the sandbox pool        make test   set up and run the tests
#   make setup  only set up .venv                      make lint   ruff, mypy, import contracts
#   make coverage  whether the tests have just run enough of the code
#   make bench  measure (a minute)                      make bench-long   the rest of the measurements
#   make bench-arena  a month of trading against the peers' rules, ten times (a quarter of an hour)
#   make matrix  a pool between each two native clients, books compared (a quarter of an hour; VENUES=a,b DURATION=20)
#   make soak   24 hours of the sandbox's time at 60 times the speed, and whether anything grows (HOURS=24 SPEED=60)
#   make chaos  kill the pool 200 times and compare it with the truth (KILLS=20 SEED=7 POSTGRES=own ...)
#   make docs  build the site in docs/ as HTML, into build/docs
#   make lock   refresh the locks (UPGRADE=--upgrade for newer versions)
#   make package  build wheel and sdist into dist/   make audit  look for known vulnerabilities of the dependencies

PYTHON ?= python3
UPGRADE ?=
KILLS ?= 200
SEED ?= random
POSTGRES ?=
HOURS ?= 24
SPEED ?= 60
VENUES ?=
DURATION ?= 60

BIN := .venv/bin
# The pip of the system, working on .venv: Debian's python3 comes without ensurepip, so .venv has none of its own.
INSTALL := $(PYTHON) -m pip --python $(BIN)/python install --disable-pip-version-check --quiet --require-hashes
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --python-version 3.11 \
	--custom-compile-command "make lock" $(UPGRADE)

.PHONY: setup setup-test run test coverage lint format bench bench-long bench-arena soak chaos matrix audit docs lock package clean

setup: .venv/run.stamp

setup-test: .venv/test.stamp

run: .venv/run.stamp
	$(BIN)/python ilp.py --config ilp_example_config/sandbox.ini

# On two cores, a file's tests together. Measured, for `make coverage`; a single test is run faster by $(BIN)/pytest.
test: .venv/test.stamp
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -n 2 --dist loadfile

coverage: .venv/test.stamp
	$(BIN)/python -m tests.gates

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

format: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/test.stamp
	$(BIN)/python -m bench.decision
	$(BIN)/python -m bench.latency --count 15
	$(BIN)/python -m bench.books

bench-long: .venv/test.stamp
	$(BIN)/python -m bench.decision --long
	$(BIN)/python -m bench.latency --viewers 200
	$(BIN)/python -m bench.first_paint

bench-arena: .venv/test.stamp
	$(BIN)/python -m bench.arena

soak: .venv/test.stamp
	$(BIN)/python -m bench.soak --hours $(HOURS) --speed $(SPEED)

chaos: .venv/test.stamp
	$(BIN)/python -m tests.chaos.campaign --kills $(KILLS) --seed $(SEED) $(if $(POSTGRES),--postgres $(POSTGRES))

matrix: .venv/test.stamp
	$(BIN)/python -m tests.matrix.run --seconds $(DURATION) $(if $(VENUES),--venues $(VENUES))

audit: .venv/lock.stamp
	.ci/audit

# -W: a warning is a mistake. The reference is made from the code, so it is read anew each time (-E).
docs: .venv/test.stamp
	$(BIN)/python -m sphinx -q -W -E docs build/docs
	@echo "open build/docs/index.html"

lock: .venv/lock.stamp
	$(COMPILE) requirements/test.in --output-file requirements/test.txt
	$(COMPILE) requirements/run.in --constraint requirements/test.txt --output-file requirements/run.txt

package: .venv/test.stamp
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*

clean:
	rm -rf .venv build dist *.egg-info

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "the pool needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv --without-pip .venv

# A stamp is older than its lock after the lock has changed; then only what changed is installed.
.venv/run.stamp: requirements/run.txt | $(BIN)/python
	$(INSTALL) -r requirements/run.txt
	touch $@

# The test lock holds the run lock.
.venv/test.stamp: requirements/test.txt requirements/run.txt | $(BIN)/python
	$(INSTALL) -r requirements/test.txt
	touch .venv/run.stamp $@

# The one tool that is not locked: it makes the locks.
.venv/lock.stamp: | $(BIN)/python
	$(PYTHON) -m pip --python $(BIN)/python install --disable-pip-version-check --quiet uv
	touch $@

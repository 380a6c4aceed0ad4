# The commands of this project. Each sets up what it needs first; a second run sets up nothing.
.POSIX:
.PHONY: demo test test-faults power-cuts crash-trials fuzz check audit sbom bench commands configuration deb wheel lock test-system test-installed test-arm64 clean

PYTHON = python3
N = 1000
SECONDS = 60
SET_UP_FROM = .ci/setup pyproject.toml setup.py native/*.pyx native/*.pxd
IN_VENV = .venv/bin/python -m

demo: .venv/ready-for-demo
	@$(IN_VENV) gateway demo

test: .venv/ready-for-test
	@$(IN_VENV) pytest -n 2 --dist loadgroup -q -m "not system"

test-faults: .venv/ready-for-test
	@$(IN_VENV) pytest -q tests/end_to_end/test_faults.py

power-cuts: .venv/ready-for-test
	@PYTHONPATH=tests $(IN_VENV) power_cut --trials $(N) $${SEED:+--seed $$SEED}

crash-trials: .venv/ready-for-test
	@PYTHONPATH=tests $(IN_VENV) crash_trials --trials $(N) $${SEED:+--seed $$SEED}

fuzz: .venv/ready-for-fuzz
	@PYTHONPATH=tests $(IN_VENV) fuzz --seconds $(SECONDS)

check: .venv/ready-for-test
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) mypy
	@.ci/audit

audit: .venv/ready-for-test
	@.ci/audit

sbom: .venv/ready-for-demo
	@.ci/sbom

bench: .venv/ready-for-test
	@$(IN_VENV) tests.bench

commands: .venv/ready-for-test
	@PYTHONPATH=tests $(IN_VENV) commands

configuration: .venv/ready-for-test
	@PYTHONPATH=tests $(IN_VENV) configuration

deb:
	@if [ -z "$(RELEASE)$(ARCHITECTURE)" ]; then .ci/setup deb && .ci/deb; \
	else .ci/setup elsewhere && .ci/elsewhere "$(RELEASE)" "$(ARCHITECTURE)" .ci/deb; fi
	@lintian --fail-on error dist/kogge_*.deb

test-system: .venv/ready-for-test
	@.ci/setup system
	@.ci/system-root >/dev/null
	@$(IN_VENV) pytest -q tests/system

test-installed:
	@.ci/setup elsewhere
	@.ci/elsewhere "$(RELEASE)" "" .ci/deb '.ci/installed dist/*.deb'

test-arm64:
	@.ci/setup elsewhere
	@.ci/arm64

wheel: .venv/ready-for-demo
	@.ci/wheel .venv/bin/python dist

lock:
	@.ci/lock

clean:
	rm -rf .venv build dist *.egg-info native/*.c native/*.so

.venv/ready-for-demo: $(SET_UP_FROM)
	@PYTHON="$(PYTHON)" .ci/setup demo
	@touch $@

.venv/ready-for-test: $(SET_UP_FROM)
	@PYTHON="$(PYTHON)" .ci/setup test
	@touch .venv/ready-for-demo $@

.venv/ready-for-fuzz: $(SET_UP_FROM)
	@PYTHON="$(PYTHON)" .ci/setup fuzz
	@touch .venv/ready-for-demo .venv/ready-for-test $@

# Two commands do the work on a fresh machine: `make demo` and `make test`. Each sets up what it needs.
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.tools/bin:$(PATH)

.NOTPARALLEL:
.PHONY: demo test setup tools check unit pages calibration crash e2e bench-idle bench-fleet bench-api lock crds clean

demo: setup tools  ## release a good and a bad version through a real Envoy, judged on a real Prometheus
	headgate lab demo

test: setup tools check unit  ## every check and every fast test

setup:  ## .venv with the headgate command
	@bash setup/python.sh

tools:
	@bash setup/prometheus.sh

check:
	ruff check .
	ruff format --check .
	mypy
	lint-imports

unit:
	pytest -q -m "not e2e and not calibration and not browser" -n 2 --dist loadfile --durations 15

pages: setup tools  ## the pages and the report in a headless Chromium
	@bash setup/chromium.sh
	pytest -q -m browser --durations 5

calibration: setup  ## every promise of the statistics, 4,000 simulated releases each
	pytest -q -m calibration -n 2 --dist load --durations 5

crash: setup  ## every crash point, API faults, late writes of a deposed leader; ends with one line of figures
	@python -m tests.scenarios.crash --every 31

bench-idle: setup  ## what many Deployments at rest cost, and how soon a change is acted on
	python -m benchmarks.idle

bench-fleet: setup tools  ## what many releases in progress cost, beside the way others ask
	python -m benchmarks.fleet

bench-api: setup tools  ## what watchers and requests of the API cost, and what they do to the releases' pace
	python -m benchmarks.api

e2e: setup tools  ## the scenarios of the lab, each end to end
	pytest -q -m e2e -n 2 --dist load

crds: setup  ## write manifests/crds from the models
	headgate crds --output manifests/crds

lock:  ## refresh requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --extra lab --extra dev --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header -q pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .tools

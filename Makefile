# Radflow's development commands; `make` lists them.
# Everything is installed inside the project: uv in .uv, the locked environment in .venv.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What another environment set must not leak into this one.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME UV_PYTHON

ROOT := $(CURDIR)
# 3.10 has TFX 1.16; 3.11 to 3.13 have TFX 1.21, which needs glibc 2.39 (docs/platforms.md).
PYTHON := $(shell cut -d. -f1-2 .python-version)
UV := .uv/bin/uv
LOG := .uv/install.log
READY := .venv/.ready
IN_VENV := PATH="$(ROOT)/.venv/bin:$$PATH"
PYTEST := $(IN_VENV) .venv/bin/python -m pytest
PROTOS := data_schemas/wire/example.proto data_schemas/wire/serving.proto

# $(call step,WORDS,COMMAND): says what is done, keeps the command quiet, and shows its output only when it fails.
define step
@printf '  %s ... ' '$(1)'; mkdir -p .uv; \
  if { $(2); } >'$(LOG)' 2>&1; then echo done; \
  else echo failed; sed 's/^/    /' '$(LOG)' >&2; $(if $(3),echo '$(3)' >&2;) exit 1; fi
endef

.PHONY: help
help: ## list the commands
	@echo 'Radflow, an end-to-end TFX pipeline for computer-assisted diagnosis. Commands:'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

.PHONY: demo
demo: .venv ## make a sample, train, validate, push, serve and predict: about 3 minutes on 2 cores
	@$(IN_VENV) TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore::FutureWarning .venv/bin/radflow demo

# A process a core, as many as memory is free for, 4 GB each; two at least. On two cores three took longer than two.
PROCESSES := $(shell awk -v cores="$$(nproc)" \
  '/^MemAvailable/ { n = int($$2 / 4e6); if (n > cores) n = cores } END { print (n > 2) ? n : 2 }' /proc/meminfo 2>/dev/null || echo 2)
TOGETHER := -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

.PHONY: test
test: .venv ## run the tests: what `.ci/run` runs; about 18 minutes on 2 cores
	@$(PYTEST) -q $(TOGETHER)

.PHONY: test-unit
test-unit: .venv ## run the tests that start no pipeline: under 3 minutes
	@$(PYTEST) -q $(TOGETHER) -m 'not pipeline and not seeds and not fuzz and not backbones and not load and not clusters and not faults and not images'

.PHONY: test-seeds
test-seeds: .venv ## train the demo, on several seeds, and a network on real films: results, gates and heatmaps
	@$(PYTEST) -q -m seeds --timeout 2400

.PHONY: test-fuzz
test-fuzz: .venv ## inspect 20,000 mutated DICOM files in processes of their own
	@$(PYTEST) -q -m fuzz --timeout 2400

.PHONY: test-backbones
test-backbones: .venv ## build, train, serve and explain every backbone
	@$(PYTEST) -q -m backbones --timeout 2400

.PHONY: test-load
test-load: .venv ## minutes of requests to the model server and of uploads to the gateway
	@$(PYTEST) -q -m load --timeout 2400

.PHONY: test-clusters
test-clusters: .venv ## run steps and trainings on clusters emulated on this machine: Kubeflow's, Beam's, TensorFlow's
	@$(PYTEST) -q -m clusters --timeout 2400

.PHONY: test-faults
test-faults: .venv ## kill runs, fill their disk, damage their files; then run again, to the same model
	@$(PYTEST) -q -m faults --timeout 2400

.PHONY: test-images
test-images: .venv ## build the images of deploy/ without Docker and start them; needs root, Buildah and debootstrap
	@$(PYTEST) -q -m images --timeout 2400

.PHONY: test-all
test-all: test test-seeds test-fuzz test-backbones test-load test-clusters test-faults test-images ## run every test; the slow targets take up to 40 minutes each

.PHONY: lint
lint: .venv ## check style, formatting, types and the import rules
	@echo '  ruff check'; .venv/bin/ruff check --quiet .
	@echo '  ruff format'; .venv/bin/ruff format --quiet --diff .
	@echo '  mypy'; .venv/bin/mypy --no-error-summary
	@echo '  import rules'; $(IN_VENV) .venv/bin/lint-imports --no-logo >.uv/imports.log 2>&1 || { cat .uv/imports.log; exit 1; }

.PHONY: format
format: .venv ## format the code and mend what ruff can mend
	@.venv/bin/ruff check --quiet --fix . ; .venv/bin/ruff format --quiet .

.PHONY: notebooks
notebooks: .venv ## open the notebooks in Jupyter, on the demo's latest run or RADFLOW_OUTPUT's
	@$(IN_VENV) RADFLOW_OUTPUT="$${RADFLOW_OUTPUT:-$(ROOT)/radflow-output}" .venv/bin/jupyter lab notebooks

PAGE := serving/gateway/page

.PHONY: page
page: .page ## test and build the reading page, whose bundle is committed; needs Node 18 or newer
	@cd $(PAGE) && npm run --silent build -- --logLevel warn

.PHONY: page-check
page-check: .page ## build the reading page elsewhere, and fail where it differs from the committed one
	@cd $(PAGE) && npm run --silent build -- --logLevel warn --outDir node_modules/.built
	@diff -r $(PAGE)/dist $(PAGE)/node_modules/.built || \
	  { echo 'The committed page is not what its sources give: run  make page  and commit $(PAGE)/dist' >&2; exit 1; }

# Its packages, types and unit tests.
.PHONY: .page
.page:
	@command -v npm >/dev/null || { echo 'npm is missing: run  sudo apt-get install -y nodejs npm' >&2; exit 1; }
	@cd $(PAGE) && npm ci --silent && npm run --silent check && npm run --silent unit

BENCHMARK := $(IN_VENV) TF_CPP_MIN_LOG_LEVEL=3 PYTHONWARNINGS=ignore::FutureWarning .venv/bin/python

.PHONY: bench
bench: .venv ## print the speed ratios, each measured in one run
	@for benchmark in $(wildcard benchmarks/bench_*.py); do $(BENCHMARK) "$$benchmark" || exit 1; done

.PHONY: bench-monai
bench-monai: .venv .bench-monai ## compare the ingest with MONAI's, in an environment of its own (3 GB)
	@$(BENCHMARK) benchmarks/monai_bench.py

.PHONY: bench-monai-training
bench-monai-training: .venv .bench-monai ## compare the training with MONAI's, in the same environment
	@$(BENCHMARK) benchmarks/monai_training_bench.py

.PHONY: .bench-monai
.bench-monai: $(UV)
	$(call step,making the environment of MONAI,test -x .bench-monai/bin/python || $(UV) venv --no-project --python 3.10 .bench-monai)
	$(call step,installing MONAI,$(UV) pip install --python .bench-monai/bin/python -r benchmarks/requirements-monai.txt)

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.10 --generate-hashes

.PHONY: lock
lock: $(UV) ## resolve the dependencies again and write requirements.txt and those of deploy/
	@$(COMPILE) --all-extras pyproject.toml -o requirements.txt
	@$(COMPILE) -c requirements.txt --extra gateway pyproject.toml deploy/gateway-build.in -o deploy/gateway-requirements.txt
	@$(COMPILE) -c requirements.txt deploy/pipeline-build.in -o deploy/pipeline-build-requirements.txt
	@$(COMPILE) -c requirements.txt --extra pipeline --extra server pyproject.toml -o deploy/pipeline-requirements.txt
	@$(COMPILE) -c requirements.txt --extra pipeline --extra server pyproject.toml deploy/pipeline-gpu.in \
	  -o deploy/pipeline-gpu-requirements.txt

.PHONY: protos
protos: $(UV) ## generate the wire messages from data_schemas/wire/*.proto
	@.uv/bin/uvx --quiet --python 3.10 --from grpcio-tools==1.49.1 --with 'setuptools<80' \
	  python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. $(PROTOS)

# `npm sbom` wants npm 10 or newer. Both name packages and licences; of the page what is in its bundle.
.PHONY: sbom
sbom: .venv ## write the bills of materials (CycloneDX): sbom/python.cdx.json and sbom/page.cdx.json
	@mkdir -p sbom
	@.uv/bin/uvx --quiet --python $(PYTHON) --from cyclonedx-bom==7.3.1 cyclonedx-py environment --pyproject pyproject.toml \
	  --output-reproducible -o sbom/python.cdx.json .venv
	@cd $(PAGE) && npm sbom --package-lock-only --sbom-format cyclonedx --omit dev >'$(ROOT)/sbom/page.cdx.json'
	@echo '  sbom/python.cdx.json, sbom/page.cdx.json'

.PHONY: clean
clean: ## remove what was installed, built or cached; the demo's output stays
	@rm -rf .venv .uv build dist sbom *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@rm -rf $(PAGE)/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment with every extra. Its stamp is newer than what it was made from, or it is brought up to date.
.PHONY: .venv
.venv: $(READY) ## build or update the environment (the other commands do it themselves)

$(READY): requirements.txt pyproject.toml setup.py .python-version | $(UV)
	$(call step,finding Python $(PYTHON),$(UV) python find --no-project $(PYTHON) || $(UV) python install $(PYTHON),$(NO_PYTHON))
	$(call step,making the environment,$(IS_MADE) || $(UV) venv --no-project --clear --python $(PYTHON) .venv)
	$(call step,installing the locked packages (a few minutes the first time),$(UV) pip sync --compile-bytecode --python .venv/bin/python requirements.txt)
	$(call step,installing Radflow,$(UV) pip install --python .venv/bin/python --no-deps --no-build-isolation --editable .)
	@touch $@

IS_MADE = .venv/bin/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(PYTHON)")'
NO_PYTHON = No Python $(PYTHON) was found or could be downloaded. Install one: pyenv install $(PYTHON) (https://github.com/pyenv/pyenv), \
  or name another in .python-version (docs/platforms.md)

# Another Python than the environment's may make .uv: only pip is wanted of it. Under pyenv, `python3` can be a shim
# without a version behind it, so the one that works is looked for.
$(UV):
	@command -v git >/dev/null || { echo 'git is missing: run  sudo apt-get install -y git' >&2; exit 1; }
	@for python in python3 /usr/bin/python3 python3.10 python3.11 python3.12 python3.13 ''; do \
	  test -z "$$python" || ! "$$python" -c 'import ensurepip, venv' 2>/dev/null || break; done; \
	test -n "$$python" || { ! python3 -c '' 2>/dev/null || \
	  { echo 'python3-venv is missing: run  sudo apt-get install -y python3-venv' >&2; exit 1; }; \
	  echo 'python3 is missing: run  sudo apt-get install -y python3 python3-venv' >&2; exit 1; }; \
	printf '  fetching uv ... '; mkdir -p .uv; \
	if { "$$python" -m venv .uv && .uv/bin/python -m pip --disable-pip-version-check install uv; } >'$(LOG)' 2>&1; then echo done; \
	else echo failed; sed 's/^/    /' '$(LOG)' >&2; rm -f $@; echo 'uv could not be fetched: check the network or proxy' >&2; exit 1; fi

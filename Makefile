# Thin on purpose: what each target needs is made by bootstrap.py, the rest is one command each.
# Paths are relative and the folder's name is only ever read by the shell, so any name works.

PYTHON ?= python3
PORT ?= 8888
SITE ?=
ARGS ?=
VENV_BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN := $(VENV_BIN)/python
BOOK := chapters/00_start_here.ipynb

# No news and no update check: opening the book sends nothing to anyone.
LAB_FLAGS := --LabApp.default_url=/lab/tree/$(BOOK) --ServerApp.root_dir=. --ServerApp.port=$(PORT) \
	--LabApp.extension_manager=readonly --LabApp.news_url=None \
	--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate

# Side by side, a file at a time: tests/conftest.py says with how many workers. ARGS="-n 0": with none.
# In this order, the chapters first: they take longest, and none is then left for one worker alone.
WORKERS := -n auto --dist loadfile --no-loadscope-reorder
TEST_FLAGS := --nbval --nbval-cell-timeout=600 $(WORKERS)

# Images for containers set it, and then each of some hundred processes would compile torch's source
# anew, which takes longer than all else that its import does.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help lab test check chapters site slides sliders lint clean

help: ## Show this help
	@echo "make TARGET, where TARGET is"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-11s%s\n", $$1, $$2}'
	@echo "Another Python: make lab PYTHON=python3.12. Another port: make lab PORT=8899."
	@echo "Another build of torch: make lab UV_TORCH_BACKEND=cpu, or auto, or cu130 and the like"
	@echo "The site's address, if it has one: make site SITE=https://example.org/book/"
	@echo "More options for JupyterLab or pytest: make lab ARGS=--no-browser"

lab: ## Open the book in JupyterLab
	@$(PYTHON) bootstrap.py lab
	@if [ "$$(id -u)" = 0 ]; then root=--allow-root; fi; \
	exec "$(RUN)" -m mobilenet_lib.lab $(LAB_FLAGS) $$root $(ARGS)

# What the explorers are built and tested with. Without npm, tests that need it are skipped.
web/node_modules/.package-lock.json: web/package-lock.json
	@if command -v npm >/dev/null; then cd web && npm ci --no-audit --no-fund --loglevel=error; \
	else echo "npm is not there, so the explorers' bundles are not built anew and compared"; fi

test: web/node_modules/.package-lock.json ## Run every test: library, chapters, browser
	@$(PYTHON) bootstrap.py test
	@PYTHONPATH="$$PWD/tests/offline" "$(RUN)" -m pytest chapters tests $(TEST_FLAGS) $(ARGS)

check: lint ## Style, types, and all tests that are quick: no chapters, no browser
	@PYTHONPATH="$$PWD/tests/offline" "$(RUN)" -m pytest tests $(WORKERS) \
		-m "not slow and not browser" $(ARGS)

chapters: ## Execute the chapters anew from chapters/text
	@$(PYTHON) bootstrap.py test
	@"$(RUN)" chapters/build.py $(ARGS)

slides: web/node_modules/.package-lock.json ## Make lecture decks with handouts, in build/slides
	@$(PYTHON) bootstrap.py test
	@"$(RUN)" web/slides/build.py $(ARGS)

site: web/node_modules/.package-lock.json ## Build the book as a web site in build/site, from what was executed
	@$(PYTHON) bootstrap.py test
	@"$(RUN)" web/site/build.py $(if $(SITE),--site "$(SITE)") $(ARGS)

sliders: ## Measure how fast explorers answer on this machine
	@$(PYTHON) bootstrap.py test
	@for script in tests/benchmarks/*.py; do "$(RUN)" "$$script" $(ARGS) || exit 1; done

lint: ## Check style, formatting and types
	@$(PYTHON) bootstrap.py test
	@"$(RUN)" -m ruff check . && "$(RUN)" -m ruff format --check . && "$(RUN)" -m mypy

clean: ## Remove .venv and everything else that can be made again
	@rm -rf .venv build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find . -name .git -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -print0 | xargs -0 rm -rf

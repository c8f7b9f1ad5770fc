# make book   the HTML book, in _build/html
# make test   everything: style, units, notebooks, book, pages
# Both set up .venv with the pinned dependencies first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SITE := _build/html/index.html

# Two thread pools in one process spin against each other.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

# SymPy breaks long lines at the terminal's width.
export COLUMNS := 80

.NOTPARALLEL:
.PHONY: book test lint format unit notebooks html pages refresh bench chromium clean

book: html
	@echo "make book: done. Open $(CURDIR)/$(SITE)"

test: lint unit notebooks pages
	@echo "make test: everything passed. The book is $(CURDIR)/$(SITE)"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	  "make: Python 3.11 or newer is needed, this is " + sys.version.split()[0] + \
	  "; name another one: make PYTHON=python3.12")'
	@echo "Setting up $(VENV): about two minutes and 1.3 GB, once."
	@$(PYTHON) -m venv $(VENV)
	@PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	  $(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[test]'
	@touch $@

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/ruff format --check --line-length 80 book/*.ipynb
	$(BIN)/codespell
	$(BIN)/pyright

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/ruff format --line-length 80 book/*.ipynb

unit: $(READY) chromium
	$(BIN)/pytest -n2 -m "not pages" --doctest-modules --doctest-glob=README.md \
	  --cov=cnnref --cov-branch --cov-report=term-missing:skip-covered \
	  --cov-fail-under=100 tests cnnref README.md

notebooks: $(READY)
	$(BIN)/pytest -n2 --dist loadscope -p no:randomly \
	  --nbval --nbval-current-env --nbval-cell-timeout=120 book

html: $(READY)
	@rm -rf _build/html _build/.doctrees
	$(BIN)/jupyter-book build -q -W -n --keep-going .

pages: html chromium
	$(BIN)/pytest -n2 -m pages tests

refresh: $(READY)
	$(BIN)/python book/refresh.py

bench: $(READY)
	$(BIN)/python bench/ratios.py

# The browser tests need Chromium; without it they fail and say so.
chromium:
	@for name in "$$CHROMIUM" chromium chromium-browser google-chrome \
	  google-chrome-stable; do \
	  command -v "$$name" >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else echo "Chromium is missing: install it, or the browser tests will fail."; fi

clean:
	rm -rf _build .pytest_cache .ruff_cache .hypothesis
	@echo "The environment stays; to remove it too: rm -rf $(VENV)"

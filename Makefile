# One line a target; without make: python -m workshop VERB
PYTHON ?= python3

run test lab slides bench store reference agenda preflight wheel setup clean reset:
	@$(PYTHON) -m workshop $@

.PHONY: run test lab slides bench store reference agenda preflight wheel setup clean reset

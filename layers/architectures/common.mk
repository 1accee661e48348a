# What both architectures share. Each has a Makefile of its own, because the path of a Makefile is the
# only thing that `sam build` tells make about the template's parameters. So the architecture is said
# once, and libraries for another one cannot be built.
#
# `make` runs in a copy of the folder that it builds (`functions` or `layers/core`).

LAYERS := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))..)
MACHINE := $(if $(filter arm64,$(BUILT_FOR)),aarch64,x86_64)

# Earlier versions took the architecture from this variable.
ifneq ($(filter-out $(BUILT_FOR),$(ARCHITECTURE)),)
$(error ARCHITECTURE is $(ARCHITECTURE), but the template's Architecture is $(BUILT_FOR). Build with \
	`sam build --parameter-overrides Architecture=$(ARCHITECTURE)` and deploy with the same parameter, or \
	leave the variable out. `make deploy PARAMETERS=Architecture=$(ARCHITECTURE)` does both)
endif

include $(LAYERS)/core/Makefile $(LAYERS)/../functions/Makefile

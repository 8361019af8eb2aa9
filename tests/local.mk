AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; export top_srcdir top_builddir;

include tests/unit/local.mk
include tests/mutants/local.mk
include tests/modules/local.mk
include tests/abi/local.mk
include tests/conformance/local.mk
include tests/e2e/local.mk
include tests/bench/local.mk
include tests/fuzz/local.mk
include tests/torture/local.mk
include tests/services/local.mk
include tests/integration/local.mk

# What a script can check of the style.
dist_check_SCRIPTS += tests/style
TESTS += tests/style
EXTRA_DIST += tests/run tests/hardening tests/fuzz-one tests/support/packages.sh

# The documentation tells the truth.
dist_check_SCRIPTS += tests/docs
TESTS += tests/docs

# For .ci/run, which runs parts of the tests under sanitizers.
print-tests:
	@echo $(TESTS)
.PHONY: print-tests

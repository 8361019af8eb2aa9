AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; export top_srcdir top_builddir;

include tests/unit/local.mk
include tests/modules/local.mk
include tests/abi/local.mk
include tests/conformance/local.mk
include tests/e2e/local.mk
include tests/bench/local.mk
include tests/fuzz/local.mk

# Everything that can fail fails once, at a place sampled over the whole run (SLUICE_TORTURE=full: at every one).
check_LTLIBRARIES += tests/torture/fault-alloc.la
tests_torture_fault_alloc_la_SOURCES = %D%/fault_alloc.c
tests_torture_fault_alloc_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath $(abs_top_builddir)/tests/torture
tests_torture_fault_alloc_la_LIBADD = -ldl

TORTURE_TESTS = tests/torture/alloc tests/torture/syscalls tests/torture/files
dist_check_SCRIPTS += $(TORTURE_TESTS)
EXTRA_DIST += tests/torture/world.py tests/torture/torture.yaml
TESTS += $(TORTURE_TESTS)

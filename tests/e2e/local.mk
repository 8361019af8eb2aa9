# The program as a whole, over real files; each script says in its first lines what it proves.
E2E_TESTS = tests/e2e/audit.sh tests/e2e/backfill.sh tests/e2e/backfill-jobs.sh tests/e2e/bad-input.sh tests/e2e/check.sh tests/e2e/config.sh tests/e2e/demo.sh tests/e2e/flag.sh tests/e2e/jobs.sh \
	tests/e2e/isolation.sh tests/e2e/kill.sh tests/e2e/memory.sh tests/e2e/metrics.sh tests/e2e/real.sh tests/e2e/repair.sh \
	tests/e2e/state.sh tests/e2e/stop.sh tests/e2e/unified-worker.sh tests/e2e/user-load.sh
dist_check_SCRIPTS += $(E2E_TESTS)
EXTRA_DIST += tests/e2e/lib.sh
EXTRA_DIST += tests/e2e/user-load-lib.sh tests/e2e/user-load.yaml tests/e2e/user-load-data
EXTRA_DIST += tests/e2e/real.yaml tests/e2e/oracle tests/e2e/oracle.sql
TESTS += $(E2E_TESTS)

# A job as its sender leaves it.
check_PROGRAMS += tests/support/job_fill
tests_support_job_fill_SOURCES = tests/support/job_fill.c
tests_support_job_fill_CPPFLAGS = $(libsluicecore_la_CPPFLAGS)
tests_support_job_fill_LDADD = $(CORE_LDADD)

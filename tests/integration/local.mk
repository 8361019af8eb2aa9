# Tests that need the real servers of tests/services: `make check-integration`.  They are not in
# TESTS, because `make check` works without Java and without a network.
#
# A test names the servers it needs in a line `# services: kafka neo4j`.
INTEGRATION_TESTS = \
	tests/integration/applied.sh \
	tests/integration/backfill.sh \
	tests/integration/budget.sh \
	tests/integration/backfill-sources.sh \
	tests/integration/chaos.sh \
	tests/integration/check-online.sh \
	tests/integration/expect.sh \
	tests/integration/flipper.sh \
	tests/integration/kafka.sh \
	tests/integration/kafka-group.sh \
	tests/integration/kafka-iam.sh \
	tests/integration/kafka-login.sh \
	tests/integration/kafka-memory.sh \
	tests/integration/kafka-mtls.sh \
	tests/integration/live.sh \
	tests/integration/live-exact.sh \
	tests/integration/histories.sh \
	tests/integration/jobs.sh \
	tests/integration/lookups.sh \
	tests/integration/neo4j-cypher.sh \
	tests/integration/neo4j-exact.sh \
	tests/integration/neo4j-faults.sh \
	tests/integration/once.sh \
	tests/integration/neo4j-login.sh \
	tests/integration/neo4j-repair.sh \
	tests/integration/neo4j-users.sh \
	tests/integration/retailer.sh \
	tests/integration/s3.sh \
	tests/integration/services.sh \
	tests/integration/sqs.sh \
	tests/integration/user-load.sh \
	tests/integration/valkey-enrollment.sh
EXTRA_DIST += $(INTEGRATION_TESTS) \
	tests/integration/neo4j_lib.sh \
	tests/integration/applied.yaml \
	tests/integration/chaos.yaml \
	tests/integration/exact-kafka.yaml \
	tests/integration/exact-neo4j.yaml \
	tests/integration/exact-real.yaml \
	tests/integration/lib.sh \
	tests/integration/user-load.yaml \
	tests/integration/user-load-keys.yaml \
	tests/integration/run

check-integration: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS=
	top_srcdir='$(abs_top_srcdir)' $(top_srcdir)/tests/integration/run '$(abs_top_builddir)' $(INTEGRATION_TESTS)
print-integration-tests:
	@echo $(INTEGRATION_TESTS)
.PHONY: check-integration print-integration-tests

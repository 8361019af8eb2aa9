# The benchmark and its reference programs; run by hand: tests/bench/run BUILD.
EXTRA_DIST += tests/bench/gate_reference.cc tests/bench/sqlite_loader.cc tests/bench/count_malloc.c tests/bench/gate_decisions.c \
	tests/bench/generate tests/bench/kafka tests/bench/kafka_reference.cc tests/bench/lookups \
	tests/bench/neo4j tests/bench/neo4j_loader.c tests/bench/run \
	tests/bench/user_load tests/bench/user_load_data

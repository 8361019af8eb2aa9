# The reference programs of the benchmark; built by tests/bench/run only.
EXTRA_DIST += tests/bench/gate_reference.cc

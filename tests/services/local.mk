# Real servers on free ports, for tests/integration and for trying things by hand.
EXTRA_DIST += tests/services/up tests/services/down tests/services/restart tests/services/lib.sh
EXTRA_DIST += tests/services/kafka.sh tests/services/neo4j.sh tests/services/valkey.sh
EXTRA_DIST += tests/services/kafka.pom.xml tests/services/neo4j.pom.xml

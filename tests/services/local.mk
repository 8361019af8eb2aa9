# Real servers on free ports, for tests/integration and for trying things by hand.
EXTRA_DIST += tests/services/up tests/services/down tests/services/restart tests/services/lib.sh tests/services/fill.sh tests/services/live.sh
EXTRA_DIST += tests/services/kafka.sh tests/services/neo4j.sh tests/services/valkey.sh tests/services/retailer.sh tests/services/moto.sh
EXTRA_DIST += tests/services/IamLogin.java tests/services/kafka.pom.xml tests/services/neo4j.pom.xml

check_PROGRAMS += tests/services/kafka_admin
tests_services_kafka_admin_SOURCES = tests/services/kafka_admin.c
tests_services_kafka_admin_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS) $(RDKAFKA_CFLAGS)
tests_services_kafka_admin_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
tests_services_kafka_admin_LDADD = $(RDKAFKA_LIBS)

check_PROGRAMS += tests/services/retailer
tests_services_retailer_SOURCES = tests/services/retailer.c tests/services/retailer.h tests/services/retailer_answer.c \
	tests/services/retailer_data.c tests/services/retailer_fault.c
tests_services_retailer_CPPFLAGS = $(libsluicecore_la_CPPFLAGS) -I$(top_srcdir)/plugins/common
tests_services_retailer_LDADD = libsluicecsv.la $(CORE_LDADD)

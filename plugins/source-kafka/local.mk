plugin_LTLIBRARIES += %D%/source-kafka.la
plugins_source_kafka_source_kafka_la_SOURCES = \
	%D%/source-kafka.c %D%/kafka_source.h %D%/kafka_client.c %D%/kafka_commit.c %D%/kafka_conf.c \
	%D%/kafka_group.c %D%/kafka_identity.c %D%/kafka_kick.c %D%/kafka_lag.c %D%/kafka_login.c %D%/kafka_poll.c %D%/kafka_property.c %D%/kafka_reader.c %D%/kafka_stats.c %D%/kafka_words.c
plugins_source_kafka_source_kafka_la_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS) $(CRYPTO_CFLAGS)
plugins_source_kafka_source_kafka_la_LDFLAGS = $(PLUGIN_LINK)
plugins_source_kafka_source_kafka_la_LIBADD = libsluiceaws.la $(JANSSON_LIBS) $(CRYPTO_LIBS) $(RDKAFKA_LIBS) -lpthread
EXTRA_DIST += %D%/README.md

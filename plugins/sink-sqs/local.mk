plugin_LTLIBRARIES += %D%/sink-sqs.la
plugins_sink_sqs_sink_sqs_la_SOURCES = %D%/sink-sqs.c %D%/sink_sqs.h %D%/sqs_entry.c %D%/sqs_write.c
plugins_sink_sqs_sink_sqs_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
plugins_sink_sqs_sink_sqs_la_LDFLAGS = $(PLUGIN_LINK)
plugins_sink_sqs_sink_sqs_la_LIBADD = libsluiceaws.la $(JANSSON_LIBS) $(CRYPTO_LIBS)
EXTRA_DIST += %D%/README.md

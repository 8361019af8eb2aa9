plugin_LTLIBRARIES += %D%/source-sqs.la
plugins_source_sqs_source_sqs_la_SOURCES = %D%/source-sqs.c %D%/source_sqs.h %D%/held.c %D%/sqs_keep.c \
	%D%/sqs_message.c %D%/sqs_poll.c %D%/sqs_receive.c %D%/sqs_settle.c
plugins_source_sqs_source_sqs_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
plugins_source_sqs_source_sqs_la_LDFLAGS = $(PLUGIN_LINK)
plugins_source_sqs_source_sqs_la_LIBADD = libsluiceaws.la $(JANSSON_LIBS) $(CRYPTO_LIBS) -lpthread
EXTRA_DIST += %D%/README.md

plugin_LTLIBRARIES += %D%/sink-null.la
plugins_sink_null_sink_null_la_SOURCES = %D%/sink-null.c
plugins_sink_null_sink_null_la_LDFLAGS = $(PLUGIN_LINK)
EXTRA_DIST += %D%/README.md

plugin_LTLIBRARIES += %D%/sink-file.la
plugins_sink_file_sink_file_la_SOURCES = %D%/sink-file.c %D%/file_write.c %D%/sink_file.h
plugins_sink_file_sink_file_la_LDFLAGS = $(PLUGIN_LINK)
EXTRA_DIST += %D%/README.md

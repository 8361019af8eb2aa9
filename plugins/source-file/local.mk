plugin_LTLIBRARIES += %D%/source-file.la
plugins_source_file_source_file_la_SOURCES = \
	%D%/source-file.c %D%/file_source.h %D%/file_open.c %D%/file_state.c %D%/file_poll.c %D%/file_fill.c \
	%D%/file_fetch.c %D%/file_reader.c %D%/file_reader.h %D%/framing.c %D%/framing.h
plugins_source_file_source_file_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS)
plugins_source_file_source_file_la_LDFLAGS = $(PLUGIN_LINK)
plugins_source_file_source_file_la_LIBADD = libsluicecsv.la libsluiceutil.la $(ZLIB_LIBS)
EXTRA_DIST += %D%/README.md

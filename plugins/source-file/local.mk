plugin_LTLIBRARIES += %D%/source-file.la
plugins_source_file_source_file_la_SOURCES = \
	%D%/source-file.c %D%/file_source.h %D%/file_open.c %D%/file_state.c %D%/file_end.c
plugins_source_file_source_file_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS) $(CRYPTO_CFLAGS)
plugins_source_file_source_file_la_LDFLAGS = $(PLUGIN_LINK)
plugins_source_file_source_file_la_LIBADD = libsluicestream.la libsluicecommon.la libsluiceutil.la $(CRYPTO_LIBS) -lm
EXTRA_DIST += %D%/README.md

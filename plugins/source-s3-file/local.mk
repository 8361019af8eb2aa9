plugin_LTLIBRARIES += %D%/source-s3-file.la
plugins_source_s3_file_source_s3_file_la_SOURCES = \
	%D%/source-s3-file.c %D%/s3_source.h %D%/s3_lines.c %D%/s3_open.c %D%/s3_range.c
plugins_source_s3_file_source_s3_file_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS) $(CRYPTO_CFLAGS)
plugins_source_s3_file_source_s3_file_la_LDFLAGS = $(PLUGIN_LINK)
plugins_source_s3_file_source_s3_file_la_LIBADD = libsluicestream.la libsluiceaws.la $(JANSSON_LIBS) $(CRYPTO_LIBS) -lm -lpthread
EXTRA_DIST += %D%/README.md

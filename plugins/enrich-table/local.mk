plugin_LTLIBRARIES += %D%/enrich-table.la
plugins_enrich_table_enrich_table_la_SOURCES = \
	%D%/enrich-table.c %D%/table.h %D%/table_index.c %D%/table_input.c %D%/table_csv.c %D%/table_json.c
plugins_enrich_table_enrich_table_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS)
plugins_enrich_table_enrich_table_la_LDFLAGS = $(PLUGIN_LINK)
plugins_enrich_table_enrich_table_la_LIBADD = libsluicecommon.la libsluiceutil.la $(JANSSON_LIBS) $(ZLIB_LIBS) -lpthread
EXTRA_DIST += %D%/README.md

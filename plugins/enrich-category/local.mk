plugin_LTLIBRARIES += %D%/enrich-category.la
plugins_enrich_category_enrich_category_la_SOURCES = %D%/enrich-category.c
plugins_enrich_category_enrich_category_la_LDFLAGS = $(PLUGIN_LINK)
plugins_enrich_category_enrich_category_la_LIBADD = libsluicelookup.la libsluicecommon.la libsluiceutil.la $(JANSSON_LIBS) -lpthread
EXTRA_DIST += %D%/README.md

plugin_LTLIBRARIES += %D%/enrich-fps.la
plugins_enrich_fps_enrich_fps_la_SOURCES = %D%/enrich-fps.c
plugins_enrich_fps_enrich_fps_la_LDFLAGS = $(PLUGIN_LINK)
plugins_enrich_fps_enrich_fps_la_LIBADD = libsluicelookup.la libsluicecommon.la libsluiceutil.la $(JANSSON_LIBS) -lpthread
EXTRA_DIST += %D%/README.md

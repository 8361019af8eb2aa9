plugin_LTLIBRARIES += %D%/enrich-user-load.la
plugins_enrich_user_load_enrich_user_load_la_SOURCES = %D%/enrich-user-load.c %D%/user_seen.c %D%/user_seen.h
plugins_enrich_user_load_enrich_user_load_la_LDFLAGS = $(PLUGIN_LINK)
plugins_enrich_user_load_enrich_user_load_la_LIBADD = libsluiceuuid.la libsluicecommon.la libsluiceutil.la $(CRYPTO_LIBS)
EXTRA_DIST += %D%/README.md

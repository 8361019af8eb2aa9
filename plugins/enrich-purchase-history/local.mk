plugin_LTLIBRARIES += %D%/enrich-purchase-history.la
plugins_enrich_purchase_history_enrich_purchase_history_la_SOURCES = %D%/enrich-purchase-history.c
plugins_enrich_purchase_history_enrich_purchase_history_la_CPPFLAGS = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS)
plugins_enrich_purchase_history_enrich_purchase_history_la_LDFLAGS = $(PLUGIN_LINK)
plugins_enrich_purchase_history_enrich_purchase_history_la_LIBADD = libsluicehistory.la libsluicevalkey.la libsluicelookup.la libsluicecommon.la libsluiceutil.la \
	$(JANSSON_LIBS) -lm -lpthread
EXTRA_DIST += %D%/README.md

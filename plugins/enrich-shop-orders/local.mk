plugin_LTLIBRARIES += %D%/enrich-shop-orders.la
plugins_enrich_shop_orders_enrich_shop_orders_la_SOURCES = %D%/enrich-shop-orders.c
plugins_enrich_shop_orders_enrich_shop_orders_la_CPPFLAGS = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS)
plugins_enrich_shop_orders_enrich_shop_orders_la_LDFLAGS = $(PLUGIN_LINK)
plugins_enrich_shop_orders_enrich_shop_orders_la_LIBADD = libsluicehistory.la libsluicevalkey.la libsluicelookup.la libsluicecommon.la libsluiceutil.la \
	$(JANSSON_LIBS) -lm -lpthread
EXTRA_DIST += %D%/README.md

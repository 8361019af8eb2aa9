plugin_LTLIBRARIES += %D%/enrich-purchase.la
plugins_enrich_purchase_enrich_purchase_la_SOURCES = \
	%D%/enrich-purchase.c %D%/enrich_purchase.h \
	%D%/purchase_value.c %D%/purchase_build.c %D%/purchase_message.c %D%/purchase_row.c
plugins_enrich_purchase_enrich_purchase_la_LDFLAGS = $(PLUGIN_LINK)
plugins_enrich_purchase_enrich_purchase_la_LIBADD = libsluicecommon.la -lm
EXTRA_DIST += %D%/README.md

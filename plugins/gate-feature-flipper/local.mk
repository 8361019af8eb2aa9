plugin_LTLIBRARIES += %D%/gate-feature-flipper.la
plugins_gate_feature_flipper_gate_feature_flipper_la_SOURCES = \
	%D%/gate-feature-flipper.c %D%/flipper.h %D%/flip_decide.c %D%/flip_make.c %D%/flip_refresh.c %D%/flip_thread.c %D%/flip_users.c %D%/flip_view.c \
	%D%/flag.c %D%/flag.h %D%/place.c %D%/place.h %D%/place_store.c
plugins_gate_feature_flipper_gate_feature_flipper_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
plugins_gate_feature_flipper_gate_feature_flipper_la_LDFLAGS = $(PLUGIN_LINK)
plugins_gate_feature_flipper_gate_feature_flipper_la_LIBADD = libsluiceaws.la $(JANSSON_LIBS) $(CRYPTO_LIBS) -lm -lpthread
EXTRA_DIST += %D%/README.md

plugin_LTLIBRARIES += %D%/gate-once.la
plugins_gate_once_gate_once_la_SOURCES = %D%/gate-once.c %D%/once.h %D%/once_store.c
plugins_gate_once_gate_once_la_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
plugins_gate_once_gate_once_la_LDFLAGS = $(PLUGIN_LINK)
plugins_gate_once_gate_once_la_LIBADD = libsluicecommon.la $(SQLITE_LIBS) -lpthread
EXTRA_DIST += %D%/README.md

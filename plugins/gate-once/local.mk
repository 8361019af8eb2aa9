plugin_LTLIBRARIES += %D%/gate-once.la
plugins_gate_once_gate_once_la_SOURCES = %D%/gate-once.c %D%/once.h %D%/once_db.c %D%/once_db.h \
	%D%/once_decide.c %D%/once_held.c %D%/once_held.h %D%/once_script.c %D%/once_script.h \
	%D%/once_sqlite.c %D%/once_valkey.c
plugins_gate_once_gate_once_la_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS) $(HIREDIS_CFLAGS)
plugins_gate_once_gate_once_la_LDFLAGS = $(PLUGIN_LINK)
plugins_gate_once_gate_once_la_LIBADD = libsluicevalkey.la libsluicecommon.la libsluiceutil.la $(SQLITE_LIBS) -lpthread
EXTRA_DIST += %D%/README.md

plugin_LTLIBRARIES += %D%/sink-sqlite.la
plugins_sink_sqlite_sink_sqlite_la_SOURCES = \
	%D%/sink-sqlite.c %D%/graph_sink.h \
	%D%/db.c %D%/db.h %D%/schema.h \
	%D%/write_nodes.c %D%/write_edges.c %D%/walk.c %D%/repair.c
plugins_sink_sqlite_sink_sqlite_la_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
plugins_sink_sqlite_sink_sqlite_la_LDFLAGS = $(PLUGIN_LINK)
plugins_sink_sqlite_sink_sqlite_la_LIBADD = libsluicegraph.la libsluicecommon.la libsluiceutil.la $(SQLITE_LIBS)
EXTRA_DIST += %D%/README.md

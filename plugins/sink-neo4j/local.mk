plugin_LTLIBRARIES += %D%/sink-neo4j.la
plugins_sink_neo4j_sink_neo4j_la_SOURCES = \
	%D%/sink-neo4j.c %D%/neo4j_sink.h \
	%D%/schema.c %D%/cypher.c %D%/identity.c \
	%D%/batch.c %D%/batch.h %D%/catalogue.c %D%/catalogue_write.c %D%/join.c \
	%D%/write.c %D%/write_read.c %D%/write_edges.c \
	%D%/walk.c %D%/walk_users.c %D%/walk.h \
	%D%/repair.c %D%/repair_compare.c %D%/repair.h
plugins_sink_neo4j_sink_neo4j_la_LDFLAGS = $(PLUGIN_LINK)
plugins_sink_neo4j_sink_neo4j_la_LIBADD = libsluiceneo4j.la libsluicegraph.la libsluicecommon.la libsluiceutil.la
EXTRA_DIST += %D%/README.md

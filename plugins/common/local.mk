# What several plugins use; linked into each of them.
noinst_LTLIBRARIES += libsluicecommon.la
libsluicecommon_la_SOURCES = \
	plugins/common/fido.c plugins/common/fido.h \
	plugins/common/hash.c plugins/common/hash.h \
	plugins/common/kept.c plugins/common/kept.h \
	plugins/common/published.c plugins/common/published.h \
	plugins/common/purchase.h \
	plugins/common/timestamp.c plugins/common/timestamp.h

# What every purchase-graph sink shares.
noinst_LTLIBRARIES += libsluicegraph.la
libsluicegraph_la_SOURCES = \
	plugins/common/graph.c plugins/common/graph.h \
	plugins/common/graph_alias.c plugins/common/graph_alias.h \
	plugins/common/graph_read.c
libsluicegraph_la_LIBADD = -lm

# CSV rows and fields.
noinst_LTLIBRARIES += libsluicecsv.la
libsluicecsv_la_SOURCES = plugins/common/csv.c plugins/common/csv.h

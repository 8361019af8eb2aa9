# What several plugins use; linked into each of them.
noinst_LTLIBRARIES += libsluicecommon.la
libsluicecommon_la_SOURCES = \
	plugins/common/fido.c plugins/common/fido.h \
	plugins/common/hash.c plugins/common/hash.h \
	plugins/common/idset.c plugins/common/idset.h \
	plugins/common/id_text.c plugins/common/id_text.h \
	plugins/common/key_path.c plugins/common/key_path.h \
	plugins/common/kept.c plugins/common/kept.h \
	plugins/common/key_template.c plugins/common/key_template.h \
	plugins/common/published.c plugins/common/published.h \
	plugins/common/purchase.h \
	plugins/common/timestamp.c plugins/common/timestamp.h

# What every purchase-graph sink shares.
noinst_LTLIBRARIES += libsluicegraph.la
libsluicegraph_la_SOURCES = \
	plugins/common/graph.c plugins/common/graph.h \
	plugins/common/graph_alias.c plugins/common/graph_alias.h \
	plugins/common/graph_read.c \
	plugins/common/node_cache.c plugins/common/node_cache.h
libsluicegraph_la_LIBADD = -lm

# CSV rows and fields.
noinst_LTLIBRARIES += libsluicecsv.la
libsluicecsv_la_SOURCES = plugins/common/csv.c plugins/common/csv.h

# Records of a stream of bytes: what sources of files and objects share; who uses it links libsluicecommon.la
# and libsluiceutil.la too.
noinst_LTLIBRARIES += libsluicestream.la
libsluicestream_la_SOURCES = \
	plugins/common/byte_reader.c plugins/common/byte_reader.h \
	plugins/common/framing.c plugins/common/framing.h \
	plugins/common/record_stream.c plugins/common/record_stream.h plugins/common/record_stream_begin.c \
	plugins/common/record_stream_fetch.c plugins/common/record_stream_fill.c
libsluicestream_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS)
libsluicestream_la_LIBADD = libsluicecsv.la $(ZLIB_LIBS)

# AWS: signatures, credentials, errors in words, S3.
noinst_LTLIBRARIES += libsluiceaws.la
libsluiceaws_la_SOURCES = \
	plugins/common/aws_chain.c plugins/common/aws_chain.h plugins/common/aws_chain_private.h \
	plugins/common/aws_error.c plugins/common/aws_error.h \
	plugins/common/aws_identity.c plugins/common/aws_identity.h \
	plugins/common/aws_msk.c plugins/common/aws_msk.h \
	plugins/common/aws_profile.c plugins/common/aws_profile.h \
	plugins/common/aws_remote.c \
	plugins/common/aws_s3.c plugins/common/aws_s3.h plugins/common/aws_s3_range.c \
	plugins/common/aws_sigv4.c plugins/common/aws_sigv4.h plugins/common/aws_text.c \
	plugins/common/aws_sqs.c plugins/common/aws_sqs.h plugins/common/aws_sqs_answer.c \
	plugins/common/aws_sqs_ask.c plugins/common/aws_sqs_depth.c plugins/common/aws_sqs_identity.c \
	plugins/common/file_text.c plugins/common/file_text.h
libsluiceaws_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
libsluiceaws_la_LIBADD = libsluicecommon.la libsluiceutil.la $(JANSSON_LIBS) $(CRYPTO_LIBS) -lpthread

# A connection to Valkey; who uses it links libsluiceutil.la too.
noinst_LTLIBRARIES += libsluicevalkey.la
libsluicevalkey_la_SOURCES = \
	plugins/common/valkey.c plugins/common/valkey.h plugins/common/valkey_private.h \
	plugins/common/valkey_link.c plugins/common/valkey_link.h \
	plugins/common/valkey_resolve.c \
	plugins/common/valkey_settings.c \
	plugins/common/valkey_socket.c \
	plugins/common/valkey_words.c
libsluicevalkey_la_CPPFLAGS = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS)
libsluicevalkey_la_LIBADD = $(HIREDIS_LIBS) -lpthread

# Enrichers that ask a service about ids.
noinst_LTLIBRARIES += libsluicelookup.la
libsluicelookup_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
libsluicelookup_la_SOURCES = \
	plugins/common/lookup.c plugins/common/lookup.h plugins/common/lookup_ask.c \
	plugins/common/lookup_answer.c plugins/common/lookup_answer.h \
	plugins/common/lookup_cache.c plugins/common/lookup_cache.h \
	plugins/common/lookup_enrich.c plugins/common/lookup_enrich.h plugins/common/lookup_records.c

# Neo4j over HTTP.
noinst_LTLIBRARIES += libsluiceneo4j.la
libsluiceneo4j_la_SOURCES = \
	plugins/common/neo4j.c plugins/common/neo4j.h \
	plugins/common/neo4j_answer.c plugins/common/neo4j_answer.h \
	plugins/common/neo4j_answer_private.h plugins/common/neo4j_rows.c \
	plugins/common/neo4j_call.c plugins/common/neo4j_error.c plugins/common/neo4j_tx.c

# Enrichers that load what a service knows of a user; entries are read as enrich/purchase does.
noinst_LTLIBRARIES += libsluicehistory.la
libsluicehistory_la_CPPFLAGS = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS)
libsluicehistory_la_SOURCES = plugins/common/budget.c plugins/common/budget.h plugins/common/budget_core.c \
	plugins/common/history.c plugins/common/history.h plugins/common/history_load.c \
	plugins/enrich-purchase/enrich_purchase.h plugins/enrich-purchase/purchase_build.c \
	plugins/enrich-purchase/purchase_message.c plugins/enrich-purchase/purchase_value.c

# UUIDs made from names.
noinst_LTLIBRARIES += libsluiceuuid.la
libsluiceuuid_la_SOURCES = plugins/common/uuid.c plugins/common/uuid.h
libsluiceuuid_la_CPPFLAGS = $(AM_CPPFLAGS) $(CRYPTO_CFLAGS)
libsluiceuuid_la_LIBADD = $(CRYPTO_LIBS)

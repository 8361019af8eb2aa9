# What several plugins use; linked into each of them.
noinst_LTLIBRARIES += libsluicecommon.la
libsluicecommon_la_SOURCES = \
	plugins/common/fido.c plugins/common/fido.h \
	plugins/common/purchase.h \
	plugins/common/timestamp.c plugins/common/timestamp.h

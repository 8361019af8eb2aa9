# Exactly what a plugin author gets.
sluiceincludedir = $(includedir)/sluice
dist_sluiceinclude_HEADERS = \
	include/sluice/abi.h include/sluice/graph.h include/sluice/host.h include/sluice/option.h \
	include/sluice/plugin.h include/sluice/record.h

pkgconfig_DATA = include/sluice-plugin.pc
aclocaldir = $(datadir)/aclocal
dist_aclocal_DATA = include/sluice.m4

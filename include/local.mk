# Exactly what a plugin author gets.
sluiceincludedir = $(includedir)/sluice
dist_sluiceinclude_HEADERS = \
	include/sluice/abi.h include/sluice/check.h include/sluice/enroll.h include/sluice/flag.h include/sluice/graph.h include/sluice/host.h include/sluice/http.h include/sluice/identity.h include/sluice/lag.h include/sluice/option.h \
	include/sluice/plugin.h include/sluice/promise.h include/sluice/queue.h include/sluice/record.h

pkgconfig_DATA = include/sluice-plugin.pc
aclocaldir = $(datadir)/aclocal
dist_aclocal_DATA = include/sluice.m4

# What `sluice plugin new` copies.
dist_template_DATA = \
	include/template/Makefile.am.in \
	include/template/README.md.in \
	include/template/autogen.sh \
	include/template/configure.ac.in \
	include/template/decoder.c.in \
	include/template/enrich.c.in \
	include/template/gate.c.in \
	include/template/gitignore.in \
	include/template/sink.c.in \
	include/template/source.c.in
templatetestsdir = $(templatedir)/tests
dist_templatetests_DATA = \
	include/template/tests/conformance.sh.in \
	include/template/tests/decoder.expected \
	include/template/tests/decoder.input \
	include/template/tests/decoder.yaml \
	include/template/tests/enrich.expected \
	include/template/tests/enrich.input \
	include/template/tests/enrich.yaml \
	include/template/tests/gate.expected \
	include/template/tests/gate.input \
	include/template/tests/gate.yaml \
	include/template/tests/pipeline.sh.in \
	include/template/tests/sink.expected \
	include/template/tests/sink.input \
	include/template/tests/sink.yaml \
	include/template/tests/source.expected \
	include/template/tests/source.input \
	include/template/tests/source.yaml

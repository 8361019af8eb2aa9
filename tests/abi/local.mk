# tests/abi

# Where each member of each public struct stands; compiling it is the test.
check_PROGRAMS += tests/abi/layout
tests_abi_layout_SOURCES = tests/abi/layout.c
TESTS += tests/abi/layout

# A plugin of an older minor, built against the headers of that time, and one of a newer.
check_LTLIBRARIES += tests/abi/old.la tests/abi/minor1.la tests/abi/newer.la
tests_abi_old_la_SOURCES = tests/abi/old.c
tests_abi_old_la_CPPFLAGS = -I$(top_srcdir)/tests/abi/headers-0.0 $(AM_CPPFLAGS)
tests_abi_old_la_LDFLAGS = $(ABI_LINK)
tests_abi_minor1_la_SOURCES = tests/abi/minor1.c
tests_abi_minor1_la_CPPFLAGS = -I$(top_srcdir)/tests/abi/headers-0.1 $(AM_CPPFLAGS)
tests_abi_minor1_la_LDFLAGS = $(ABI_LINK)
tests_abi_newer_la_SOURCES = tests/abi/newer.c
tests_abi_newer_la_LDFLAGS = $(ABI_LINK)
ABI_LINK = $(AM_LDFLAGS) -module -avoid-version -shared -rpath $(abs_top_builddir)/tests/abi \
	-export-symbols-regex '^sluice_plugin_entry_v1$$'
EXTRA_DIST += \
	tests/abi/headers-0.0/sluice/abi.h tests/abi/headers-0.0/sluice/host.h \
	tests/abi/headers-0.0/sluice/option.h tests/abi/headers-0.0/sluice/plugin.h \
	tests/abi/headers-0.0/sluice/record.h \
	tests/abi/headers-0.1/sluice/abi.h tests/abi/headers-0.1/sluice/graph.h \
	tests/abi/headers-0.1/sluice/host.h tests/abi/headers-0.1/sluice/http.h \
	tests/abi/headers-0.1/sluice/option.h tests/abi/headers-0.1/sluice/plugin.h \
	tests/abi/headers-0.1/sluice/record.h

if HAVE_CHECK
check_PROGRAMS += tests/abi/check_abi
tests_abi_check_abi_SOURCES = tests/abi/check_abi.c tests/support/one_suite.h
tests_abi_check_abi_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_abi_check_abi_LDADD = $(UNIT_LDADD)
TESTS += tests/abi/check_abi
endif

dist_check_SCRIPTS += tests/abi/headers
TESTS += tests/abi/headers

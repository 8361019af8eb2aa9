# One Check binary a noun.
UNIT_CPPFLAGS = $(libsluicecore_la_CPPFLAGS) $(CHECK_CFLAGS) -I$(top_srcdir)/tests/support
UNIT_LDADD = libsluicecore.la $(CHECK_LIBS)

if HAVE_CHECK
check_PROGRAMS += tests/unit/check_strbuf
tests_unit_check_strbuf_SOURCES = tests/unit/check_strbuf.c
tests_unit_check_strbuf_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_strbuf_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_strbuf

# around: log, metrics, state, HTTP
check_PROGRAMS += tests/unit/check_metric
tests_unit_check_metric_SOURCES = tests/unit/check_metric.c
tests_unit_check_metric_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_metric_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_metric
endif

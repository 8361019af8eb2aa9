# Modules that the loader or the conformance suite must refuse, one defect each.
# Without -rpath libtool would build archives only.
MODULES_LINK = $(AM_LDFLAGS) -module -avoid-version -shared -rpath $(abs_top_builddir)/tests/modules
MODULES_ENTRY = -export-symbols-regex '^sluice_plugin_entry_v1$$'

check_LTLIBRARIES += tests/modules/load.la
tests_modules_load_la_SOURCES = tests/modules/load.c
tests_modules_load_la_CPPFLAGS = $(AM_CPPFLAGS) -DGOOD
tests_modules_load_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/load-again.la
tests_modules_load_again_la_SOURCES = tests/modules/load.c
tests_modules_load_again_la_CPPFLAGS = $(AM_CPPFLAGS) -DGOOD
tests_modules_load_again_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/load-newer-minor.la
tests_modules_load_newer_minor_la_SOURCES = tests/modules/load.c
tests_modules_load_newer_minor_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_NAME='"load-newer-minor"' -DBAD_MINOR=99
tests_modules_load_newer_minor_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-major.la
tests_modules_bad_major_la_SOURCES = tests/modules/load.c
tests_modules_bad_major_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_MAJOR=7
tests_modules_bad_major_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-needs-newer.la
tests_modules_bad_needs_newer_la_SOURCES = tests/modules/load.c
tests_modules_bad_needs_newer_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_MINOR=99 -DBAD_NEEDS=98
tests_modules_bad_needs_newer_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-no-entry.la
tests_modules_bad_no_entry_la_SOURCES = tests/modules/load.c
tests_modules_bad_no_entry_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_NO_ENTRY
tests_modules_bad_no_entry_la_LDFLAGS = $(MODULES_LINK) -export-symbols-regex '^(load|sluice)_'
check_LTLIBRARIES += tests/modules/bad-next-generation.la
tests_modules_bad_next_generation_la_SOURCES = tests/modules/load.c
tests_modules_bad_next_generation_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_NEXT_GENERATION
tests_modules_bad_next_generation_la_LDFLAGS = $(MODULES_LINK) -export-symbols-regex '^(load|sluice)_'
check_LTLIBRARIES += tests/modules/bad-undefined.la
tests_modules_bad_undefined_la_SOURCES = tests/modules/load.c
tests_modules_bad_undefined_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_UNDEFINED
tests_modules_bad_undefined_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-ctor-exits.la
tests_modules_bad_ctor_exits_la_SOURCES = tests/modules/load.c
tests_modules_bad_ctor_exits_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_CTOR_EXITS
tests_modules_bad_ctor_exits_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-ctor-crashes.la
tests_modules_bad_ctor_crashes_la_SOURCES = tests/modules/load.c
tests_modules_bad_ctor_crashes_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_CTOR_CRASHES
tests_modules_bad_ctor_crashes_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-ctor-hangs.la
tests_modules_bad_ctor_hangs_la_SOURCES = tests/modules/load.c
tests_modules_bad_ctor_hangs_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_CTOR_HANGS
tests_modules_bad_ctor_hangs_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-init.la
tests_modules_bad_init_la_SOURCES = tests/modules/load.c
tests_modules_bad_init_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_INIT
tests_modules_bad_init_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-no-write.la
tests_modules_bad_no_write_la_SOURCES = tests/modules/load.c
tests_modules_bad_no_write_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_NO_WRITE
tests_modules_bad_no_write_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-no-calls.la
tests_modules_bad_no_calls_la_SOURCES = tests/modules/load.c
tests_modules_bad_no_calls_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_NO_CREATE -DBAD_NO_DESTROY -DBAD_NO_WRITE
tests_modules_bad_no_calls_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-name.la
tests_modules_bad_name_la_SOURCES = tests/modules/load.c
tests_modules_bad_name_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_NAME='"Load_Me"'
tests_modules_bad_name_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-default.la
tests_modules_bad_default_la_SOURCES = tests/modules/load.c
tests_modules_bad_default_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_DEFAULT='"soon"'
tests_modules_bad_default_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-option-name.la
tests_modules_bad_option_name_la_SOURCES = tests/modules/load.c
tests_modules_bad_option_name_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_OPTION='"Pause!"'
tests_modules_bad_option_name_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-two-phase.la
tests_modules_bad_two_phase_la_SOURCES = tests/modules/load.c
tests_modules_bad_two_phase_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_KIND=SLUICE_GATE -DBAD_FLAGS=SLUICE_TWO_PHASE
tests_modules_bad_two_phase_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-flag.la
tests_modules_bad_flag_la_SOURCES = tests/modules/load.c
tests_modules_bad_flag_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_FLAGS=SLUICE_TWO_PHASE
tests_modules_bad_flag_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-size.la
tests_modules_bad_size_la_SOURCES = tests/modules/load.c
tests_modules_bad_size_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_SIZE=8
tests_modules_bad_size_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-kind.la
tests_modules_bad_kind_la_SOURCES = tests/modules/load.c
tests_modules_bad_kind_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_KIND=9
tests_modules_bad_kind_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-summary.la
tests_modules_bad_summary_la_SOURCES = tests/modules/load.c
tests_modules_bad_summary_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_SUMMARY='""'
tests_modules_bad_summary_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-null.la
tests_modules_bad_null_la_SOURCES = tests/modules/load.c
tests_modules_bad_null_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_NULL
tests_modules_bad_null_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-empty.la
tests_modules_bad_empty_la_SOURCES = tests/modules/load.c
tests_modules_bad_empty_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_SKIP=1
tests_modules_bad_empty_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)
check_LTLIBRARIES += tests/modules/bad-twice.la
tests_modules_bad_twice_la_SOURCES = tests/modules/load.c
tests_modules_bad_twice_la_CPPFLAGS = $(AM_CPPFLAGS) -DBAD_TWICE
tests_modules_bad_twice_la_LDFLAGS = $(MODULES_LINK) $(MODULES_ENTRY)

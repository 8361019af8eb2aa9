# tests/fuzz: a target is fuzz_NAME.c with LLVMFuzzerTestOneInput and its seeds in corpus/NAME.
# make check replays the corpus (replay_NAME).  To fuzz:
#   ../configure CC=clang CXX=clang++ --enable-fuzzing --enable-sanitizers=fuzzer-no-link,address,undefined
#   make && make tests/fuzz/fuzz_dead_letter && tests/fuzz/fuzz_dead_letter -max_total_time=20 CORPUS
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += tests/fuzz/corpus

# Letters in, the same letters out; any bytes as a database file.
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_dead_letter
tests_fuzz_fuzz_dead_letter_SOURCES = tests/fuzz/fuzz_dead_letter.c
tests_fuzz_fuzz_dead_letter_CPPFLAGS = $(libsluicecore_la_CPPFLAGS)
tests_fuzz_fuzz_dead_letter_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_dead_letter_LDADD = $(CORE_LDADD) $(SQLITE_LIBS)
else
check_PROGRAMS += tests/fuzz/replay_dead_letter
tests_fuzz_replay_dead_letter_SOURCES = tests/fuzz/fuzz_dead_letter.c tests/fuzz/replay_main.c
tests_fuzz_replay_dead_letter_CPPFLAGS = $(libsluicecore_la_CPPFLAGS)
tests_fuzz_replay_dead_letter_LDADD = $(CORE_LDADD) $(SQLITE_LIBS)
TESTS += tests/fuzz/replay_dead_letter
endif

# Any bytes as a config; what is accepted is shown and reads back the same.
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c
tests_fuzz_fuzz_config_CPPFLAGS = $(libsluicecore_la_CPPFLAGS)
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_config_LDADD = $(CORE_LDADD)
else
check_PROGRAMS += tests/fuzz/replay_config
tests_fuzz_replay_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/replay_main.c
tests_fuzz_replay_config_CPPFLAGS = $(libsluicecore_la_CPPFLAGS)
tests_fuzz_replay_config_LDADD = $(CORE_LDADD)
TESTS += tests/fuzz/replay_config
endif

# Any bytes to the admin listener.
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_http
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c tests/support/http_raw.c tests/support/http_raw.h
tests_fuzz_fuzz_http_CPPFLAGS = $(libsluicecore_la_CPPFLAGS) -I$(top_srcdir)/tests/support
tests_fuzz_fuzz_http_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_LDADD = $(CORE_LDADD)
else
check_PROGRAMS += tests/fuzz/replay_http
tests_fuzz_replay_http_SOURCES = tests/fuzz/fuzz_http.c tests/fuzz/replay_main.c tests/support/http_raw.c
tests_fuzz_replay_http_CPPFLAGS = $(libsluicecore_la_CPPFLAGS) -I$(top_srcdir)/tests/support
tests_fuzz_replay_http_LDADD = $(CORE_LDADD)
TESTS += tests/fuzz/replay_http
endif

# Parser, scanner, peek and writer of JSON held against each other.
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_json
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c
tests_fuzz_fuzz_json_CPPFLAGS = $(libsluicecore_la_CPPFLAGS)
tests_fuzz_fuzz_json_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_json_LDADD = $(CORE_LDADD)
else
check_PROGRAMS += tests/fuzz/replay_json
tests_fuzz_replay_json_SOURCES = tests/fuzz/fuzz_json.c tests/fuzz/replay_main.c
tests_fuzz_replay_json_CPPFLAGS = $(libsluicecore_la_CPPFLAGS)
tests_fuzz_replay_json_LDADD = $(CORE_LDADD)
TESTS += tests/fuzz/replay_json
endif

# CSV rows and fields.
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_csv
tests_fuzz_fuzz_csv_SOURCES = tests/fuzz/fuzz_csv.c
tests_fuzz_fuzz_csv_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_fuzz_csv_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_csv_LDADD = libsluicecsv.la
else
check_PROGRAMS += tests/fuzz/replay_csv
tests_fuzz_replay_csv_SOURCES = tests/fuzz/fuzz_csv.c tests/fuzz/replay_main.c
tests_fuzz_replay_csv_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_replay_csv_LDADD = libsluicecsv.la
TESTS += tests/fuzz/replay_csv
endif

# Records of a stream are the same in any pieces.
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_framing
tests_fuzz_fuzz_framing_SOURCES = tests/fuzz/fuzz_framing.c \
	plugins/common/framing.c plugins/common/framing.h
tests_fuzz_fuzz_framing_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_fuzz_framing_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_framing_LDADD = libsluicecsv.la
else
check_PROGRAMS += tests/fuzz/replay_framing
tests_fuzz_replay_framing_SOURCES = tests/fuzz/fuzz_framing.c tests/fuzz/replay_main.c \
	plugins/common/framing.c plugins/common/framing.h
tests_fuzz_replay_framing_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_replay_framing_LDADD = libsluicecsv.la
TESTS += tests/fuzz/replay_framing
endif

# Flags and lists of ids.
FLAG_SOURCES = plugins/gate-feature-flipper/flag.c plugins/gate-feature-flipper/flag.h \
	plugins/common/id_text.c plugins/common/id_text.h
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_flag
tests_fuzz_fuzz_flag_SOURCES = tests/fuzz/fuzz_flag.c $(FLAG_SOURCES)
tests_fuzz_fuzz_flag_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
tests_fuzz_fuzz_flag_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_flag_LDADD = libsluiceaws.la $(JANSSON_LIBS) $(CRYPTO_LIBS) -lm
else
check_PROGRAMS += tests/fuzz/replay_flag
tests_fuzz_replay_flag_SOURCES = tests/fuzz/fuzz_flag.c tests/fuzz/replay_main.c $(FLAG_SOURCES)
tests_fuzz_replay_flag_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
tests_fuzz_replay_flag_LDADD = libsluiceaws.la $(JANSSON_LIBS) $(CRYPTO_LIBS) -lm
TESTS += tests/fuzz/replay_flag
endif

# Answers of look-up services.
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_lookup
tests_fuzz_fuzz_lookup_SOURCES = tests/fuzz/fuzz_lookup.c
tests_fuzz_fuzz_lookup_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_fuzz_lookup_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_lookup_LDADD = libsluicelookup.la libsluicecommon.la libsluiceutil.la $(JANSSON_LIBS)
else
check_PROGRAMS += tests/fuzz/replay_lookup
tests_fuzz_replay_lookup_SOURCES = tests/fuzz/fuzz_lookup.c tests/fuzz/replay_main.c
tests_fuzz_replay_lookup_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_replay_lookup_LDADD = libsluicelookup.la libsluicecommon.la libsluiceutil.la $(JANSSON_LIBS)
TESTS += tests/fuzz/replay_lookup
endif

# What AWS answers, its config files, and what is signed for it.
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_aws
tests_fuzz_fuzz_aws_SOURCES = tests/fuzz/fuzz_aws.c
tests_fuzz_fuzz_aws_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_fuzz_aws_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_aws_LDADD = libsluiceaws.la
else
check_PROGRAMS += tests/fuzz/replay_aws
tests_fuzz_replay_aws_SOURCES = tests/fuzz/fuzz_aws.c tests/fuzz/replay_main.c
tests_fuzz_replay_aws_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_replay_aws_LDADD = libsluiceaws.la
TESTS += tests/fuzz/replay_aws
endif

# Ranges of an object, and refusals in XML.
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_s3
tests_fuzz_fuzz_s3_SOURCES = tests/fuzz/fuzz_s3.c
tests_fuzz_fuzz_s3_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_fuzz_s3_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_s3_LDADD = libsluiceaws.la
else
check_PROGRAMS += tests/fuzz/replay_s3
tests_fuzz_replay_s3_SOURCES = tests/fuzz/fuzz_s3.c tests/fuzz/replay_main.c
tests_fuzz_replay_s3_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_replay_s3_LDADD = libsluiceaws.la
TESTS += tests/fuzz/replay_s3
endif

# What SQS answers, and what is sent to it.
SQS_SOURCES = plugins/source-sqs/sqs_message.c plugins/source-sqs/source_sqs.h
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_sqs
tests_fuzz_fuzz_sqs_SOURCES = tests/fuzz/fuzz_sqs.c $(SQS_SOURCES)
tests_fuzz_fuzz_sqs_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_sqs_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_sqs_LDADD = libsluiceaws.la $(JANSSON_LIBS)
else
check_PROGRAMS += tests/fuzz/replay_sqs
tests_fuzz_replay_sqs_SOURCES = tests/fuzz/fuzz_sqs.c tests/fuzz/replay_main.c $(SQS_SOURCES)
tests_fuzz_replay_sqs_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_replay_sqs_LDADD = libsluiceaws.la $(JANSSON_LIBS)
TESTS += tests/fuzz/replay_sqs
endif

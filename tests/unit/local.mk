# One Check binary a noun.
UNIT_CPPFLAGS = $(libsluicecore_la_CPPFLAGS) $(CHECK_CFLAGS) -I$(top_srcdir)/tests/support
UNIT_LDADD = $(CORE_LDADD) $(CHECK_LIBS)

if HAVE_CHECK
check_PROGRAMS += tests/unit/check_strbuf
tests_unit_check_strbuf_SOURCES = tests/unit/check_strbuf.c
tests_unit_check_strbuf_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_strbuf_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_strbuf

# run: lanes, retries, breaker, limit, flow
FAILING_ALLOC_LINK = -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=strdup
FAILING_ALLOC = tests/support/failing_alloc.c tests/support/failing_alloc.h
check_PROGRAMS += tests/unit/check_lane
tests_unit_check_lane_SOURCES = tests/unit/check_lane.c tests/support/one_suite.h $(FAILING_ALLOC)
tests_unit_check_lane_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_lane_LDFLAGS = $(AM_LDFLAGS) $(FAILING_ALLOC_LINK)
tests_unit_check_lane_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_lane
check_PROGRAMS += tests/unit/check_retry
tests_unit_check_retry_SOURCES = tests/unit/check_retry.c tests/support/one_suite.h
tests_unit_check_retry_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_retry_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_retry
check_PROGRAMS += tests/unit/check_breaker
tests_unit_check_breaker_SOURCES = tests/unit/check_breaker.c tests/support/one_suite.h
tests_unit_check_breaker_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_breaker_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_breaker
check_PROGRAMS += tests/unit/check_limit
tests_unit_check_limit_SOURCES = tests/unit/check_limit.c tests/support/one_suite.h
tests_unit_check_limit_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_limit_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_limit
check_PROGRAMS += tests/unit/check_flow
tests_unit_check_flow_SOURCES = tests/unit/check_flow.c tests/support/one_suite.h tests/support/flow_drive.h $(FAILING_ALLOC)
tests_unit_check_flow_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_flow_LDFLAGS = $(AM_LDFLAGS) $(FAILING_ALLOC_LINK)
tests_unit_check_flow_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_flow
check_PROGRAMS += tests/unit/check_flow_lanes
tests_unit_check_flow_lanes_SOURCES = tests/unit/check_flow_lanes.c tests/support/one_suite.h tests/support/flow_drive.h $(FAILING_ALLOC)
tests_unit_check_flow_lanes_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_flow_lanes_LDFLAGS = $(AM_LDFLAGS) $(FAILING_ALLOC_LINK)
tests_unit_check_flow_lanes_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_flow_lanes
check_PROGRAMS += tests/unit/check_flow_order
tests_unit_check_flow_order_SOURCES = tests/unit/check_flow_order.c tests/support/one_suite.h tests/support/flow_drive.h
tests_unit_check_flow_order_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_flow_order_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_flow_order
check_PROGRAMS += tests/unit/check_simulation
tests_unit_check_simulation_SOURCES = tests/unit/check_simulation.c tests/support/one_suite.h \
	tests/support/simulation.c tests/support/simulation.h tests/support/simulation_private.h \
	tests/support/simulation_model.c tests/support/simulation_work.c tests/support/simulation_world.c
tests_unit_check_simulation_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_simulation_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_simulation
check_PROGRAMS += tests/unit/check_gate_eval
tests_unit_check_gate_eval_SOURCES = tests/unit/check_gate_eval.c tests/support/one_suite.h $(FAILING_ALLOC)
tests_unit_check_gate_eval_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_gate_eval_LDFLAGS = $(AM_LDFLAGS) $(FAILING_ALLOC_LINK)
tests_unit_check_gate_eval_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_gate_eval
check_PROGRAMS += tests/unit/check_file_write
tests_unit_check_file_write_SOURCES = tests/unit/check_file_write.c tests/support/one_suite.h \
	tests/support/temp_dir.c tests/support/temp_dir.h
tests_unit_check_file_write_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_file_write_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_file_write

# records
check_PROGRAMS += tests/unit/check_record
tests_unit_check_record_SOURCES = tests/unit/check_record.c
tests_unit_check_record_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_record_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_record

check_PROGRAMS += tests/unit/check_json
tests_unit_check_json_SOURCES = tests/unit/check_json.c
tests_unit_check_json_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_json_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_json

check_PROGRAMS += tests/unit/check_json_property
tests_unit_check_json_property_SOURCES = tests/unit/check_json_property.c
tests_unit_check_json_property_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_json_property_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_json_property

check_PROGRAMS += tests/unit/check_json_memory
tests_unit_check_json_memory_SOURCES = tests/unit/check_json_memory.c
tests_unit_check_json_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_json_memory_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_json_memory

check_PROGRAMS += tests/unit/check_csv
tests_unit_check_csv_SOURCES = tests/unit/check_csv.c
tests_unit_check_csv_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_csv_LDADD = libsluicecsv.la $(UNIT_LDADD)
TESTS += tests/unit/check_csv

check_LTLIBRARIES += tests/support/libfiledrive.la
tests_support_libfiledrive_la_SOURCES = tests/support/file_drive.c tests/support/file_drive.h
tests_support_libfiledrive_la_CPPFLAGS = $(UNIT_CPPFLAGS) $(ZLIB_CFLAGS)
FILE_TEST_LDADD = tests/support/libfiledrive.la tests/support/libpluginhost.la $(UNIT_LDADD) $(ZLIB_LIBS)

check_PROGRAMS += tests/unit/check_source_file
tests_unit_check_source_file_SOURCES = tests/unit/check_source_file.c
tests_unit_check_source_file_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_source_file_LDADD = $(FILE_TEST_LDADD)
TESTS += tests/unit/check_source_file

# source/s3-file, over a server with faults
check_PROGRAMS += tests/unit/check_source_s3_file
tests_unit_check_source_s3_file_SOURCES = tests/unit/check_source_s3_file.c tests/support/one_suite.h \
	tests/support/s3_double.c tests/support/s3_double.h
tests_unit_check_source_s3_file_CPPFLAGS = $(UNIT_CPPFLAGS) $(MHD_CFLAGS) $(ZLIB_CFLAGS)
tests_unit_check_source_s3_file_LDADD = $(PLUGIN_TEST_LDADD) $(MHD_LIBS) $(ZLIB_LIBS)
TESTS += tests/unit/check_source_s3_file

# source/kafka, on the mock cluster of librdkafka
KAFKA_DRIVE = tests/support/kafka_drive.c tests/support/kafka_drive.h tests/support/one_suite.h
check_PROGRAMS += tests/unit/check_source_kafka
tests_unit_check_source_kafka_SOURCES = tests/unit/check_source_kafka.c $(KAFKA_DRIVE)
tests_unit_check_source_kafka_CPPFLAGS = $(UNIT_CPPFLAGS) $(RDKAFKA_CFLAGS)
tests_unit_check_source_kafka_LDADD = $(PLUGIN_TEST_LDADD) $(RDKAFKA_LIBS)
TESTS += tests/unit/check_source_kafka
check_PROGRAMS += tests/unit/check_source_kafka_group
tests_unit_check_source_kafka_group_SOURCES = tests/unit/check_source_kafka_group.c $(KAFKA_DRIVE)
tests_unit_check_source_kafka_group_CPPFLAGS = $(UNIT_CPPFLAGS) $(RDKAFKA_CFLAGS)
tests_unit_check_source_kafka_group_LDADD = $(PLUGIN_TEST_LDADD) $(RDKAFKA_LIBS)
TESTS += tests/unit/check_source_kafka_group
check_PROGRAMS += tests/unit/check_source_kafka_login
tests_unit_check_source_kafka_login_SOURCES = tests/unit/check_source_kafka_login.c tests/support/one_suite.h \
	tests/support/http_double.c tests/support/http_double.h
tests_unit_check_source_kafka_login_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_source_kafka_login_LDADD = $(PLUGIN_TEST_LDADD)
TESTS += tests/unit/check_source_kafka_login

check_PROGRAMS += tests/unit/check_decoder_csv
tests_unit_check_decoder_csv_SOURCES = tests/unit/check_decoder_csv.c
tests_unit_check_decoder_csv_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_decoder_csv_LDADD = $(FILE_TEST_LDADD)
TESTS += tests/unit/check_decoder_csv

check_PROGRAMS += tests/unit/check_bad_input
tests_unit_check_bad_input_SOURCES = tests/unit/check_bad_input.c
tests_unit_check_bad_input_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_bad_input_LDADD = $(FILE_TEST_LDADD)
TESTS += tests/unit/check_bad_input

check_PROGRAMS += tests/unit/check_decoder_text
tests_unit_check_decoder_text_SOURCES = tests/unit/check_decoder_text.c
tests_unit_check_decoder_text_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_decoder_text_LDADD = $(FILE_TEST_LDADD)
TESTS += tests/unit/check_decoder_text

check_PROGRAMS += tests/unit/check_utf8
tests_unit_check_utf8_SOURCES = tests/unit/check_utf8.c
tests_unit_check_utf8_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_utf8_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_utf8
# end of records

# config
check_PROGRAMS += tests/unit/check_problem
tests_unit_check_problem_SOURCES = tests/unit/check_problem.c
tests_unit_check_problem_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_problem_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_problem

check_PROGRAMS += tests/unit/check_option
tests_unit_check_option_SOURCES = tests/unit/check_option.c
tests_unit_check_option_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_option_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_option

check_PROGRAMS += tests/unit/check_plan
tests_unit_check_plan_SOURCES = tests/unit/check_plan.c tests/support/config_module.c tests/support/config_module.h
tests_unit_check_plan_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_plan_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_plan

check_PROGRAMS += tests/unit/check_expect
tests_unit_check_expect_SOURCES = tests/unit/check_expect.c tests/support/one_suite.h \
	tests/support/config_module.c tests/support/config_module.h
tests_unit_check_expect_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_expect_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_expect

check_PROGRAMS += tests/unit/check_config_bad
tests_unit_check_config_bad_SOURCES = tests/unit/check_config_bad.c tests/support/config_module.c tests/support/config_module.h
tests_unit_check_config_bad_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_config_bad_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_config_bad
EXTRA_DIST += tests/unit/data/config_bad.txt

check_PROGRAMS += tests/unit/check_config
tests_unit_check_config_SOURCES = tests/unit/check_config.c tests/support/one_suite.h tests/support/temp_dir.c tests/support/temp_dir.h
tests_unit_check_config_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_config_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_config

check_PROGRAMS += tests/unit/check_config_memory
tests_unit_check_config_memory_SOURCES = tests/unit/check_config_memory.c tests/support/config_module.c \
	tests/support/config_module.h tests/support/one_suite.h tests/support/failing_alloc.h tests/support/interposed_alloc.h
tests_unit_check_config_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_config_memory_LDFLAGS = $(AM_LDFLAGS)
tests_unit_check_config_memory_LDADD = $(UNIT_LDADD)
if SANITIZED
tests_unit_check_config_memory_SOURCES += tests/support/failing_alloc.c
tests_unit_check_config_memory_LDFLAGS += $(FAILING_ALLOC_LINK)
else
tests_unit_check_config_memory_SOURCES += tests/support/interposed_alloc.c
tests_unit_check_config_memory_CPPFLAGS += -DALLOC_INTERPOSED
endif
TESTS += tests/unit/check_config_memory

check_PROGRAMS += tests/unit/check_config_show
tests_unit_check_config_show_SOURCES = tests/unit/check_config_show.c tests/support/config_module.c \
	tests/support/config_module.h tests/support/one_suite.h
tests_unit_check_config_show_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_config_show_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_config_show

check_PROGRAMS += tests/unit/check_cli
tests_unit_check_cli_SOURCES = tests/unit/check_cli.c tests/support/one_suite.h
tests_unit_check_cli_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_cli_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_cli
# end of config

# around: log, metrics, state, HTTP
check_PROGRAMS += tests/unit/check_metric
tests_unit_check_metric_SOURCES = tests/unit/check_metric.c
tests_unit_check_metric_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_metric_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_metric
# plugins: each through the real loader, options and instance
check_LTLIBRARIES += tests/support/libpluginhost.la
tests_support_libpluginhost_la_SOURCES = tests/support/plugin_host.c tests/support/plugin_host.h \
	tests/support/plugin_host_batch.c tests/support/plugin_host_private.h tests/support/one_suite.h \
	tests/support/temp_dir.c tests/support/temp_dir.h tests/support/test_file.c tests/support/test_file.h
tests_support_libpluginhost_la_CPPFLAGS = $(UNIT_CPPFLAGS)
PLUGIN_TEST_LDADD = tests/support/libpluginhost.la $(UNIT_LDADD)

check_PROGRAMS += tests/unit/check_purchase
tests_unit_check_purchase_SOURCES = tests/unit/check_purchase.c
tests_unit_check_purchase_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_purchase_LDADD = $(PLUGIN_TEST_LDADD)
TESTS += tests/unit/check_purchase

check_PROGRAMS += tests/unit/check_gate_list
tests_unit_check_gate_list_SOURCES = tests/unit/check_gate_list.c
tests_unit_check_gate_list_CPPFLAGS = $(UNIT_CPPFLAGS)
if SANITIZED
tests_unit_check_gate_list_CPPFLAGS += -DSANITIZED
endif
tests_unit_check_gate_list_LDADD = $(PLUGIN_TEST_LDADD)
TESTS += tests/unit/check_gate_list

check_PROGRAMS += tests/unit/check_online
tests_unit_check_online_SOURCES = tests/unit/check_online.c tests/support/one_suite.h core/check_online.c core/check_online.h
tests_unit_check_online_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_online_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_online

RESP_SERVER = tests/support/resp_server.c tests/support/resp_server.h
check_PROGRAMS += tests/unit/check_valkey
tests_unit_check_valkey_SOURCES = tests/unit/check_valkey.c tests/support/one_suite.h $(RESP_SERVER)
tests_unit_check_valkey_CPPFLAGS = $(UNIT_CPPFLAGS) $(HIREDIS_CFLAGS)
tests_unit_check_valkey_LDADD = libsluicevalkey.la $(UNIT_LDADD) $(HIREDIS_LIBS)
TESTS += tests/unit/check_valkey
check_PROGRAMS += tests/unit/check_gate_valkey_enrollment
tests_unit_check_gate_valkey_enrollment_SOURCES = tests/unit/check_gate_valkey_enrollment.c tests/support/one_suite.h $(RESP_SERVER)
tests_unit_check_gate_valkey_enrollment_CPPFLAGS = $(UNIT_CPPFLAGS) $(HIREDIS_CFLAGS)
tests_unit_check_gate_valkey_enrollment_LDADD = $(PLUGIN_TEST_LDADD) $(HIREDIS_LIBS)
TESTS += tests/unit/check_gate_valkey_enrollment
FLIPPER_CASE = tests/support/flipper_case.c tests/support/flipper_case.h \
	tests/support/http_double.c tests/support/http_double.h
check_PROGRAMS += tests/unit/check_feature_flipper
tests_unit_check_feature_flipper_SOURCES = tests/unit/check_feature_flipper.c $(FLIPPER_CASE)
tests_unit_check_feature_flipper_CPPFLAGS = $(UNIT_CPPFLAGS)
if SANITIZED
tests_unit_check_feature_flipper_CPPFLAGS += -DSANITIZED
endif
tests_unit_check_feature_flipper_LDADD = $(PLUGIN_TEST_LDADD)
TESTS += tests/unit/check_feature_flipper
check_PROGRAMS += tests/unit/check_feature_flipper_fetch
tests_unit_check_feature_flipper_fetch_SOURCES = tests/unit/check_feature_flipper_fetch.c $(FLIPPER_CASE)
tests_unit_check_feature_flipper_fetch_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_feature_flipper_fetch_LDADD = $(PLUGIN_TEST_LDADD)
TESTS += tests/unit/check_feature_flipper_fetch

check_PROGRAMS += tests/unit/check_hash
tests_unit_check_hash_SOURCES = tests/unit/check_hash.c
tests_unit_check_hash_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_hash_LDADD = libsluicecommon.la $(CRYPTO_LIBS) $(UNIT_LDADD)
TESTS += tests/unit/check_hash

check_PROGRAMS += tests/unit/check_aws_sigv4
tests_unit_check_aws_sigv4_SOURCES = tests/unit/check_aws_sigv4.c tests/support/one_suite.h
tests_unit_check_aws_sigv4_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_aws_sigv4_LDADD = libsluiceaws.la $(UNIT_LDADD)
TESTS += tests/unit/check_aws_sigv4
check_PROGRAMS += tests/unit/check_aws_msk
tests_unit_check_aws_msk_SOURCES = tests/unit/check_aws_msk.c tests/support/one_suite.h
tests_unit_check_aws_msk_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_aws_msk_LDADD = libsluiceaws.la $(UNIT_LDADD)
TESTS += tests/unit/check_aws_msk
check_PROGRAMS += tests/unit/check_aws_chain
tests_unit_check_aws_chain_SOURCES = tests/unit/check_aws_chain.c tests/support/one_suite.h \
	tests/support/http_double.c tests/support/http_double.h
tests_unit_check_aws_chain_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_aws_chain_LDADD = tests/support/libpluginhost.la libsluiceaws.la $(UNIT_LDADD)
TESTS += tests/unit/check_aws_chain

check_PROGRAMS += tests/unit/check_budget
tests_unit_check_budget_SOURCES = tests/unit/check_budget.c plugins/common/budget_core.c tests/support/one_suite.h
tests_unit_check_budget_CPPFLAGS = $(UNIT_CPPFLAGS) $(HIREDIS_CFLAGS)
tests_unit_check_budget_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_budget
check_PROGRAMS += tests/unit/check_gate_once
tests_unit_check_gate_once_SOURCES = tests/unit/check_gate_once.c tests/support/once_keys.c tests/support/once_keys.h \
	plugins/gate-once/once_script.c tests/support/one_suite.h $(RESP_SERVER)
tests_unit_check_gate_once_CPPFLAGS = $(UNIT_CPPFLAGS) $(HIREDIS_CFLAGS)
tests_unit_check_gate_once_LDADD = $(PLUGIN_TEST_LDADD) $(SQLITE_LIBS) $(HIREDIS_LIBS)
TESTS += tests/unit/check_gate_once

# SQS, against a queue in memory
SQS_DOUBLE = tests/support/sqs_double.c tests/support/sqs_double.h tests/support/http_script.c \
	tests/support/http_script.h tests/support/one_suite.h
check_PROGRAMS += tests/unit/check_sink_sqs
tests_unit_check_sink_sqs_SOURCES = tests/unit/check_sink_sqs.c $(SQS_DOUBLE)
tests_unit_check_sink_sqs_CPPFLAGS = $(UNIT_CPPFLAGS) $(MHD_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_sink_sqs_LDADD = $(PLUGIN_TEST_LDADD) $(MHD_LIBS)
TESTS += tests/unit/check_sink_sqs
check_PROGRAMS += tests/unit/check_source_sqs
tests_unit_check_source_sqs_SOURCES = tests/unit/check_source_sqs.c $(SQS_DOUBLE)
tests_unit_check_source_sqs_CPPFLAGS = $(UNIT_CPPFLAGS) $(MHD_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_source_sqs_LDADD = $(PLUGIN_TEST_LDADD) $(MHD_LIBS)
TESTS += tests/unit/check_source_sqs

check_PROGRAMS += tests/unit/check_sink_file
tests_unit_check_sink_file_SOURCES = tests/unit/check_sink_file.c
tests_unit_check_sink_file_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_sink_file_LDADD = $(PLUGIN_TEST_LDADD)
TESTS += tests/unit/check_sink_file

check_PROGRAMS += tests/unit/check_sink_null
tests_unit_check_sink_null_SOURCES = tests/unit/check_sink_null.c
tests_unit_check_sink_null_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_sink_null_LDADD = $(PLUGIN_TEST_LDADD)
TESTS += tests/unit/check_sink_null

check_PROGRAMS += tests/unit/check_enrich_table
tests_unit_check_enrich_table_SOURCES = tests/unit/check_enrich_table.c
tests_unit_check_enrich_table_CPPFLAGS = $(UNIT_CPPFLAGS)
if SANITIZED
tests_unit_check_enrich_table_CPPFLAGS += -DSANITIZED
endif
tests_unit_check_enrich_table_LDADD = $(PLUGIN_TEST_LDADD) $(ZLIB_LIBS)
TESTS += tests/unit/check_enrich_table

check_PROGRAMS += tests/unit/check_enrich_user_load
tests_unit_check_enrich_user_load_SOURCES = tests/unit/check_enrich_user_load.c \
	plugins/enrich-user-load/user_seen.c plugins/enrich-user-load/user_seen.h
tests_unit_check_enrich_user_load_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_enrich_user_load_LDADD = libsluiceuuid.la libsluicecommon.la $(CRYPTO_LIBS) $(PLUGIN_TEST_LDADD)
TESTS += tests/unit/check_enrich_user_load

LOOKUP_LDADD = libsluicelookup.la libsluicecommon.la $(JANSSON_LIBS) $(UNIT_LDADD)
LOOKUP_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/plugins/common
check_PROGRAMS += tests/unit/check_lookup_answer
tests_unit_check_lookup_answer_SOURCES = tests/unit/check_lookup_answer.c tests/support/one_suite.h
tests_unit_check_lookup_answer_CPPFLAGS = $(LOOKUP_CPPFLAGS)
tests_unit_check_lookup_answer_LDADD = $(LOOKUP_LDADD)
TESTS += tests/unit/check_lookup_answer
check_PROGRAMS += tests/unit/check_lookup
tests_unit_check_lookup_SOURCES = tests/unit/check_lookup.c tests/support/one_suite.h
tests_unit_check_lookup_CPPFLAGS = $(LOOKUP_CPPFLAGS)
tests_unit_check_lookup_LDADD = $(LOOKUP_LDADD)
TESTS += tests/unit/check_lookup
check_PROGRAMS += tests/unit/check_enrich_lookup
tests_unit_check_enrich_lookup_SOURCES = tests/unit/check_enrich_lookup.c \
	tests/support/http_script.c tests/support/http_script.h
tests_unit_check_enrich_lookup_CPPFLAGS = $(UNIT_CPPFLAGS) $(MHD_CFLAGS)
tests_unit_check_enrich_lookup_LDADD = $(PLUGIN_TEST_LDADD) $(MHD_LIBS)
TESTS += tests/unit/check_enrich_lookup
check_PROGRAMS += tests/unit/check_enrich_history
tests_unit_check_enrich_history_SOURCES = tests/unit/check_enrich_history.c \
	tests/support/http_script.c tests/support/http_script.h $(RESP_SERVER)
tests_unit_check_enrich_history_CPPFLAGS = $(UNIT_CPPFLAGS) $(MHD_CFLAGS) $(HIREDIS_CFLAGS)
tests_unit_check_enrich_history_LDADD = $(PLUGIN_TEST_LDADD) $(MHD_LIBS) $(HIREDIS_LIBS)
TESTS += tests/unit/check_enrich_history

check_PROGRAMS += tests/unit/check_purchase_bad
tests_unit_check_purchase_bad_SOURCES = tests/unit/check_purchase_bad.c
tests_unit_check_purchase_bad_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_purchase_bad_LDADD = $(PLUGIN_TEST_LDADD)
TESTS += tests/unit/check_purchase_bad

check_PROGRAMS += tests/unit/check_published
tests_unit_check_published_SOURCES = tests/unit/check_published.c
tests_unit_check_published_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_published_LDADD = libsluicecommon.la $(UNIT_LDADD)
TESTS += tests/unit/check_published

check_PROGRAMS += tests/unit/check_timestamp
tests_unit_check_timestamp_SOURCES = tests/unit/check_timestamp.c tests/support/one_suite.h
tests_unit_check_timestamp_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_timestamp_LDADD = libsluicecommon.la $(UNIT_LDADD)
TESTS += tests/unit/check_timestamp
check_PROGRAMS += tests/unit/check_fido
tests_unit_check_fido_SOURCES = tests/unit/check_fido.c tests/support/one_suite.h
tests_unit_check_fido_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_fido_LDADD = libsluicecommon.la $(UNIT_LDADD)
TESTS += tests/unit/check_fido

check_PROGRAMS += tests/unit/check_elf_file
tests_unit_check_elf_file_SOURCES = tests/unit/check_elf_file.c
tests_unit_check_elf_file_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_elf_file_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_elf_file
# graph
check_PROGRAMS += tests/unit/check_graph
tests_unit_check_graph_SOURCES = tests/unit/check_graph.c tests/support/one_suite.h
tests_unit_check_graph_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_graph_LDADD = libsluicegraph.la $(UNIT_LDADD) -lm
TESTS += tests/unit/check_graph
check_PROGRAMS += tests/unit/check_graph_digest
tests_unit_check_graph_digest_SOURCES = tests/unit/check_graph_digest.c tests/support/one_suite.h
tests_unit_check_graph_digest_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_graph_digest_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_graph_digest
check_PROGRAMS += tests/unit/check_sink_sqlite
tests_unit_check_sink_sqlite_SOURCES = tests/unit/check_sink_sqlite.c tests/support/graph_lines.c tests/support/graph_lines.h
tests_unit_check_sink_sqlite_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_sink_sqlite_LDADD = $(PLUGIN_TEST_LDADD)
TESTS += tests/unit/check_sink_sqlite
check_PROGRAMS += tests/unit/check_graph_audit
tests_unit_check_graph_audit_SOURCES = tests/unit/check_graph_audit.c tests/support/temp_dir.c tests/support/temp_dir.h
tests_unit_check_graph_audit_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_graph_audit_LDADD = $(UNIT_LDADD) $(JANSSON_LIBS)
TESTS += tests/unit/check_graph_audit
check_PROGRAMS += tests/unit/check_sink_sqlite_exact
tests_unit_check_sink_sqlite_exact_SOURCES = tests/unit/check_sink_sqlite_exact.c tests/support/graph_lines.c tests/support/graph_lines.h \
	tests/support/graph_model.c tests/support/graph_model.h
tests_unit_check_sink_sqlite_exact_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_sink_sqlite_exact_LDADD = $(PLUGIN_TEST_LDADD) $(SQLITE_LIBS)
TESTS += tests/unit/check_sink_sqlite_exact

check_PROGRAMS += tests/unit/check_log
tests_unit_check_log_SOURCES = tests/unit/check_log.c
tests_unit_check_log_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_log_LDADD = $(UNIT_LDADD) $(JANSSON_LIBS)
TESTS += tests/unit/check_log

check_PROGRAMS += tests/unit/check_http_server
tests_unit_check_http_server_SOURCES = tests/unit/check_http_server.c tests/support/http_raw.c tests/support/http_raw.h
tests_unit_check_http_server_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_http_server_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_http_server

check_PROGRAMS += tests/unit/check_admin
tests_unit_check_admin_SOURCES = tests/unit/check_admin.c tests/support/http_raw.c tests/support/http_raw.h
tests_unit_check_admin_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_admin_LDADD = $(UNIT_LDADD) $(JANSSON_LIBS)
TESTS += tests/unit/check_admin

check_PROGRAMS += tests/unit/check_dlq
tests_unit_check_dlq_SOURCES = tests/unit/check_dlq.c tests/support/temp_dir.c tests/support/temp_dir.h
tests_unit_check_dlq_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_dlq_LDADD = $(UNIT_LDADD) $(JANSSON_LIBS)
TESTS += tests/unit/check_dlq

check_PROGRAMS += tests/unit/check_http_client
tests_unit_check_http_client_SOURCES = tests/unit/check_http_client.c
tests_unit_check_http_client_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_http_client_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_http_client
HTTP_SCRIPT = tests/support/http_script.c tests/support/http_script.h
check_PROGRAMS += tests/unit/check_http_retry
tests_unit_check_http_retry_SOURCES = tests/unit/check_http_retry.c tests/support/one_suite.h $(HTTP_SCRIPT)
tests_unit_check_http_retry_CPPFLAGS = $(UNIT_CPPFLAGS) $(MHD_CFLAGS)
tests_unit_check_http_retry_LDADD = $(UNIT_LDADD) $(MHD_LIBS)
TESTS += tests/unit/check_http_retry
check_PROGRAMS += tests/unit/check_http_tls
tests_unit_check_http_tls_SOURCES = tests/unit/check_http_tls.c tests/support/one_suite.h $(HTTP_SCRIPT) \
	tests/support/test_ca.c tests/support/test_ca.h tests/support/temp_dir.c tests/support/temp_dir.h \
	tests/support/test_file.c tests/support/test_file.h
tests_unit_check_http_tls_CPPFLAGS = $(UNIT_CPPFLAGS) $(MHD_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_check_http_tls_LDADD = $(UNIT_LDADD) $(MHD_LIBS) $(CRYPTO_LIBS)
TESTS += tests/unit/check_http_tls

check_PROGRAMS += tests/unit/check_job_known
tests_unit_check_job_known_SOURCES = tests/unit/check_job_known.c tests/support/one_suite.h
tests_unit_check_job_known_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_job_known_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_job_known
check_PROGRAMS += tests/unit/check_job_store
tests_unit_check_job_store_SOURCES = tests/unit/check_job_store.c tests/support/one_suite.h tests/support/ledger_fixture.c \
	tests/support/ledger_fixture.h tests/support/temp_dir.c tests/support/temp_dir.h
tests_unit_check_job_store_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_job_store_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_job_store
check_PROGRAMS += tests/unit/check_job_store_load
tests_unit_check_job_store_load_SOURCES = tests/unit/check_job_store_load.c tests/support/one_suite.h tests/support/ledger_fixture.c \
	tests/support/ledger_fixture.h tests/support/temp_dir.c tests/support/temp_dir.h
tests_unit_check_job_store_load_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_job_store_load_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_job_store_load
check_PROGRAMS += tests/unit/check_state_db
tests_unit_check_state_db_SOURCES = tests/unit/check_state_db.c tests/support/temp_dir.c tests/support/temp_dir.h
tests_unit_check_state_db_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_state_db_LDADD = $(UNIT_LDADD) $(SQLITE_LIBS)
TESTS += tests/unit/check_state_db

check_PROGRAMS += tests/unit/check_dead_letter
tests_unit_check_dead_letter_SOURCES = tests/unit/check_dead_letter.c tests/support/temp_dir.c tests/support/temp_dir.h
tests_unit_check_dead_letter_CPPFLAGS = $(UNIT_CPPFLAGS)
if SANITIZED
tests_unit_check_dead_letter_CPPFLAGS += -DSANITIZED
endif
tests_unit_check_dead_letter_LDADD = $(UNIT_LDADD) $(SQLITE_LIBS)
TESTS += tests/unit/check_dead_letter

check_PROGRAMS += tests/unit/check_disk_full
tests_unit_check_disk_full_SOURCES = tests/unit/check_disk_full.c tests/support/temp_dir.c tests/support/temp_dir.h
tests_unit_check_disk_full_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_disk_full_LDADD = $(UNIT_LDADD) $(SQLITE_LIBS)
TESTS += tests/unit/check_disk_full

check_PROGRAMS += tests/unit/check_module
tests_unit_check_module_SOURCES = tests/unit/check_module.c
tests_unit_check_module_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_module_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_module

# whole pipelines with scripted plugins
TOY = tests/support/toy.c tests/support/toy.h tests/support/temp_dir.c tests/support/temp_dir.h
check_PROGRAMS += tests/unit/check_pipeline
tests_unit_check_pipeline_SOURCES = tests/unit/check_pipeline.c tests/support/one_suite.h $(TOY)
tests_unit_check_pipeline_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_pipeline_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_pipeline
check_PROGRAMS += tests/unit/check_pipeline_order
tests_unit_check_pipeline_order_SOURCES = tests/unit/check_pipeline_order.c tests/support/one_suite.h $(TOY)
tests_unit_check_pipeline_order_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_pipeline_order_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_pipeline_order
check_PROGRAMS += tests/unit/check_pipeline_lanes
tests_unit_check_pipeline_lanes_SOURCES = tests/unit/check_pipeline_lanes.c tests/support/one_suite.h $(TOY)
tests_unit_check_pipeline_lanes_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_pipeline_lanes_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_pipeline_lanes
check_PROGRAMS += tests/unit/check_pipeline_pressure
tests_unit_check_pipeline_pressure_SOURCES = tests/unit/check_pipeline_pressure.c tests/support/one_suite.h $(TOY)
tests_unit_check_pipeline_pressure_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_pipeline_pressure_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_pipeline_pressure
check_PROGRAMS += tests/unit/check_pipeline_letters
tests_unit_check_pipeline_letters_SOURCES = tests/unit/check_pipeline_letters.c tests/support/one_suite.h $(TOY)
tests_unit_check_pipeline_letters_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_pipeline_letters_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_pipeline_letters
check_PROGRAMS += tests/unit/check_pipeline_leak
tests_unit_check_pipeline_leak_SOURCES = tests/unit/check_pipeline_leak.c tests/support/one_suite.h \
	tests/support/interposed_alloc.h tests/support/failing_alloc.h $(TOY)
tests_unit_check_pipeline_leak_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_pipeline_leak_LDADD = $(UNIT_LDADD)
if !SANITIZED
tests_unit_check_pipeline_leak_SOURCES += tests/support/interposed_alloc.c
tests_unit_check_pipeline_leak_CPPFLAGS += -DALLOC_INTERPOSED
endif
TESTS += tests/unit/check_pipeline_leak
check_PROGRAMS += tests/unit/check_pipeline_trouble
tests_unit_check_pipeline_trouble_SOURCES = tests/unit/check_pipeline_trouble.c tests/support/one_suite.h $(TOY)
tests_unit_check_pipeline_trouble_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_pipeline_trouble_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_pipeline_trouble
check_PROGRAMS += tests/unit/check_pipeline_ends
tests_unit_check_pipeline_ends_SOURCES = tests/unit/check_pipeline_ends.c tests/support/one_suite.h $(TOY)
tests_unit_check_pipeline_ends_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_pipeline_ends_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_pipeline_ends
check_PROGRAMS += tests/unit/check_pipeline_log
tests_unit_check_pipeline_log_SOURCES = tests/unit/check_pipeline_log.c tests/support/one_suite.h $(TOY)
tests_unit_check_pipeline_log_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_pipeline_log_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_pipeline_log
check_PROGRAMS += tests/unit/check_pipeline_source
tests_unit_check_pipeline_source_SOURCES = tests/unit/check_pipeline_source.c tests/support/one_suite.h $(TOY)
tests_unit_check_pipeline_source_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_pipeline_source_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/check_pipeline_source
endif

check_PROGRAMS += tests/unit/check_neo4j_answer tests/unit/check_neo4j_join tests/unit/check_sink_neo4j
tests_unit_check_neo4j_answer_SOURCES = tests/unit/check_neo4j_answer.c tests/support/one_suite.h
tests_unit_check_neo4j_answer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_neo4j_answer_LDADD = libsluiceneo4j.la libsluiceutil.la $(UNIT_LDADD)
tests_unit_check_neo4j_join_SOURCES = tests/unit/check_neo4j_join.c tests/support/one_suite.h plugins/sink-neo4j/join.c
tests_unit_check_neo4j_join_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_check_neo4j_join_LDADD = libsluicegraph.la libsluiceutil.la $(UNIT_LDADD)
tests_unit_check_sink_neo4j_SOURCES = tests/unit/check_sink_neo4j.c tests/support/one_suite.h $(HTTP_SCRIPT)
tests_unit_check_sink_neo4j_CPPFLAGS = $(UNIT_CPPFLAGS) $(MHD_CFLAGS)
tests_unit_check_sink_neo4j_LDADD = $(PLUGIN_TEST_LDADD) $(MHD_LIBS)
TESTS += tests/unit/check_neo4j_answer tests/unit/check_neo4j_join tests/unit/check_sink_neo4j
check_PROGRAMS += tests/unit/check_source_neo4j_users
tests_unit_check_source_neo4j_users_SOURCES = tests/unit/check_source_neo4j_users.c tests/support/one_suite.h \
	tests/support/temp_dir.h $(HTTP_SCRIPT)
tests_unit_check_source_neo4j_users_CPPFLAGS = $(UNIT_CPPFLAGS) $(MHD_CFLAGS)
tests_unit_check_source_neo4j_users_LDADD = $(PLUGIN_TEST_LDADD) $(MHD_LIBS)
TESTS += tests/unit/check_source_neo4j_users

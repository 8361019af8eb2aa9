# Buffers that plugins use too; linked into each of them.
noinst_LTLIBRARIES += libsluiceutil.la
libsluiceutil_la_SOURCES = core/strbuf.c core/strbuf.h core/arena.c core/arena.h core/utf8.c core/utf8.h \
	core/json_scan.c core/json_scan.h core/user_id.c core/user_id.h

# The host without its command line, so that tests link it.
noinst_LTLIBRARIES += libsluicecore.la
libsluicecore_la_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
libsluicecore_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(YAML_CFLAGS) $(SQLITE_CFLAGS) $(MHD_CFLAGS) $(CURL_CFLAGS) $(SIMDJSON_CFLAGS) \
	-DSLUICE_PLUGIN_DIR='"$(plugindir)"' -DSLUICE_TEMPLATE_DIR='"$(templatedir)"'
libsluicecore_la_LIBADD = libsluiceutil.la $(JANSSON_LIBS) $(YAML_LIBS) $(SQLITE_LIBS) $(MHD_LIBS) $(CURL_LIBS) $(SIMDJSON_LIBS)
libsluicecore_la_SOURCES = core/clock.c core/clock.h

# config: files to a checked plan
libsluicecore_la_SOURCES += core/problem.h core/config.h core/option.h core/plan.h core/problem.c \
	core/config.c core/config_internal.h core/config_file.c core/config_json.c core/config_merge.c \
	core/config_parse.c core/config_subst.c core/config_value.c core/config_yaml.c core/config_yaml.h \
	core/option.c core/option_internal.h core/option_table.c core/option_text.c core/option_value.c \
	core/plan.c core/plan_gate.c core/plan_job.c core/plan_instance.c core/plan_internal.h core/plan_pipeline.c core/plan_tables.c \
	core/app.c core/app.h core/cli.c core/cli.h core/command.h \
	core/config_diff.c core/config_secret.c core/config_show.c core/config_show.h core/config_show_internal.h

libsluicecore_la_SOURCES += core/plan_backfill.c core/backfill_config.c core/backfill_config.h

# modules: .so files to plugins
EXTRA_DIST += core/sluice-dev.in core/README.md
libsluicecore_la_SOURCES += core/module.c core/module.h core/module_copy.c core/module_load.h \
	core/module_missing.c core/module_open.c core/elf_file.c core/elf_file.h
libsluicecore_la_SOURCES += core/guard.c core/guard.h core/plugin_text.c core/plugin_text.h \
	core/cmd_plugin.c core/cmd_plugin.h core/cmd_plugin_list.c core/cmd_plugin_inspect.c core/cmd_plugin_new.c \
	core/cmd_plugin_test.c
libsluicecore_la_SOURCES += core/conformance.c core/conformance.h core/conformance_private.h \
	core/conformance_alloc.c core/conformance_batch.c core/conformance_child.c core/conformance_child.h \
	core/conformance_config.c core/conformance_fault.c \
	core/conformance_flow.c core/conformance_gate.c core/conformance_host.c core/conformance_host.h \
	core/conformance_kind.c core/conformance_lane.c core/conformance_life.c core/conformance_load.c \
	core/conformance_option.c core/conformance_seen.c core/conformance_seen.h core/conformance_services.c \
	core/conformance_services.h core/conformance_settle.c core/conformance_source.c core/conformance_state.c \
	core/conformance_watch.c core/conformance_work.c

# records: bytes and documents
libsluicecore_la_SOURCES += core/record.c core/record.h core/document.c core/document.h \
	core/json.h core/json_parse.cc core/json_peek.c core/json_write.c \
	core/decoder_json.c core/decoder_lines.c
libsluicecore_la_CXXFLAGS = $(AM_CXXFLAGS) $(PIE_CFLAGS) -fno-exceptions -fno-rtti

# run: instances, state machine, pipelines
libsluicecore_la_SOURCES += core/instance.c core/instance.h core/instance_host.c core/instance_private.h \
	core/limit.c core/limit.h \
	core/retry.c core/retry.h core/breaker.c core/breaker.h core/lane.c core/lane.h \
	core/flow.c core/flow.h core/flow_parts.c core/flow_acks.c core/flow_wait.c core/flow_private.h core/hash.h \
	core/gate_eval.c core/gate_eval.h core/parcel.c core/parcel.h \
	core/pipeline.c core/pipeline.h core/pipeline_make.c core/pipeline_lane.c core/pipeline_private.h \
	core/pipeline_source.c core/pipeline_judge.c core/pipeline_oversize.c core/pipeline_route.c core/pipeline_tick.c core/pipeline_worker.c \
	core/pipeline_stage.c core/pipeline_flags.c core/pipeline_end.c core/pipeline_log.c core/pipeline_report.c core/config_compare.c core/config_compare.h
libsluicecore_la_SOURCES += core/file_write.c core/file_write.h core/expect.c core/expect.h

libsluicecore_la_SOURCES += core/backfill.h core/backfill_folder.c core/backfill_folder.h core/backfill_list.c \
	core/backfill_pass.c core/backfill_pass.h core/backfill_report.c core/backfill_report.h \
	core/backfill_resume.c core/backfill_resume.h core/backfill_send.c \
	core/backfill_jobs.c core/backfill_jobs.h core/backfill_marks.c core/backfill_marks.h \
	core/backfill_sender.c core/backfill_sender.h

# around it: log, metrics, state, HTTP
libsluicecore_la_SOURCES += core/log.h core/metric.h core/state_db.h core/dead_letter.h core/http_server.h
libsluicecore_la_SOURCES += core/log.c core/log_line.c core/log_line.h core/log_writer.c core/log_writer.h
libsluicecore_la_SOURCES += core/extension.c core/extension.h core/http_client.c core/http_client.h core/http_transfer.c \
	core/http_perform.c core/http_target.c
libsluicecore_la_SOURCES += core/admin.c core/admin.h core/admin_backfill.c core/admin_backfill.h core/admin_json.c core/admin_json.h core/admin_page.c
libsluicecore_la_SOURCES += core/http_server.c core/http_internal.h core/http_address.c core/http_check.c core/http_watch.c
libsluicecore_la_SOURCES += core/metric.c core/metric_internal.h core/metric_render.c
libsluicecore_la_SOURCES += core/state_db.c core/state_db_sql.h core/state_lock.c core/state_schema.c
libsluicecore_la_SOURCES += core/dlq_print.c core/dlq_print.h
libsluicecore_la_SOURCES += core/dead_letter.c core/dead_letter_internal.h core/dead_letter_count.c core/dead_letter_read.c

# jobs: the ledger of who is loaded
libsluicecore_la_SOURCES += core/job.c core/job.h core/job_private.h core/job_known.c core/job_retry.c \
	core/job_store_sqlite.c core/job_sqlite_users.c core/job_sqlite.h \
	core/job_store_valkey.c core/job_valkey_users.c core/job_valkey_call.c core/job_valkey.h \
	core/pipeline_job.c
libsluicecore_la_CPPFLAGS += $(HIREDIS_CFLAGS)
libsluicecore_la_LIBADD += libsluicevalkey.la

# graph: what audit and explain see of a sink
libsluicecore_la_SOURCES += core/graph_digest.c core/graph_digest.h core/key_table.c core/key_table.h \
	core/graph_audit.c core/graph_audit.h core/graph_audit_user.c core/graph_repair.c core/graph_repair.h core/graph_source.c core/graph_source.h core/json_report.c core/json_report.h \
	core/audit_baseline.c core/audit_baseline.h \
	core/explain_user.c core/explain_user.h core/explain_print.c core/explain_gates.c core/explain_gates.h
libsluicecore_la_CPPFLAGS += $(CRYPTO_CFLAGS)
libsluicecore_la_LIBADD += $(CRYPTO_LIBS)

# The program.
bin_PROGRAMS += sluice
sluice_CFLAGS = $(AM_CFLAGS) $(PIE_CFLAGS)
sluice_CPPFLAGS = $(libsluicecore_la_CPPFLAGS) -DSLUICE_VERSION='"$(VERSION)"'
sluice_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
# libtool forgets the C++ run time of a convenience library: name it where one links
CORE_LDADD = libsluicecore.la -lstdc++ -lm
sluice_LDADD = $(CORE_LDADD)
sluice_SOURCES = core/main.c core/command.h core/cmd_run.c core/run.h core/run_loop.c core/run_reload.c core/run_admin.c core/run_jobs.c core/run_backfill.c
sluice_SOURCES += core/check_online.c core/check_online.h core/cmd_check.c core/cmd_config.c
sluice_SOURCES += core/cmd_dlq.c core/cmd_job.c core/job_print.c core/job_print.h
sluice_SOURCES += core/flag_file.c core/flag_file.h core/flag_gate.c core/flag_gate.h core/flag_upload.c \
	core/flag_users.c core/flag_wait.c core/flag_wait.h
sluice_LDADD += libsluicecommon.la # how a list of ids is read: as the gates do
sluice_SOURCES += core/cmd_audit.c core/cmd_explain.c core/cmd_flag.c
sluice_SOURCES += core/cmd_lag.c core/lag_report.c core/lag_report.h core/lag_source.c core/lag_source.h
sluice_SOURCES += core/cmd_queue.c core/queue_report.c core/queue_report.h core/queue_source.c core/queue_source.h
sluice_SOURCES += core/cmd_backfill.c

/* layout: where every member of every public struct stands, on machines with 64-bit
 * pointers.  A line that no longer holds is a break of the ABI: put new members at the
 * end instead, and add their lines here.  The last line of each struct says that it has
 * no tail padding, in which a new member would hide from an old size. */
#include <stddef.h>
#include <stdint.h>

#include <sluice/plugin.h>
#include <sluice/flag.h>
#include <sluice/graph.h>
#include <sluice/http.h>

#if UINTPTR_MAX == UINT64_MAX

#define AT(type, member, offset) _Static_assert(offsetof(struct type, member) == (offset), #type "." #member)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
#define LAST(type, member)                                                                                   \
    _Static_assert(offsetof(struct type, member) + sizeof(((struct type *)0)->member) ==                     \
                       sizeof(struct type),                                                                  \
                   "tail padding in " #type)

SIZE(sluice_str, 16);
AT(sluice_str, data, 0);
AT(sluice_str, len, 8);
LAST(sluice_str, len);

SIZE(sluice_error, 512);
AT(sluice_error, struct_size, 0);
AT(sluice_error, code, 4);
AT(sluice_error, retry_after_ms, 8);
AT(sluice_error, reserved, 12);
AT(sluice_error, option, 16);
AT(sluice_error, message, 80);
LAST(sluice_error, message);

SIZE(sluice_verdict, 24);
AT(sluice_verdict, code, 0);
AT(sluice_verdict, retry_after_ms, 4);
AT(sluice_verdict, reason, 8);
AT(sluice_verdict, detail, 16);
LAST(sluice_verdict, detail);

SIZE(sluice_verdicts, 16);
AT(sluice_verdicts, n, 0);
AT(sluice_verdicts, stride, 4);
AT(sluice_verdicts, items, 8);
LAST(sluice_verdicts, items);

SIZE(sluice_option, 88);
AT(sluice_option, name, 0);
AT(sluice_option, type, 8);
AT(sluice_option, flags, 12);
AT(sluice_option, default_text, 16);
AT(sluice_option, min, 24);
AT(sluice_option, max, 32);
AT(sluice_option, choices, 40);
AT(sluice_option, summary, 48);
AT(sluice_option, details, 56);
AT(sluice_option, example, 64);
AT(sluice_option, since, 72);
AT(sluice_option, replaced_by, 80);
LAST(sluice_option, replaced_by);

SIZE(sluice_record_api, 96);
AT(sluice_record_api, struct_size, 0);
AT(sluice_record_api, reserved, 4);
AT(sluice_record_api, payload, 8);
AT(sluice_record_api, attribute, 16);
AT(sluice_record_api, field, 24);
AT(sluice_record_api, time_ms, 32);
AT(sluice_record_api, position, 40);
AT(sluice_record_api, ordinal, 48);
AT(sluice_record_api, attempts, 56);
AT(sluice_record_api, document, 64);
AT(sluice_record_api, set_document, 72);
AT(sluice_record_api, text, 80);
AT(sluice_record_api, parse_json, 88);
LAST(sluice_record_api, parse_json);

SIZE(sluice_document_api, 160);
AT(sluice_document_api, struct_size, 0);
AT(sluice_document_api, reserved, 4);
AT(sluice_document_api, type, 8);
AT(sluice_document_api, count, 16);
AT(sluice_document_api, get, 24);
AT(sluice_document_api, first, 32);
AT(sluice_document_api, next, 40);
AT(sluice_document_api, key, 48);
AT(sluice_document_api, string, 56);
AT(sluice_document_api, integer, 64);
AT(sluice_document_api, real, 72);
AT(sluice_document_api, boolean, 80);
AT(sluice_document_api, make, 88);
AT(sluice_document_api, make_bool, 96);
AT(sluice_document_api, make_int, 104);
AT(sluice_document_api, make_real, 112);
AT(sluice_document_api, make_text, 120);
AT(sluice_document_api, set, 128);
AT(sluice_document_api, push, 136);
AT(sluice_document_api, detach, 144);
AT(sluice_document_api, write_json, 152);
LAST(sluice_document_api, write_json);

SIZE(sluice_item, 112);
AT(sluice_item, struct_size, 0);
AT(sluice_item, lane, 4);
AT(sluice_item, data, 8);
AT(sluice_item, len, 16);
AT(sluice_item, size, 24);
AT(sluice_item, position, 32);
AT(sluice_item, next, 40);
AT(sluice_item, ordinal, 48);
AT(sluice_item, time_ms, 56);
AT(sluice_item, key, 64);
AT(sluice_item, message_id, 80);
AT(sluice_item, headers, 96);
AT(sluice_item, n_headers, 104);
LAST(sluice_item, n_headers);

SIZE(sluice_host, 248);
AT(sluice_host, struct_size, 0);
AT(sluice_host, abi_minor, 4);
AT(sluice_host, context, 8);
AT(sluice_host, record, 16);
AT(sluice_host, document, 24);
AT(sluice_host, instance_name, 32);
AT(sluice_host, pipeline_name, 40);
AT(sluice_host, log, 48);
AT(sluice_host, option_given, 56);
AT(sluice_host, option_string, 64);
AT(sluice_host, option_integer, 72);
AT(sluice_host, option_number, 80);
AT(sluice_host, option_count, 88);
AT(sluice_host, option_item, 96);
AT(sluice_host, option_values, 104);
AT(sluice_host, option_value, 112);
AT(sluice_host, declare_field, 120);
AT(sluice_host, now_ms, 128);
AT(sluice_host, steady_ms, 136);
AT(sluice_host, cancelled, 144);
AT(sluice_host, wait, 152);
AT(sluice_host, metric, 160);
AT(sluice_host, metric_add, 168);
AT(sluice_host, metric_set, 176);
AT(sluice_host, state_get, 184);
AT(sluice_host, state_put, 192);
AT(sluice_host, state_dir, 200);
AT(sluice_host, lane_open, 208);
AT(sluice_host, lane_lost, 216);
AT(sluice_host, batch_add, 224);
AT(sluice_host, extension, 232);
AT(sluice_host, lane_full, 240);
LAST(sluice_host, lane_full);

SIZE(sluice_lifecycle, 72);
AT(sluice_lifecycle, struct_size, 0);
AT(sluice_lifecycle, reserved, 4);
AT(sluice_lifecycle, create, 8);
AT(sluice_lifecycle, destroy, 16);
AT(sluice_lifecycle, start, 24);
AT(sluice_lifecycle, stop, 32);
AT(sluice_lifecycle, probe, 40);
AT(sluice_lifecycle, cancel, 48);
AT(sluice_lifecycle, stats, 56);
AT(sluice_lifecycle, extension, 64);
LAST(sluice_lifecycle, extension);

SIZE(sluice_ack, 32);
AT(sluice_ack, lane, 0);
AT(sluice_ack, reserved, 4);
AT(sluice_ack, next, 8);
AT(sluice_ack, position, 16);
AT(sluice_ack, ordinal, 24);
LAST(sluice_ack, ordinal);

SIZE(sluice_acks, 16);
AT(sluice_acks, n, 0);
AT(sluice_acks, stride, 4);
AT(sluice_acks, items, 8);
LAST(sluice_acks, items);

SIZE(sluice_source_ops, 40);
AT(sluice_source_ops, struct_size, 0);
AT(sluice_source_ops, reserved, 4);
AT(sluice_source_ops, poll, 8);
AT(sluice_source_ops, settle, 16);
AT(sluice_source_ops, keepalive, 24);
AT(sluice_source_ops, fetch, 32);
LAST(sluice_source_ops, fetch);

SIZE(sluice_peek, 48);
AT(sluice_peek, struct_size, 0);
AT(sluice_peek, n, 4);
AT(sluice_peek, records, 8);
AT(sluice_peek, names, 16);
AT(sluice_peek, n_names, 24);
AT(sluice_peek, values, 32);
AT(sluice_peek, status, 40);
LAST(sluice_peek, status);

SIZE(sluice_decoder_ops, 24);
AT(sluice_decoder_ops, struct_size, 0);
AT(sluice_decoder_ops, reserved, 4);
AT(sluice_decoder_ops, decode, 8);
AT(sluice_decoder_ops, peek, 16);
LAST(sluice_decoder_ops, peek);

SIZE(sluice_outcome, 8);
AT(sluice_outcome, code, 0);
AT(sluice_outcome, reserved, 4);
LAST(sluice_outcome, reserved);

SIZE(sluice_gate_ops, 32);
AT(sluice_gate_ops, struct_size, 0);
AT(sluice_gate_ops, reserved, 4);
AT(sluice_gate_ops, decide, 8);
AT(sluice_gate_ops, conclude, 16);
AT(sluice_gate_ops, reload, 24);
LAST(sluice_gate_ops, reload);

SIZE(sluice_enricher_ops, 16);
AT(sluice_enricher_ops, struct_size, 0);
AT(sluice_enricher_ops, reserved, 4);
AT(sluice_enricher_ops, enrich, 8);
LAST(sluice_enricher_ops, enrich);

SIZE(sluice_sink_ops, 24);
AT(sluice_sink_ops, struct_size, 0);
AT(sluice_sink_ops, reserved, 4);
AT(sluice_sink_ops, write, 8);
AT(sluice_sink_ops, flush, 16);
LAST(sluice_sink_ops, flush);

SIZE(sluice_plugin, 88);
AT(sluice_plugin, struct_size, 0);
AT(sluice_plugin, min_host_minor, 4);
AT(sluice_plugin, kind, 8);
AT(sluice_plugin, flags, 12);
AT(sluice_plugin, name, 16);
AT(sluice_plugin, version, 24);
AT(sluice_plugin, summary, 32);
AT(sluice_plugin, licence, 40);
AT(sluice_plugin, options, 48);
AT(sluice_plugin, n_options, 56);
AT(sluice_plugin, option_size, 60);
AT(sluice_plugin, lifecycle, 64);
AT(sluice_plugin, ops, 72);
AT(sluice_plugin, example, 80);
LAST(sluice_plugin, example);

SIZE(sluice_module, 48);
AT(sluice_module, struct_size, 0);
AT(sluice_module, abi_major, 4);
AT(sluice_module, abi_minor, 8);
AT(sluice_module, reserved, 12);
AT(sluice_module, name, 16);
AT(sluice_module, init, 24);
AT(sluice_module, fini, 32);
AT(sluice_module, plugins, 40);
LAST(sluice_module, plugins);

SIZE(sluice_graph_node, 136);
AT(sluice_graph_node, struct_size, 0);
AT(sluice_graph_node, type, 4);
AT(sluice_graph_node, id, 8);
AT(sluice_graph_node, name, 24);
AT(sluice_graph_node, timezone, 40);
AT(sluice_graph_node, brand, 56);
AT(sluice_graph_node, category, 72);
AT(sluice_graph_node, category_id, 88);
AT(sluice_graph_node, hierarchy, 104);
AT(sluice_graph_node, n_hierarchy, 112);
AT(sluice_graph_node, venue_type, 120);
LAST(sluice_graph_node, venue_type);

SIZE(sluice_graph_edge, 104);
AT(sluice_graph_edge, struct_size, 0);
AT(sluice_graph_edge, type, 4);
AT(sluice_graph_edge, from, 8);
AT(sluice_graph_edge, to, 24);
AT(sluice_graph_edge, receipts, 40);
AT(sluice_graph_edge, times, 48);
AT(sluice_graph_edge, n_receipts, 56);
AT(sluice_graph_edge, count, 64);
AT(sluice_graph_edge, last_ms, 72);
AT(sluice_graph_edge, interval_days, 80);
AT(sluice_graph_edge, likelihood, 88);
AT(sluice_graph_edge, n_times, 96);
LAST(sluice_graph_edge, n_times);

SIZE(sluice_graph_visitor, 32);
AT(sluice_graph_visitor, struct_size, 0);
AT(sluice_graph_visitor, reserved, 4);
AT(sluice_graph_visitor, context, 8);
AT(sluice_graph_visitor, node, 16);
AT(sluice_graph_visitor, edge, 24);
LAST(sluice_graph_visitor, edge);

SIZE(sluice_graph_repair, 24);
AT(sluice_graph_repair, struct_size, 0);
AT(sluice_graph_repair, dry_run, 4);
AT(sluice_graph_repair, context, 8);
AT(sluice_graph_repair, changed, 16);
LAST(sluice_graph_repair, changed);

SIZE(sluice_graph, 24);
AT(sluice_graph, struct_size, 0);
AT(sluice_graph, reserved, 4);
AT(sluice_graph, walk, 8);
AT(sluice_graph, repair, 16);
LAST(sluice_graph, repair);

SIZE(sluice_flag_segment, 48);
AT(sluice_flag_segment, struct_size, 0);
AT(sluice_flag_segment, internal, 4);
AT(sluice_flag_segment, name, 8);
AT(sluice_flag_segment, list, 24);
AT(sluice_flag_segment, rollout, 40);
AT(sluice_flag_segment, listable, 44);
LAST(sluice_flag_segment, listable);

SIZE(sluice_flag_user, 24);
AT(sluice_flag_user, struct_size, 0);
AT(sluice_flag_user, on, 4);
AT(sluice_flag_user, id, 8);
LAST(sluice_flag_user, id);

SIZE(sluice_flag_visitor, 40);
AT(sluice_flag_visitor, struct_size, 0);
AT(sluice_flag_visitor, reserved, 4);
AT(sluice_flag_visitor, context, 8);
AT(sluice_flag_visitor, flag, 16);
AT(sluice_flag_visitor, segment, 24);
AT(sluice_flag_visitor, user, 32);
LAST(sluice_flag_visitor, user);

SIZE(sluice_flag, 48);
AT(sluice_flag, struct_size, 0);
AT(sluice_flag, reserved, 4);
AT(sluice_flag, name, 8);
AT(sluice_flag, version, 16);
AT(sluice_flag, users, 24);
AT(sluice_flag, lists, 32);
AT(sluice_flag, put_list, 40);
LAST(sluice_flag, put_list);

SIZE(sluice_http_options, 64);
AT(sluice_http_options, struct_size, 0);
AT(sluice_http_options, max_parallel, 4);
AT(sluice_http_options, connect_timeout_ms, 8);
AT(sluice_http_options, reserved, 12);
AT(sluice_http_options, max_body, 16);
AT(sluice_http_options, ca_file, 24);
AT(sluice_http_options, attempts, 32);
AT(sluice_http_options, backoff_min_ms, 36);
AT(sluice_http_options, backoff_max_ms, 40);
AT(sluice_http_options, try_timeout_ms, 44);
AT(sluice_http_options, per_second, 48);
AT(sluice_http_options, breaker_failures, 56);
AT(sluice_http_options, breaker_open_ms, 60);
LAST(sluice_http_options, breaker_open_ms);

SIZE(sluice_http_request, 56);
AT(sluice_http_request, struct_size, 0);
AT(sluice_http_request, flags, 4);
AT(sluice_http_request, method, 8);
AT(sluice_http_request, url, 16);
AT(sluice_http_request, headers, 24);
AT(sluice_http_request, n_headers, 32);
AT(sluice_http_request, body, 40);
LAST(sluice_http_request, body);

SIZE(sluice_http_response, 240);
AT(sluice_http_response, struct_size, 0);
AT(sluice_http_response, code, 4);
AT(sluice_http_response, status, 8);
AT(sluice_http_response, retry_after_ms, 12);
AT(sluice_http_response, body, 16);
AT(sluice_http_response, message, 32);
AT(sluice_http_response, headers, 224);
LAST(sluice_http_response, headers);

SIZE(sluice_http_api, 40);
AT(sluice_http_api, struct_size, 0);
AT(sluice_http_api, reserved, 4);
AT(sluice_http_api, client, 8);
AT(sluice_http_api, free, 16);
AT(sluice_http_api, perform, 24);
AT(sluice_http_api, release, 32);
LAST(sluice_http_api, release);

#endif

int main(void)
{
    return 0; /* compiling it is the test */
}

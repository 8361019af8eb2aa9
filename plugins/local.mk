# One folder a plugin: <kind>-<name>.c reads top to bottom.
include plugins/common/local.mk
include plugins/source-file/local.mk
include plugins/source-kafka/local.mk
include plugins/source-neo4j-users/local.mk
include plugins/source-s3-file/local.mk
include plugins/source-sqs/local.mk
include plugins/decoder-csv/local.mk
include plugins/gate-feature-flipper/local.mk
include plugins/gate-list/local.mk
include plugins/gate-once/local.mk
include plugins/gate-valkey-enrollment/local.mk
include plugins/enrich-purchase/local.mk
include plugins/enrich-table/local.mk
include plugins/enrich-fps/local.mk
include plugins/enrich-category/local.mk
include plugins/enrich-purchase-history/local.mk
include plugins/enrich-shop-orders/local.mk
include plugins/enrich-user-load/local.mk
include plugins/sink-sqlite/local.mk
include plugins/sink-file/local.mk
include plugins/sink-neo4j/local.mk
include plugins/sink-null/local.mk
include plugins/sink-sqs/local.mk

# libtool's .la files are no use to anyone at run time.
install-data-hook:
	cd $(DESTDIR)$(plugindir) 2>/dev/null && rm -f *.la || :
uninstall-local:
	rm -f $(DESTDIR)$(plugindir)/*.so $(DESTDIR)$(bindir)/backfill

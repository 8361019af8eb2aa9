# plugin_LTLIBRARIES += %D%/enrich-table.la

# plugin_LTLIBRARIES += %D%/sink-sqlite.la

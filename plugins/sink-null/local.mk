# plugin_LTLIBRARIES += %D%/sink-null.la

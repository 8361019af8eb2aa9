# plugin_LTLIBRARIES += %D%/sink-file.la

# plugin_LTLIBRARIES += %D%/source-file.la

# plugin_LTLIBRARIES += %D%/gate-once.la

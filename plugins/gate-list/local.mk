# plugin_LTLIBRARIES += %D%/gate-list.la

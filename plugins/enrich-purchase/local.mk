# plugin_LTLIBRARIES += %D%/enrich-purchase.la

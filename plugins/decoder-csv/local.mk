# plugin_LTLIBRARIES += %D%/decoder-csv.la

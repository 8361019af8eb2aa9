plugin_LTLIBRARIES += %D%/decoder-csv.la
plugins_decoder_csv_decoder_csv_la_SOURCES = \
	%D%/decoder-csv.c %D%/csv_columns.c %D%/csv_columns.h
plugins_decoder_csv_decoder_csv_la_LDFLAGS = $(PLUGIN_LINK)
plugins_decoder_csv_decoder_csv_la_LIBADD = libsluicecsv.la libsluiceutil.la
EXTRA_DIST += %D%/README.md

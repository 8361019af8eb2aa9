plugin_LTLIBRARIES += %D%/gate-list.la
plugins_gate_list_gate_list_la_SOURCES = %D%/gate-list.c %D%/id_file.c %D%/id_file.h
plugins_gate_list_gate_list_la_LDFLAGS = $(PLUGIN_LINK)
plugins_gate_list_gate_list_la_LIBADD = libsluicecommon.la -lpthread
EXTRA_DIST += %D%/README.md

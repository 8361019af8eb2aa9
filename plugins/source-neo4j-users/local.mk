plugin_LTLIBRARIES += %D%/source-neo4j-users.la
plugins_source_neo4j_users_source_neo4j_users_la_SOURCES = \
	%D%/source-neo4j-users.c %D%/users_source.h %D%/users_page.c %D%/users_state.c
plugins_source_neo4j_users_source_neo4j_users_la_LDFLAGS = $(PLUGIN_LINK)
plugins_source_neo4j_users_source_neo4j_users_la_LIBADD = libsluiceneo4j.la libsluiceutil.la
EXTRA_DIST += %D%/README.md

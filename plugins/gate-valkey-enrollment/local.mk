plugin_LTLIBRARIES += %D%/gate-valkey-enrollment.la
plugins_gate_valkey_enrollment_gate_valkey_enrollment_la_SOURCES = %D%/gate-valkey-enrollment.c \
	%D%/answers.c %D%/answers.h %D%/ask.c %D%/ask.h %D%/asker.c %D%/asker.h %D%/enroll.c %D%/enroll.h
plugins_gate_valkey_enrollment_gate_valkey_enrollment_la_CPPFLAGS = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS)
plugins_gate_valkey_enrollment_gate_valkey_enrollment_la_LDFLAGS = $(PLUGIN_LINK)
plugins_gate_valkey_enrollment_gate_valkey_enrollment_la_LIBADD = libsluicevalkey.la libsluicecommon.la libsluiceutil.la -lpthread
EXTRA_DIST += %D%/README.md

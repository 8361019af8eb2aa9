# SLUICE_PLUGIN([MINIMUM-VERSION])
# --------------------------------
# For a plugin's configure.ac.  Sets SLUICE_CFLAGS, SLUICE_PLUGIN_LDFLAGS (for a
# libtool module), plugindir (where to install) and SLUICE (the program, for
# `$(SLUICE) plugin test`).
AC_DEFUN([SLUICE_PLUGIN], [
  AC_REQUIRE([PKG_PROG_PKG_CONFIG])
  PKG_CHECK_MODULES([SLUICE], [sluice-plugin m4_ifnblank([$1], [>= $1])])
  PKG_CHECK_VAR([sluice_plugindir], [sluice-plugin], [plugindir])
  PKG_CHECK_VAR([SLUICE], [sluice-plugin], [sluice])
  AC_ARG_WITH([plugindir],
    [AS_HELP_STRING([--with-plugindir=DIR], [where to install the plugin [the one of sluice]])],
    [plugindir="$withval"], [plugindir="$sluice_plugindir"])
  AC_SUBST([plugindir])
  SLUICE_PLUGIN_LDFLAGS="-module -avoid-version -shared -export-symbols-regex '^sluice_plugin_entry_v1\$\$' -Wl,-z,defs"
  AC_SUBST([SLUICE_PLUGIN_LDFLAGS])
])

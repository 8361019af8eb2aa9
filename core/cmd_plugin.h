/* cmd_plugin: the parts of `sluice plugin`, one a word. */
#ifndef SLUICE_CORE_CMD_PLUGIN_H
#define SLUICE_CORE_CMD_PLUGIN_H

/* Each gets its own words, argv[0] being "list", … */
int cmd_plugin_list(int argc, char **argv);
int cmd_plugin_inspect(int argc, char **argv);
int cmd_plugin_new(int argc, char **argv);
int cmd_plugin_test(int argc, char **argv);

#endif

/* command: one entry a subcommand of the program.
 *
 * A command gets its own words (argv[0] is its name), prints data to stdout and
 * everything else to stderr, and returns the exit code. */
#ifndef SLUICE_CORE_COMMAND_H
#define SLUICE_CORE_COMMAND_H

#define EXIT_OK 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_FINDINGS 3 /* finished, with findings */

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_config(int argc, char **argv); /* show, diff */
int cmd_plugin(int argc, char **argv); /* list, inspect, new, test */
int cmd_audit(int argc, char **argv);
int cmd_lag(int argc, char **argv);
int cmd_queue(int argc, char **argv);   /* depth */
int cmd_explain(int argc, char **argv); /* user ID */
int cmd_flag(int argc, char **argv);    /* users, upload */
int cmd_job(int argc, char **argv);     /* list, show, users, retry, cancel */
int cmd_dlq(int argc, char **argv);     /* list, show, replay */
int cmd_backfill(int argc, char **argv);

#endif

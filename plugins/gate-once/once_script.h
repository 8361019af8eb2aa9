/* once_script: what Valkey does for gate/once, each on all keys of a batch in one go.
 *
 * A value is "lease:OWNER", or "done:MS" (when, by the server's clock); whatever else stands
 * there, an older worker wrote it: it counts as done.  The text goes out whole each time,
 * so that a server that was restarted needs nothing. */
#ifndef SLUICE_PLUGINS_ONCE_SCRIPT_H
#define SLUICE_PLUGINS_ONCE_SCRIPT_H

/* ARGV: our lease, its time in ms, a digit a key.  Answers a triple a key: 0 reserved, 1 leased,
 * 2 done; how many ms ago; for how many ms more.  -1: not known, for ever. */
#define ONCE_TAKE_DONE 1 /* force */
#define ONCE_TAKE_OURS 2 /* a lease of ours is nobody's */
#define ONCE_ONLY_LOOK 4 /* take nothing */
extern const char once_script_reserve[];
/* ARGV: our lease, ms until what is done is forgotten (0: never), '1' (done) or '0' (free) a key.
 * Answers a 1 a key, or 0: somebody else has it. */
extern const char once_script_conclude[];
/* ARGV: our lease, its time in ms.  Answers a 1 a key, or 0: somebody else has it. */
extern const char once_script_renew[];

#endif

/* key_path: where in a document the keys stand: "category", "purchases[].product_id".
 *
 * The last name is a member; what is set goes into the object that holds it. */
#ifndef SLUICE_PLUGINS_KEY_PATH_H
#define SLUICE_PLUGINS_KEY_PATH_H

#include <sluice/plugin.h>

#define KEY_PATH_MAX 8u

struct key_path {
    uint32_t n;
    struct {
        const char *name; /* not NUL-terminated */
        uint64_t len;
        int each; /* "[]": a list, every child of it */
    } part[KEY_PATH_MAX];
};

/* NULL, or why the text is no such path. */
const char *key_path_parse(struct key_path *path, const char *text);
/* Calls fn for each object that the path reaches, until one answers 0. */
typedef int (*key_path_each)(void *context, struct sluice_node *object);
int key_path_walk(const struct sluice_document_api *document, const struct key_path *path,
                  struct sluice_node *root, key_path_each fn, void *context);

#endif

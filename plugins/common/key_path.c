/* key_path: a document that lacks a part of the path has nothing there to look up,
 * which is no error: an empty purchase list is a user without history. */
#include "key_path.h"

const char *key_path_parse(struct key_path *path, const char *text)
{
    const char *at = text;

    for (path->n = 0;;) {
        uint64_t len = strcspn(at, ".[");

        if (path->n == KEY_PATH_MAX)
            return "goes deeper than 8 names";
        if (len == 0)
            return "has an empty name";
        path->part[path->n].name = at;
        path->part[path->n].len = len;
        path->part[path->n].each = 0;
        at += len;
        if (strncmp(at, "[]", 2) == 0) {
            path->part[path->n].each = 1;
            at += 2;
        }
        path->n++;
        if (*at == '\0')
            break;
        if (*at != '.')
            return "is not names with dots between them, [] after those that are lists";
        at++;
    }
    return path->part[path->n - 1].each ? "ends in a list; name the member of its items that holds the key"
                                        : NULL;
}

static int walk(const struct sluice_document_api *document, const struct key_path *path, uint32_t from,
                struct sluice_node *node, key_path_each fn, void *context)
{
    struct sluice_node *child;

    if (document->type(node) != SLUICE_OBJECT)
        return 1;
    if (from + 1 == path->n)
        return fn(context, node);
    child = document->get(node, path->part[from].name, path->part[from].len);
    if (!path->part[from].each)
        return walk(document, path, from + 1, child, fn, context);
    if (document->type(child) != SLUICE_ARRAY)
        return 1;
    for (child = document->first(child); child != NULL; child = document->next(child))
        if (!walk(document, path, from + 1, child, fn, context))
            return 0;
    return 1;
}

int key_path_walk(const struct sluice_document_api *document, const struct key_path *path,
                  struct sluice_node *root, key_path_each fn, void *context)
{
    return walk(document, path, 0, root, fn, context);
}

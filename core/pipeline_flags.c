/* pipeline_flags: which version of which feature flag the gates of a pipeline decide on. */
#include <string.h>

#include <sluice/flag.h>

#include "pipeline_private.h"

/* The gate's word on its flag; NULL: it reads none. */
static const struct sluice_flag *flag_of(struct instance *i)
{
    const struct plugin *plugin = instance_plugin(i);
    const struct sluice_flag *flag;

    if (plugin->desc.kind != SLUICE_GATE || plugin->lifecycle.extension == NULL)
        return NULL;
    flag = plugin->lifecycle.extension(instance_self(i), SLUICE_FLAG_ID);
    return flag != NULL && flag->struct_size >= offsetof(struct sluice_flag, users) ? flag : NULL;
}

void pipeline_flags_json(struct pipeline *p, struct strbuf *out)
{
    const struct sluice_flag *flag;
    char version[128];
    const char *name;
    int first = 1;
    size_t i;

    strbuf_puts(out, ",\"flags\":[");
    for (i = 0; i < p->spec->n_instances; i++) {
        flag = flag_of(p->instances[i]);
        if (flag == NULL)
            continue;
        name = flag->name(instance_self(p->instances[i]));
        strbuf_puts(out, first ? "{\"gate\":" : ",{\"gate\":");
        first = 0;
        strbuf_json(out, instance_name(p->instances[i]), strlen(instance_name(p->instances[i])));
        strbuf_puts(out, ",\"flag\":");
        strbuf_json(out, name, strlen(name));
        strbuf_puts(out, ",\"version\":");
        if (flag->version(instance_self(p->instances[i]), version, sizeof version))
            strbuf_json(out, version, strlen(version));
        else
            strbuf_puts(out, "null"); /* never read, or not started */
        strbuf_putc(out, '}');
    }
    strbuf_putc(out, ']');
}

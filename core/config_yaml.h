/* config_yaml: libyaml's errors as problems. */
#ifndef SLUICE_CORE_CONFIG_YAML_H
#define SLUICE_CORE_CONFIG_YAML_H

#include <yaml.h>

#include "config_internal.h"

/* Tells why the parser, which reads text as file, stopped. */
void config_yaml_problem(struct loader *l, const char *file, const yaml_parser_t *y, const char *text,
                         size_t len);

#endif

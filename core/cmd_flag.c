/* cmd_flag: `sluice flag users` and `sluice flag upload`. */
#include <string.h>

#include "command.h"
#include "flag_gate.h"

int cmd_flag(int argc, char **argv)
{
    static const struct cli_command command = {
        .name = "flag",
        .words = "users [FLAG] | upload",
        .summary = "Who is behind a feature flag of the config, and a file of users for one.",
        .min_words = 1,
        .max_words = CLI_MAX_LIST,
        .more = "`sluice flag users --help` and `sluice flag upload --help` tell more.",
    };
    struct cli_list words;
    int code;

    if (argc > 1 && strcmp(argv[1], "users") == 0)
        return flag_users_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "upload") == 0)
        return flag_upload_main(argc - 1, argv + 1);
    code = cli_parse(&command, argc, argv, &words);
    return code != CLI_GO_ON ? code : cli_misuse(&command, "there is no 'flag %s'", words.items[0]);
}

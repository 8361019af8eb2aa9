/* check_valkey: batches, deadlines and what is said when a server misbehaves. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../plugins/common/valkey.h"
#include "one_suite.h"
#include "resp_server.h"

static struct resp_server *server;
static struct valkey_settings settings;
static struct sluice_error err;

/* Inside a test, since the server's thread would not survive the fork. */
static struct valkey *open_valkey(void)
{
    const char *colon;

    if (server == NULL)
        server = resp_server_new();
    colon = strchr(resp_server_address(server), ':');
    settings = (struct valkey_settings){.connect_ms = 2000, .command_ms = 2000};
    (void)snprintf(settings.host, sizeof settings.host, "127.0.0.1");
    (void)snprintf(settings.port, sizeof settings.port, "%s", colon + 1);
    return valkey_new(&settings, NULL, NULL);
}

static void reset(void)
{
    server = NULL;
    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
}

static void clean_up(void)
{
    if (server != NULL)
        resp_server_free(server);
}

static void add(struct valkey *v, const char *one, const char *two)
{
    struct sluice_str words[2] = {sluice_str_of(one), sluice_str_of(two)};

    valkey_add(v, two != NULL ? 2 : 1, words);
}

struct heard {
    uint32_t n;
    long long integers[100000];
    char error[200];
};

static struct heard heard;

static void hear(void *context, uint32_t i, const redisReply *reply)
{
    struct heard *h = context;

    ck_assert_uint_eq(i, h->n);
    h->integers[h->n++] = reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
    if (reply->type == REDIS_REPLY_ERROR)
        (void)snprintf(h->error, sizeof h->error, "%s", reply->str);
}

static uint32_t run(struct valkey *v)
{
    heard.n = 0;
    heard.error[0] = '\0';
    return valkey_run(v, hear, &heard, &err);
}

static void ck_said(uint32_t code, uint32_t expected, const char *option, const char *words)
{
    ck_assert_msg(code == expected, "answered %u: %s", code, err.message);
    ck_assert_str_eq(err.option, option);
    ck_assert_msg(strstr(err.message, words) != NULL, "said: %s", err.message);
}

START_TEST(replies_come_in_the_order_of_the_commands)
{
    struct valkey *v = open_valkey();

    resp_server_key(server, "b", 1);
    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    add(v, "EXISTS", "a");
    add(v, "EXISTS", "b");
    add(v, "NONSENSE", "b");
    add(v, "EXISTS", "b");
    ck_assert_uint_eq(run(v), SLUICE_OK);
    ck_assert_uint_eq(heard.n, 4);
    ck_assert_int_eq(heard.integers[0], 0);
    ck_assert_int_eq(heard.integers[1], 1);
    ck_assert_int_eq(heard.integers[2], -1);
    ck_assert_int_eq(heard.integers[3], 1);
    valkey_free(v);
}
END_TEST

START_TEST(a_batch_may_be_larger_than_all_buffers_between)
{
    struct valkey *v = open_valkey();
    uint32_t i;

    settings.command_ms = 60000;
    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    for (i = 0; i < 100000; i++)
        add(v, "EXISTS", "experiment:enrolled:somebody-with-a-name-of-a-good-length");
    ck_assert_msg(run(v) == SLUICE_OK, "%s", err.message);
    ck_assert_uint_eq(heard.n, 100000);
    valkey_free(v);
}
END_TEST

START_TEST(a_word_may_hold_any_bytes)
{
    struct valkey *v = open_valkey();
    struct sluice_str words[2] = {sluice_str_of("EXISTS"), {"a\r\n$1\r\nb", 9}};

    resp_server_key(server, "a\r\n$1\r\nb", 1);
    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    valkey_add(v, 2, words);
    ck_assert_uint_eq(run(v), SLUICE_OK);
    ck_assert_int_eq(heard.integers[0], 1);
    valkey_free(v);
}
END_TEST

START_TEST(a_password_alone_logs_the_default_user_in)
{
    struct valkey *v = open_valkey();

    resp_server_login(server, NULL, "secret");
    settings.password = "secret";
    ck_assert_msg(valkey_connect(v, &err) == SLUICE_OK, "%s", err.message);
    valkey_free(v);
}
END_TEST

START_TEST(a_name_is_resolved)
{
    struct valkey *v = open_valkey();

    (void)snprintf(settings.host, sizeof settings.host, "localhost");
    ck_assert_msg(valkey_connect(v, &err) == SLUICE_OK, "%s", err.message);
    valkey_free(v);
}
END_TEST

/* Whatever the machine's name service does with a name that cannot be, it is over in time. */
START_TEST(a_name_that_nobody_knows_is_told_in_time)
{
    struct valkey *v = open_valkey();
    struct timespec from, to;

    (void)snprintf(settings.host, sizeof settings.host, "no-such-host.invalid");
    settings.connect_ms = 300;
    clock_gettime(CLOCK_MONOTONIC, &from);
    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_DISCONNECTED);
    clock_gettime(CLOCK_MONOTONIC, &to);
    ck_assert_str_eq(err.option, "address");
    ck_assert_msg(strstr(err.message, "is not known") != NULL || strstr(err.message, "was not found") != NULL,
                  "%s", err.message);
    ck_assert_int_lt(to.tv_sec - from.tv_sec, 4);
    valkey_free(v);
}
END_TEST

START_TEST(a_user_logs_in_and_a_database_is_selected)
{
    struct valkey *v = open_valkey();

    resp_server_login(server, "worker", "secret");
    settings.user = "worker";
    settings.password = "secret";
    settings.db = 3;
    ck_assert_msg(valkey_connect(v, &err) == SLUICE_OK, "%s", err.message);
    ck_assert_int_eq(resp_server_db(server), 3);
    valkey_free(v);
}
END_TEST

START_TEST(a_login_that_is_refused_is_told_by_its_option_and_without_the_secret)
{
    struct valkey *v = open_valkey();

    resp_server_login(server, NULL, "secret");
    ck_said(valkey_connect(v, &err), SLUICE_FATAL, "password", "asks for a password");
    ck_assert_int_eq(valkey_is_open(v), 0);
    settings.password = "canary";
    ck_said(valkey_connect(v, &err), SLUICE_FATAL, "password", "does not know this user and password");
    ck_assert_ptr_null(strstr(err.message, "canary"));
    resp_server_login(server, NULL, "");
    ck_said(valkey_connect(v, &err), SLUICE_FATAL, "password", "has no password for its default user");
    valkey_free(v);
}
END_TEST

START_TEST(a_server_that_loads_its_data_is_waited_for)
{
    struct valkey *v = open_valkey();

    resp_server_answer(server, "PING", "-LOADING Valkey is loading the dataset in memory\r\n");
    ck_said(valkey_connect(v, &err), SLUICE_DISCONNECTED, "address", "still loading");
    resp_server_answer(server, "PING", NULL);
    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    valkey_free(v);
}
END_TEST

START_TEST(nobody_at_the_address_is_told_at_once)
{
    struct valkey *v = open_valkey();

    resp_server_down(server);
    ck_said(valkey_connect(v, &err), SLUICE_DISCONNECTED, "address", "connection refused");
    ck_assert_ptr_nonnull(strstr(err.message, resp_server_address(server)));
    resp_server_up(server);
    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    valkey_free(v);
}
END_TEST

START_TEST(a_server_without_a_word_is_left_after_the_deadline)
{
    struct valkey *v = open_valkey();

    settings.connect_ms = settings.command_ms = 60;
    resp_server_hold(server, 1);
    ck_said(valkey_connect(v, &err), SLUICE_DISCONNECTED, "address", "did not answer within connect_timeout");
    resp_server_hold(server, 0);
    settings.connect_ms = 2000;
    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    resp_server_hold(server, 1);
    add(v, "EXISTS", "a");
    ck_said(run(v), SLUICE_DISCONNECTED, "address", "did not answer within command_timeout (60 ms)");
    ck_assert_int_eq(valkey_is_open(v), 0);
    valkey_free(v);
}
END_TEST

START_TEST(a_connection_cut_in_a_batch_is_not_used_again)
{
    struct valkey *v = open_valkey();

    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    resp_server_cut(server, 2);
    add(v, "EXISTS", "a");
    add(v, "EXISTS", "b");
    add(v, "EXISTS", "c");
    ck_said(run(v), SLUICE_DISCONNECTED, "address", "closed the connection");
    ck_assert_uint_eq(heard.n, 2);
    add(v, "EXISTS", "a");
    ck_said(run(v), SLUICE_DISCONNECTED, "address", "is not connected");
    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    add(v, "EXISTS", "a");
    ck_assert_uint_eq(run(v), SLUICE_OK);
    ck_assert_uint_eq(heard.n, 1);
    valkey_free(v);
}
END_TEST

START_TEST(a_server_that_hangs_up_on_the_greeting_may_want_tls)
{
    struct valkey *v = open_valkey();

    resp_server_cut(server, 0);
    ck_said(valkey_connect(v, &err), SLUICE_DISCONNECTED, "address", "wants TLS");
    valkey_free(v);
}
END_TEST

START_TEST(a_server_of_another_kind_is_recognised)
{
    struct valkey *v = open_valkey();

    resp_server_answer(server, "PING", "HTTP/1.1 400 Bad Request\r\n\r\n");
    ck_said(valkey_connect(v, &err), SLUICE_DISCONNECTED, "address", "does not speak the protocol of Valkey");
    valkey_free(v);
}
END_TEST

START_TEST(more_answers_than_questions_end_the_connection)
{
    struct valkey *v = open_valkey();

    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    resp_server_answer(server, "EXISTS", ":1\r\n:1\r\n");
    add(v, "EXISTS", "a");
    ck_said(run(v), SLUICE_DISCONNECTED, "address", "answered more than it was asked");
    ck_assert_int_eq(valkey_is_open(v), 0);
    valkey_free(v);
}
END_TEST

START_TEST(what_is_said_unasked_is_no_answer)
{
    struct valkey *v = open_valkey();

    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    resp_server_say(server, ":1\r\n");
    add(v, "EXISTS", "a");
    ck_said(run(v), SLUICE_DISCONNECTED, "address", "spoke without being asked");
    ck_assert_uint_eq(heard.n, 0);
    ck_assert_uint_eq(resp_server_count(server, "EXISTS"), 0);
    valkey_free(v);
}
END_TEST

START_TEST(an_end_between_two_batches_is_seen_before_anything_is_sent)
{
    struct valkey *v = open_valkey();

    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    resp_server_drop(server);
    add(v, "EXISTS", "a");
    ck_said(run(v), SLUICE_DISCONNECTED, "address", "closed the connection");
    ck_assert_int_eq(valkey_hung_up(v), 1);
    valkey_free(v);
}
END_TEST

static int always(void *context)
{
    (void)context;
    return 1;
}

START_TEST(whoever_gives_up_is_let_go)
{
    struct valkey *v;

    valkey_free(open_valkey());
    resp_server_hold(server, 1);
    v = valkey_new(&settings, always, NULL);
    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_CANCELLED);
    ck_assert_int_eq(valkey_is_open(v), 0);
    valkey_free(v);
}
END_TEST

START_TEST(errors_of_the_server_become_words)
{
    static const struct {
        const char *reply, *option, *words;
        uint32_t code;
    } said[] = {
        {"MOVED 3999 127.0.0.1:6381", "address", "node of a cluster", SLUICE_FATAL},
        {"READONLY You can't write against a read only replica.", "address", "name the primary",
         SLUICE_FATAL},
        {"NOPERM this user has no permissions to run the 'exists' command", "user", "access list",
         SLUICE_FATAL},
        {"ERR DB index is out of range", "db", "no database of this number", SLUICE_FATAL},
        {"DENIED Valkey is running in protected mode", "address", "protected mode", SLUICE_FATAL},
        {"BUSY Valkey is busy running a script", "address", "busy with a script", SLUICE_DISCONNECTED},
        {"ERR max number of clients reached", "address", "maxclients", SLUICE_DISCONNECTED},
        {"WHATEVER it may be", "address", "WHATEVER it may be", SLUICE_DISCONNECTED},
    };
    struct valkey *v = open_valkey();
    size_t i;

    for (i = 0; i < sizeof said / sizeof *said; i++)
        ck_said(valkey_explain(v, said[i].reply, &err), said[i].code, said[i].option, said[i].words);
    valkey_free(v);
}
END_TEST

START_TEST(attempts_grow_apart_until_one_succeeds)
{
    struct valkey *v = open_valkey();
    uint32_t last = 0;
    int i;

    resp_server_down(server);
    ck_assert_uint_le(valkey_delay_ms(v), 50);
    for (i = 0; i < 8; i++) {
        ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_DISCONNECTED);
        last = valkey_delay_ms(v);
    }
    ck_assert_uint_ge(last, 1000);
    ck_assert_uint_le(last, 2000);
    resp_server_up(server);
    ck_assert_uint_eq(valkey_connect(v, &err), SLUICE_OK);
    ck_assert_uint_le(valkey_delay_ms(v), 50);
    valkey_free(v);
}
END_TEST

ONE_SUITE_WITH("valkey", 60, reset, clean_up, replies_come_in_the_order_of_the_commands,
               a_batch_may_be_larger_than_all_buffers_between, a_word_may_hold_any_bytes,
               a_password_alone_logs_the_default_user_in, a_name_is_resolved,
               a_name_that_nobody_knows_is_told_in_time, a_user_logs_in_and_a_database_is_selected,
               a_login_that_is_refused_is_told_by_its_option_and_without_the_secret,
               a_server_that_loads_its_data_is_waited_for, nobody_at_the_address_is_told_at_once,
               a_server_without_a_word_is_left_after_the_deadline,
               a_connection_cut_in_a_batch_is_not_used_again,
               a_server_that_hangs_up_on_the_greeting_may_want_tls, a_server_of_another_kind_is_recognised,
               more_answers_than_questions_end_the_connection, whoever_gives_up_is_let_go,
               what_is_said_unasked_is_no_answer, an_end_between_two_batches_is_seen_before_anything_is_sent,
               errors_of_the_server_become_words, attempts_grow_apart_until_one_succeeds)

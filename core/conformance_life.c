/* conformance_life: create, start, stop, cancel, destroy, in every order allowed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "conformance_host.h"

static void create_destroy(struct conf *c)
{
    mock_free(mock_new(c, "a"));
}

static void forbid(struct conf *c)
{
    mock_before_create = NULL;
    if (!conf_forbid_io(c))
        conf_skip(c, "this machine cannot forbid system calls");
}

static void create_does_no_io(struct conf *c)
{
    mock_before_create = forbid;
    (void)mock_new(c, "a");
    /* What create forbade stays forbidden, so destroy is not tried here. */
}

static void create_opens_nothing(struct conf *c)
{
    struct conf_watch before;
    struct mock *m;

    create_destroy(c);
    conf_watch(&before);
    m = mock_new(c, "a");
    conf_watch_same(c, &before, "create");
    mock_free(m);
    conf_watch_same(c, &before, "create and destroy");
}

static void create_100_times(struct conf *c)
{
    struct conf_watch before;

    create_destroy(c);
    conf_watch(&before);
    conf_watch_heap(c, create_destroy, 100, "create and destroy");
    conf_watch_same(c, &before, "100 times create and destroy");
}

static void start_stop(struct conf *c)
{
    struct mock *m = mock_new(c, "a");

    mock_start(m);
    mock_stop(m);
    mock_free(m);
}

static void start_stop_start(struct conf *c)
{
    struct mock *m = mock_new(c, "a");
    int i;

    for (i = 0; i < 4; i++) {
        mock_start(m);
        mock_stop(m);
    }
    mock_free(m);
}

static void start_stop_leaves_nothing(struct conf *c)
{
    struct conf_watch before;

    start_stop(c);
    conf_watch(&before);
    conf_watch_heap(c, start_stop, 20, "create, start, stop and destroy");
    conf_watch_same(c, &before, "20 times start and stop");
}

static void stop_joins_threads(struct conf *c)
{
    struct mock *m = mock_new(c, "a");
    struct conf_watch before;
    int fds;

    conf_watch(&before);
    fds = before.fds;
    before.fds = 1 << 20; /* files may stay open until destroy */
    mock_start(m);
    mock_stop(m);
    conf_watch_same(c, &before, "start and stop");
    mock_free(m);
    before.fds = fds;
    conf_watch_same(c, &before, "start, stop and destroy");
}

static void stops_in_time(struct conf *c)
{
    struct mock *m = mock_new(c, "a");
    struct sluice_error err;
    int64_t before, took;
    uint32_t code = SLUICE_OK;

    mock_start(m);
    if (m->plugin->lifecycle.stop == NULL)
        conf_skip(c, "it has no stop");
    mock_error(&err);
    before = clock_steady_ms();
    code = m->plugin->lifecycle.stop(m->self, 500, &err);
    took = clock_steady_ms() - before;
    m->started = 0;
    CONF_REQUIRE(c, code == SLUICE_OK, "stop answered %s: %s", mock_code(code), mock_said(&err));
    CONF_REQUIRE(c, took <= 1500, "stop took %lld ms and had 500", (long long)took);
    mock_free(m);
}

static void instances_are_apart(struct conf *c)
{
    struct mock *a = mock_new(c, "a"), *b = mock_new(c, "b");

    CONF_REQUIRE(c, a->self != b->self, "two instances share one self");
    mock_free(a);
    mock_start(b);
    mock_stop(b);
    a = mock_new(c, "a");
    CONF_REQUIRE(c, a->self != b->self, "two instances share one self");
    mock_free(b);
    mock_start(a);
    mock_free(a);
}

static void cancel_is_harmless(struct conf *c)
{
    struct mock *m = mock_new(c, "a");

    mock_cancel(m);
    mock_start(m);
    mock_cancel(m);
    mock_cancel(m);
    mock_stop(m);
    mock_start(m);
    mock_free(m);
}

static void probe_answers(struct conf *c)
{
    struct mock *m = mock_new(c, "a");
    struct sluice_error err;
    uint32_t code;

    if (m->plugin->lifecycle.probe == NULL)
        conf_skip(c, "it has no probe");
    mock_start(m);
    mock_error(&err);
    code = m->plugin->lifecycle.probe(m->self, &err);
    CONF_REQUIRE(
        c, code == SLUICE_OK || code == SLUICE_RETRY || code == SLUICE_DISCONNECTED || code == SLUICE_FATAL,
        "probe answered %s", mock_code(code));
    CONF_REQUIRE(c, code == SLUICE_OK || err.message[0] != '\0', "probe answered %s without a message",
                 mock_code(code));
    mock_free(m);
}

static void stats_are_harmless(struct conf *c)
{
    struct mock *m = mock_new(c, "a");

    if (m->plugin->lifecycle.stats == NULL)
        conf_skip(c, "it has no stats");
    mock_start(m);
    m->plugin->lifecycle.stats(m->self);
    m->plugin->lifecycle.stats(m->self);
    mock_free(m);
}

static void unknown_extension_is_absent(struct conf *c)
{
    struct mock *m = mock_new(c, "a");

    if (m->plugin->lifecycle.extension == NULL)
        conf_skip(c, "it has no extension");
    CONF_REQUIRE(c, m->plugin->lifecycle.extension(m->self, "sluice.draft.no-such-thing.1") == NULL,
                 "extension answered to an id that nobody has");
    mock_free(m);
}

/* A whole life with some work, for the cases that watch the process meanwhile. */
static void live(struct conf *c)
{
    struct mock *m = mock_new(c, "a");
    struct sluice_error err;
    struct work w;

    mock_start(m);
    if (m->plugin->desc.kind != SLUICE_SOURCE) {
        work_init(m, &w);
        work_samples(&w, 0, 32);
        (void)work_call(&w, &err);
        work_release(&w);
    }
    mock_stop(m);
    mock_free(m);
}

static void prints_nothing(struct conf *c)
{
    long size;

    live(c);
    (void)fflush(NULL);
    size = (long)lseek(STDOUT_FILENO, 0, SEEK_END);
    CONF_REQUIRE(c, size <= 0, "wrote %ld bytes to stdout or stderr; log through the host", size);
}

static void leaves_process_alone(struct conf *c)
{
    struct strbuf was, is;

    strbuf_init(&was, 65536);
    strbuf_init(&is, 65536);
    conf_process_state(&was);
    live(c);
    conf_process_state(&is);
    CONF_REQUIRE(c, strcmp(strbuf_text(&was), strbuf_text(&is)) == 0,
                 "changed a signal handler, the locale, the folder or the umask");
}

const struct conf_case conf_life_cases[] = {
    {"create-destroy", "is made and destroyed without ever being started", CONF_ALL, 0, create_destroy},
    {"create-does-no-io", "makes no file, socket, thread or process in create", CONF_ALL, 0,
     create_does_no_io},
    {"create-opens-nothing", "leaves no descriptor and no thread by create and destroy", CONF_ALL, 0,
     create_opens_nothing},
    {"create-100-times", "leaves fds, threads and heap level", CONF_ALL, 60, create_100_times},
    {"start-stop", "starts and stops", CONF_ALL, 0, start_stop},
    {"start-stop-start", "starts again after stop", CONF_ALL, 0, start_stop_start},
    {"start-stop-leaves-nothing", "leaves fds, threads and heap level by start and stop", CONF_ALL, 60,
     start_stop_leaves_nothing},
    {"stop-joins-threads", "has no thread left after stop", CONF_ALL, 0, stop_joins_threads},
    {"stop-in-time", "stops within its deadline when idle", CONF_ALL, 0, stops_in_time},
    {"instances-are-apart", "one instance outlives another", CONF_ALL, 0, instances_are_apart},
    {"cancel-is-harmless", "takes cancel at any time and starts again", CONF_ALL, 0, cancel_is_harmless},
    {"probe-answers", "probe answers with a code and a message", CONF_ALL, 0, probe_answers},
    {"stats-are-harmless", "stats may be called at any time between start and stop", CONF_ALL, 0,
     stats_are_harmless},
    {"unknown-extension-absent", "answers NULL to an extension it does not know", CONF_ALL, 0,
     unknown_extension_is_absent},
    {"prints-nothing", "writes nothing to stdout and stderr", CONF_ALL, 0, prints_nothing},
    {"leaves-process-alone", "leaves signals, locale, folder and umask as they are", CONF_ALL, 0,
     leaves_process_alone},
    {NULL, NULL, 0, 0, NULL},
};

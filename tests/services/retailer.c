/*
 * The retailer double: listens on a loopback port, routes requests to the services, ends on
 * SIGTERM.
 *
 * It says "ready" on stdout once it answers.  Test support, never installed.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "retailer.h"

static const char *usage =
    "usage: retailer --port PORT [--products FILE] [--categories FILE] [--purchases JSONL] [--orders JSONL]\n"
    "                [--flags DIR] [--files DIR] [--page N] [--batch-max N] [--today 2025-12-31]\n"
    "  FILE is CSV with a header line, or JSON objects; JSONL is what the topics carry.\n";

struct request {
    struct strbuf body;
    int too_large;
};

static const char *query(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);
}

/* /users/{id}/purchases: the user's id in out; SERVICE_COUNT if it is not such a path. */
static enum service user_route(const char *url, char *out, size_t room)
{
    const char *id = url + 7;
    const char *slash = strchr(id, '/');
    if (slash == NULL || slash == id || (size_t)(slash - id) >= room) {
        return SERVICE_COUNT;
    }
    memcpy(out, id, (size_t)(slash - id));
    out[slash - id] = '\0';
    return strcmp(slash, "/purchases") == 0 ? SERVICE_PURCHASES
           : strcmp(slash, "/orders") == 0  ? SERVICE_ORDERS
                                            : SERVICE_COUNT;
}

static enum service route(const char *method, const char *url, char *user, size_t room)
{
    if (strcmp(method, "POST") == 0) {
        return strcmp(url, "/products:batchGet") == 0     ? SERVICE_FPS
               : strcmp(url, "/categories:batchGet") == 0 ? SERVICE_CATEGORY
                                                          : SERVICE_COUNT;
    }
    if (strcmp(method, "GET") != 0) {
        return SERVICE_COUNT;
    }
    if (strncmp(url, "/flags/", 7) == 0) {
        return SERVICE_FLAGS;
    }
    if (strncmp(url, "/files/", 7) == 0) {
        return SERVICE_FILES;
    }
    return strncmp(url, "/users/", 7) == 0 ? user_route(url, user, room) : SERVICE_COUNT;
}

static void control(const char *method, const char *url, const struct strbuf *body, struct answer *a)
{
    if (strcmp(url, "/_stats") == 0 && strcmp(method, "GET") == 0) {
        fault_stats(&a->body);
    } else if (strcmp(url, "/_users") == 0 && strcmp(method, "GET") == 0) {
        fault_users(&a->body);
    } else if (strcmp(url, "/_reset") == 0 && strcmp(method, "POST") == 0) {
        fault_reset();
        strbuf_puts(&a->body, "{}\n");
    } else if (strcmp(url, "/_control") == 0 && strcmp(method, "POST") == 0) {
        json_t *request = json_loadb(strbuf_text(body), body->len, 0, NULL);
        const char *wrong =
            json_is_object(request) ? fault_control(request) : "the body must be a JSON object";
        if (wrong != NULL) {
            answer_error(a, 400, wrong);
        } else {
            strbuf_puts(&a->body, "{}\n");
        }
        json_decref(request);
    } else {
        answer_error(a, 404, "there is no such path");
    }
}

static void serve(const struct retailer_data *d, enum service service, struct MHD_Connection *c,
                  const char *url, const char *user, const struct strbuf *body, struct answer *a)
{
    const char *match = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match");
    switch (service) {
    case SERVICE_FPS:
    case SERVICE_CATEGORY:
        answer_batch(d, service, strbuf_text(body), body->len, a);
        break;
    case SERVICE_FLAGS:
        answer_file(d->flags, url + 7, ".json", match, a);
        break;
    case SERVICE_FILES:
        answer_file(d->files, url + 7, "", match, a);
        break;
    case SERVICE_PURCHASES:
    case SERVICE_ORDERS:
        answer_history(d, service, user, query(c, "cursor"), query(c, "lookback_days"), a);
        break;
    case SERVICE_COUNT:
        break;
    }
}

static enum MHD_Result respond(const struct retailer_data *d, struct MHD_Connection *c, const char *method,
                               const char *url, const struct request *r)
{
    char user[256] = "";
    const char *cursor = query(c, "cursor");
    struct fault f = {.cut_after_bytes = FAULT_NO_CUT};
    struct answer a = {.status = 200, .type = "application/json"};
    enum service service = route(method, url, user, sizeof user);
    strbuf_init(&a.body, RETAILER_ANSWER_MAX);
    if (service == SERVICE_COUNT) {
        control(method, url, &r->body, &a);
        enum MHD_Result result = answer_send(c, &a, &f);
        strbuf_release(&a.body);
        return result;
    }
    f = fault_take(service, user, cursor == NULL || *cursor == '\0');
    if (r->too_large) {
        answer_error(&a, 413, "the body is too large");
    } else {
        serve(d, service, c, url, user, &r->body, &a);
    }
    if (f.status != 0) {
        a.etag[0] = '\0';
        answer_error(&a, f.status, "this service was told to fail");
    }
    if (f.wrong_json) {
        strbuf_clear(&a.body);
        strbuf_puts(&a.body, "{\"products\":[{\"id\":");
    }
    if (a.body.failed) {
        answer_error(&a, 500, "out of memory");
    }
    enum MHD_Result result = answer_send(c, &a, &f);
    fault_done(service, a.status, a.ids);
    json_decref(a.ids);
    strbuf_release(&a.body);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *len, void **state)
{
    struct request *r = *state;
    (void)version;
    if (r == NULL) {
        r = calloc(1, sizeof *r);
        if (r == NULL) {
            return MHD_NO;
        }
        strbuf_init(&r->body, RETAILER_BODY_MAX);
        *state = r;
        return MHD_YES;
    }
    if (*len > 0) {
        strbuf_add(&r->body, data, *len);
        r->too_large = r->body.failed;
        *len = 0;
        return MHD_YES;
    }
    return respond(arg, c, method, url, r);
}

static void on_end(void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
    struct request *r = *state;
    (void)arg;
    (void)c;
    (void)code;
    if (r != NULL) {
        strbuf_release(&r->body);
        free(r);
        *state = NULL;
    }
}

/* Options into data; the port, or -1. */
static int read_options(int argc, char **argv, struct retailer_data *d)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"products", required_argument, NULL, 'f'},
                                            {"categories", required_argument, NULL, 'c'},
                                            {"purchases", required_argument, NULL, 'h'},
                                            {"orders", required_argument, NULL, 'o'},
                                            {"flags", required_argument, NULL, 'g'},
                                            {"files", required_argument, NULL, 'l'},
                                            {"page", required_argument, NULL, 'n'},
                                            {"batch-max", required_argument, NULL, 'b'},
                                            {"today", required_argument, NULL, 't'},
                                            {NULL, 0, NULL, 0}};
    int port = -1, bad = 0, letter;
    while (!bad && (letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (letter) {
        case 'p':
            port = (int)strtol(optarg, NULL, 10);
            break;
        case 'f':
            bad = data_load_products(d, optarg);
            break;
        case 'c':
            bad = data_load_categories(d, optarg);
            break;
        case 'h':
            bad = data_load_purchases(d, optarg);
            break;
        case 'o':
            bad = data_load_orders(d, optarg);
            break;
        case 'g':
            d->flags = optarg;
            break;
        case 'l':
            d->files = optarg;
            break;
        case 'n':
            d->page = strtoul(optarg, NULL, 10);
            break;
        case 't':
            d->today = optarg;
            break;
        case 'b':
            d->batch_max = strtoul(optarg, NULL, 10);
            break;
        default:
            bad = 1;
        }
    }
    if (bad || optind != argc || port <= 0 || port > 65535 || d->page == 0 || d->batch_max == 0) {
        if (!bad) {
            fputs(usage, stderr);
        }
        return -1;
    }
    return port;
}

int main(int argc, char **argv)
{
    struct retailer_data data = {.products = json_object(),
                                 .categories = json_object(),
                                 .purchases = json_object(),
                                 .orders = json_object(),
                                 .page = 50,
                                 .batch_max = 100};
    sigset_t ends;
    int which, status = 1;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    json_object_seed(0);
    fault_reset();
    int port = read_options(argc, argv, &data);
    if (port > 0) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct MHD_Daemon *daemon =
            MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                                 MHD_USE_ITC | MHD_USE_ERROR_LOG,
                             (uint16_t)port, NULL, NULL, on_request, &data, MHD_OPTION_SOCK_ADDR, &address,
                             MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_CONNECTION_LIMIT, 2000u,
                             MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_END);
        if (daemon != NULL) {
            printf("ready on 127.0.0.1:%d: %zu products, %zu categories, %zu users\n", port,
                   json_object_size(data.products), json_object_size(data.categories),
                   json_object_size(data.purchases));
            (void)fflush(stdout);
            (void)sigwait(&ends, &which);
            answer_stop();
            MHD_stop_daemon(daemon);
            status = 0;
        } else {
            fprintf(stderr, "retailer: port %d: address already in use\n", port);
        }
    }
    data_release(&data);
    return status;
}

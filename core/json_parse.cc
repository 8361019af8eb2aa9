/* json_parse: text to nodes with simdjson, behind the C interface of json.h.
 *
 * No exception leaves this file (it is built without them).  In a steady load
 * nothing is allocated but from the caller's arena: buffers grow by doubling and
 * those above KEEP bytes are given back after use. */
#include <simdjson.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <pthread.h>

extern "C" {
#include "document.h"
#include "json.h"
#include "json_scan.h"
}

namespace dom = simdjson::dom;

/* simdjson makes the names of its implementations at first use, and throws if there is no memory
 * for them; here it is done before main, when there is nothing to lose yet. */
static const size_t first_use = simdjson::get_active_implementation()->name().size();

static constexpr size_t FIRST = 16 * 1024;
static constexpr size_t KEEP = 256 * 1024;

struct json_parser {
    dom::parser parser;
    char *buffer = nullptr;
    size_t cap = 0; /* text bytes that buffer and parser take */

    ~json_parser()
    {
        std::free(buffer);
    }
};

extern "C" struct json_parser *json_parser_new(void)
{
    return new (std::nothrow) json_parser;
}

extern "C" void json_parser_free(struct json_parser *p)
{
    delete p;
}

static void parser_shrink(json_parser *p)
{
    std::free(p->buffer);
    p->buffer = nullptr;
    p->cap = 0;
    p->parser = dom::parser();
}

/* Room for a text of len bytes; false: no memory. */
static bool parser_reserve(json_parser *p, size_t len)
{
    size_t cap = p->cap == 0 ? FIRST : p->cap;

    if (len <= p->cap)
        return true;
    while (cap < len)
        cap *= 2;
    parser_shrink(p);
    p->buffer = static_cast<char *>(std::malloc(cap + simdjson::SIMDJSON_PADDING));
    if (p->buffer == nullptr || p->parser.allocate(cap, JSON_MAX_DEPTH + 2) != simdjson::SUCCESS ||
        p->parser.doc.allocate(cap) != simdjson::SUCCESS) {
        parser_shrink(p);
        return false;
    }
    p->cap = cap;
    return true;
}

namespace
{

/* All texts of a document fit in one piece: each is shorter than its quotes and bytes. */
struct builder {
    struct arena *arena;
    char *text;
    uint32_t depth;
    bool too_deep; /* simdjson does not count empty containers, this does */

    const char *copy(std::string_view s)
    {
        char *out = text;

        std::memcpy(out, s.data(), s.size());
        out[s.size()] = '\0';
        text += s.size() + 1;
        return out;
    }

    bool scalar(sluice_node *node, const dom::element &e)
    {
        switch (e.type()) {
        case dom::element_type::INT64:
            node->type = SLUICE_INT;
            return e.get(node->as.integer) == simdjson::SUCCESS;
        case dom::element_type::UINT64:
            node->type = SLUICE_UINT;
            return e.get(node->as.uinteger) == simdjson::SUCCESS;
        case dom::element_type::DOUBLE:
            node->type = SLUICE_REAL;
            return e.get(node->as.real) == simdjson::SUCCESS;
        case dom::element_type::BOOL: {
            bool value = false;
            bool ok = e.get(value) == simdjson::SUCCESS;

            node->type = SLUICE_BOOL;
            node->as.boolean = value;
            return ok;
        }
        case dom::element_type::STRING: {
            std::string_view s;

            if (e.get(s) != simdjson::SUCCESS)
                return false;
            node->type = SLUICE_TEXT;
            node->as.text.data = copy(s);
            node->as.text.len = s.size();
            return true;
        }
        default:
            node->type = SLUICE_NULL;
            return true;
        }
    }

    bool object(sluice_node *node, const dom::element &e)
    {
        dom::object members;

        node->type = SLUICE_OBJECT;
        if (e.get(members) != simdjson::SUCCESS)
            return false;
        for (auto it = members.begin(); it != members.end(); ++it) {
            sluice_node *child = node_new(arena, SLUICE_NULL);
            std::string_view key = it.key();

            if (child == nullptr || !value(child, it.value()))
                return false;
            child->key_len = static_cast<uint32_t>(key.size());
            child->key = copy(key);
            node_append(node, child);
        }
        return true;
    }

    bool array(sluice_node *node, const dom::element &e)
    {
        dom::array items;

        node->type = SLUICE_ARRAY;
        if (e.get(items) != simdjson::SUCCESS)
            return false;
        for (dom::element item : items) {
            sluice_node *child = node_new(arena, SLUICE_NULL);

            if (child == nullptr || !value(child, item))
                return false;
            node_append(node, child);
        }
        return true;
    }

    bool value(sluice_node *node, const dom::element &e)
    {
        bool ok;

        if (e.type() != dom::element_type::OBJECT && e.type() != dom::element_type::ARRAY)
            return scalar(node, e);
        if (depth == JSON_MAX_DEPTH) {
            too_deep = true;
            return false;
        }
        depth++;
        ok = e.type() == dom::element_type::OBJECT ? object(node, e) : array(node, e);
        depth--;
        return ok;
    }
};

} // namespace

static sluice_node *no_memory(struct sluice_error *err)
{
    sluice_fail(err, SLUICE_RETRY, nullptr, "no memory for a JSON document");
    return nullptr;
}

/* Says what is wrong with a text that simdjson refused. */
static sluice_node *refuse(struct sluice_str text, simdjson::error_code error, struct sluice_error *err)
{
    struct json_scan s;

    if (error == simdjson::MEMALLOC)
        return no_memory(err);
    json_scan_init(&s, text);
    s.ranges = 1;
    if (json_scan_text(&s))
        sluice_fail(err, SLUICE_REJECT, nullptr, "not JSON: %s", simdjson::error_message(error));
    else if (text.len == 0)
        sluice_fail(err, SLUICE_REJECT, nullptr, "not JSON: the text is empty");
    else
        sluice_fail(err, SLUICE_REJECT, nullptr, "not JSON: byte %llu of %llu: %s",
                    static_cast<unsigned long long>(s.at - s.start) + 1,
                    static_cast<unsigned long long>(text.len), s.why);
    return nullptr;
}

extern "C" struct sluice_node *json_parse(struct json_parser *p, struct arena *arena, struct sluice_str text,
                                          struct sluice_error *err)
{
    dom::element root;
    simdjson::error_code error;
    sluice_node *node;
    builder b = {arena, nullptr, 0, false};

    if (text.data == nullptr || text.len == 0)
        return refuse(text, simdjson::EMPTY, err);
    if (text.len > simdjson::SIMDJSON_MAXSIZE_BYTES - simdjson::SIMDJSON_PADDING) {
        sluice_fail(err, SLUICE_REJECT, nullptr, "not read: a JSON text of more than 4 GiB");
        return nullptr;
    }
    if (!parser_reserve(p, text.len))
        return no_memory(err);
    std::memcpy(p->buffer, text.data, text.len);
    std::memset(p->buffer + text.len, ' ', simdjson::SIMDJSON_PADDING);
    error = p->parser.parse(p->buffer, text.len, false).get(root);
    if (error == simdjson::SUCCESS) {
        node = node_new(arena, SLUICE_NULL);
        b.text = static_cast<char *>(arena_alloc(arena, text.len + 1));
        if (node == nullptr || b.text == nullptr || !b.value(node, root))
            node = b.too_deep ? refuse(text, simdjson::DEPTH_ERROR, err) : no_memory(err);
    } else {
        node = refuse(text, error, err);
    }
    if (p->cap > KEEP)
        parser_shrink(p);
    return node;
}

static pthread_key_t own_key;
static int own_key_failed;

static void own_free(void *p)
{
    json_parser_free(static_cast<json_parser *>(p));
}

static void own_key_make()
{
    own_key_failed = pthread_key_create(&own_key, own_free);
}

/* Not a thread_local with a destructor: glibc aborts the process if it lacks memory
 * to note the destructor. */
static json_parser *own_parser()
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_parser *p;

    if (pthread_once(&once, own_key_make) != 0 || own_key_failed != 0)
        return nullptr;
    p = static_cast<json_parser *>(pthread_getspecific(own_key));
    if (p != nullptr)
        return p;
    p = json_parser_new();
    if (p != nullptr && pthread_setspecific(own_key, p) != 0) {
        json_parser_free(p);
        p = nullptr;
    }
    return p;
}

extern "C" struct sluice_node *json_parse_text(struct arena *arena, struct sluice_str text,
                                               struct sluice_error *err)
{
    json_parser *own = own_parser();

    return own == nullptr ? no_memory(err) : json_parse(own, arena, text, err);
}

extern "C" size_t json_format_real(double value, char out[32])
{
    std::to_chars_result r = std::to_chars(out, out + 30, value);
    size_t len = static_cast<size_t>(r.ptr - out);

    if (std::memchr(out, '.', len) == nullptr && std::memchr(out, 'e', len) == nullptr) {
        out[len++] = '.'; /* or it would read back as an integer */
        out[len++] = '0';
    }
    return len;
}

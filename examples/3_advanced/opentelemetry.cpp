// Traces for OpenTelemetry: a span for each operation and each of its attempts, below the span of the caller's own that the tag
// names. Debian has no OpenTelemetry for C++, so the spans are written as OTLP in JSON, one export a line, which a collector
// reads from a file (`otlpjsonfile`); a program that links the SDK makes its spans at the same places.

#include <apimart.hpp>
#include <apimart/testing/config_for.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace asio = boost::asio;
namespace json = boost::json;
using namespace apimart;

std::string hex(std::uint64_t number)
{
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
    return text;
}

std::uint64_t random_number()
{
    static std::random_device source;
    return std::uint64_t{source()} << 32U | source();
}

class spans
{
public:
    void write(attempt_event const& e)
    {
        json::object span = made("attempt", e.tag, e.operation, e.elapsed, e.code);
        span["spanId"] = hex(random_number());
        span["parentSpanId"] = id_of(e.operation);
        add(span, "server.address", e.host);
        add(span, "apimart.phase", e.phase);
        if (e.http_status != 0)
            add(span, "http.response.status_code", std::to_string(e.http_status));
        print(std::move(span));
    }

    void write(operation_event const& e)
    {
        json::object span = made(to_string(e.kind), e.tag, e.operation, e.elapsed, e.code);
        span["spanId"] = id_of(e.operation);
        if (std::string_view const context = e.tag.text(); is_trace_context(context))
            span["parentSpanId"] = std::string(context.substr(36, 16));
        add(span, "apimart.task_id", e.task_id);
        add(span, "apimart.idempotency_key", e.idempotency_key);
        print(std::move(span));
    }

private:
    // A traceparent of W3C Trace Context: version, trace, span, flags.
    static bool is_trace_context(std::string_view tag) { return tag.size() == 55 && tag.starts_with("00-"); }

    // An attempt ends before its operation, and knows its span all the same.
    std::string id_of(std::uint64_t operation) const { return hex(first_ + operation); }

    json::object made(std::string_view name, operation_tag const& tag, std::uint64_t operation,
                      std::chrono::microseconds elapsed, error_code const& code) const
    {
        std::string_view const context = tag.text();
        auto const end = std::chrono::system_clock::now().time_since_epoch();
        auto const nanoseconds = [](std::chrono::nanoseconds at) { return std::to_string(at.count()); };
        json::object span;
        span["traceId"] =
            is_trace_context(context) ? std::string(context.substr(3, 32)) : hex(first_) + hex(operation);
        span["name"] = "apimart " + std::string(name);
        span["kind"] = 3; // a client
        span["startTimeUnixNano"] = nanoseconds(end - elapsed);
        span["endTimeUnixNano"] = nanoseconds(end);
        span["attributes"] = json::array();
        if (code) {
            span["status"] = json::object{{"code", 2}, {"message", code.message()}};
            add(span, "error.type", code_name(code));
        }
        return span;
    }

    static void add(json::object& span, std::string const& name, std::string const& value)
    {
        if (!value.empty())
            span["attributes"].as_array().push_back(
                json::object{{"key", name}, {"value", json::object{{"stringValue", value}}}});
    }

    static void print(json::object span)
    {
        json::object service;
        service["key"] = "service.name";
        service["value"] = json::object{{"stringValue", "corgi"}};
        json::object scope;
        scope["scope"] = json::object{{"name", "apimart"}};
        scope["spans"].emplace_array().push_back(std::move(span));
        json::object resource;
        resource["resource"].emplace_object()["attributes"].emplace_array().push_back(std::move(service));
        resource["scopeSpans"].emplace_array().push_back(std::move(scope));
        json::object trace;
        trace["resourceSpans"].emplace_array().push_back(std::move(resource));
        std::cout << trace << '\n';
    }

    std::uint64_t const first_ = random_number();
};

observer tracing_observer()
{
    auto const all = std::make_shared<spans>();
    observer tell;
    tell.on_attempt = [all](attempt_event const& e) { all->write(e); };
    tell.on_operation = [all](operation_event const& e) { all->write(e); };
    return tell;
}

// As it comes with the request of somebody who wants a video.
asio::awaitable<void> corgi(client service, std::string traceparent)
{
    task submitted = co_await service.submit(text_to_video<kling_3_0_turbo>("A corgi running on the beach"),
                                             {.tag = traceparent});
    co_await service.wait(submitted, {.tag = traceparent});
    co_await service.shutdown();
}

int main()
{
    asio::io_context context;
    testing::emulator_options options;
    options.speed = 100;
    options.scenario = testing::scenario::parse(R"({"faults": [{"on": "submit", "status": 429}]})");
    testing::emulator emulator(context.get_executor(), options);
    emulator.start();

    client_config config = testing::config_for(emulator);
    config.observer = tracing_observer();
    int status = 0;
    std::string const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    asio::co_spawn(context, corgi(client(context, config), traceparent), [&](std::exception_ptr failed) {
        status = failed ? 1 : 0;
        emulator.stop();
    });
    context.run();
    return status;
}

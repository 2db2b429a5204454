// Any bytes may arrive at any_request::parse. What it accepts must pass its own check, and what is written
// must be read again as the same request, to the byte.

#include "target.hpp"

#include <apimart/any_request.hpp>
#include <apimart/price.hpp>
#include <apimart/visit.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using apimart::any_request;
using apimart::unknown_fields;
using fuzz::require;

void examine(std::string_view json, unknown_fields others)
{
    auto const first = any_request::parse(json, others);
    if (!first) {
        require(!first.error().ok(), "a refusal says why");
        require(!first.error().describe().empty(), "a refusal can be described");
        return;
    }
    require(first->check().ok(), "what is accepted passes its own check");
    std::string const written = first->serialize();
    auto const second = any_request::parse(written, others);
    require(second.has_value(), "what was written is accepted");
    require(second->serialize() == written, "what was read again is written as before");
    require(second->kind() == first->kind(), "the kind is read off the body");
    require(any_request::from_json(first->body(), others).has_value(), "the value is as good as its text");
    static_cast<void>(first->effective_prompt());
    static_cast<void>(apimart::estimate_cost(*first));
    bool const visited = visit(
        [&](auto const& typed) { require(any_request(typed).serialize() == written, "typed and back"); },
        *first);
    require(visited, "every accepted request has a type");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    std::string_view const json(reinterpret_cast<char const*>(data), size);
    examine(json, unknown_fields::reject);
    examine(json, unknown_fields::preserve);
    return 0;
}

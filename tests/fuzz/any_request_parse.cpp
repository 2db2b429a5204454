// Any bytes may arrive at any_request::parse. What it accepts must pass its own check, and what is written
// must be read again as the same request, to the byte.
//
// Built with -fsanitize=fuzzer this is a libFuzzer target. Otherwise it is a program that runs the files it
// is given, each line of a .jsonl file for itself.

#include <apimart/any_request.hpp>
#include <apimart/price.hpp>
#include <apimart/visit.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

namespace {

using apimart::any_request;
using apimart::unknown_fields;

void require(bool good, char const* what)
{
    if (!good) {
        std::fprintf(stderr, "violated: %s\n", what);
        std::abort();
    }
}

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

#ifndef APIMART_LIBFUZZER
int main(int argc, char** argv)
{
    std::size_t inputs = 0;
    auto run = [&](std::string const& input) {
        LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(input.data()), input.size());
        ++inputs;
    };
    for (int i = 1; i < argc; ++i) {
        std::ifstream file(argv[i], std::ios::binary);
        if (!file) {
            std::cerr << "cannot read " << argv[i] << '\n';
            return 1;
        }
        if (std::string_view(argv[i]).ends_with(".jsonl"))
            for (std::string line; std::getline(file, line);)
                run(line);
        else
            run(std::string(std::istreambuf_iterator<char>(file), {}));
    }
    std::cout << inputs << " inputs\n";
    return inputs == 0 ? 1 : 0;
}
#endif

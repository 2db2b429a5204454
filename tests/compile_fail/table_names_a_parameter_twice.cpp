// expect: table_names_a_parameter_twice
// SPDX-License-Identifier: BSL-1.0

#include <apimart/request.hpp>

namespace studio {

using namespace apimart::tables;

struct made_up
{
    static constexpr std::string_view id = "made-up-1";
    static constexpr auto shared = table(optional(duration, seconds(2, 12)), optional(seed, integer(0, 99)));
#ifndef CONTROL
    static constexpr auto text_to_video =
        table(required(prompt, text), shared, ignored(seed, integer(0, 99)));
#else
    static constexpr auto text_to_video = table(required(prompt, text), shared);
#endif
};

} // namespace studio

apimart::text_to_video<studio::made_up> r("a cat");

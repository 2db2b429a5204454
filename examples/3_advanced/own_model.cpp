// A model of your own: one table gives the setters, the checks while compiling and at run time, and the JSON Schema. Here it
// is the house's narrower rules for a model of the service; one that the library does not know yet is written the same way.

#include "../example_service.hpp"

#include <boost/json/serialize.hpp>

#include <string_view>

namespace house {

using namespace apimart::tables;

//! [table]
struct turbo
{
    static constexpr std::string_view id = "kling-3.0-turbo";

    static constexpr auto length = seconds(3, 5).by_default(5);
    static constexpr auto shared = table(
        optional(resolution, one_of(apimart::p720).by_default(apimart::p720)), optional(watermark, boolean));

    static constexpr auto text_to_video =
        table(required(prompt, characters(500)),
              optional(aspect_ratio, one_of(apimart::landscape, apimart::portrait)),
              optional(duration, length), shared);
    static constexpr auto image_to_video =
        table(required(tables::first_frame_image, url), recommended(prompt, characters(500)),
              optional(duration, length), shared);
};
//! [table]

} // namespace house

asio::awaitable<void> corgi(client service)
{
    // 15s, which the service would accept, does not compile here.
    any_request request = text_to_video<house::turbo>("A corgi running on the beach").duration(5s);
    std::cout << "checked while compiling: " << (request.check().ok() ? "sound" : "unsound") << '\n';

    // JSON is judged by the same table.
    auto from_a_form =
        any_request::parse(R"({"model": "kling-3.0-turbo", "prompt": "a cat", "duration": 15})",
                           unknown_fields::reject, {&info_of<house::turbo>, 1});
    std::cout << from_a_form.error().describe() << '\n';
    std::cout << schema<house::turbo>()["$defs"].as_object().size() << " kinds in its schema\n";

    task_result done = co_await service.generate(request);
    std::cout << to_string(done.status()) << '\n';
}

int main()
{
    return run_example(corgi);
}

// What the page can ask for.
#ifndef APIMART_STUDIO_HTTP_ROUTER_HPP
#define APIMART_STUDIO_HTTP_ROUTER_HPP

#include "../page_files.hpp"
#include "../production.hpp"
#include "../prometheus.hpp"
#include "answer.hpp"

#include <apimart/schema.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/json/parse.hpp>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace studio {

class router
{
public:
    router(apimart::client client, gallery& clips, production& work, picture_shelf& shelf,
           boost::json::object about)
        : client_(std::move(client)), clips_(clips), work_(work), shelf_(shelf), about_(std::move(about))
    {}

    // A file of the page, which is the same for everybody.
    static std::optional<answer> page(std::string_view path)
    {
        std::string_view const name = path == "/" ? "index.html" : path.substr(1);
        for (page_file const& one : page_files)
            if (one.name == name)
                return text_answer(http::status::ok, std::string(one.content), content_type_of(name));
        return std::nullopt;
    }

    // The file that a path names: a video, a poster or a dropped picture.
    std::optional<std::filesystem::path> file(std::string_view path) const
    {
        for (auto const& [prefix, folder] :
             {std::pair{std::string_view("/videos/"), &work_.videos()}, {"/pictures/", &shelf_.folder()}}) {
            if (!path.starts_with(prefix))
                continue;
            std::string_view const name = path.substr(prefix.size());
            constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789-.";
            if (!name.empty() && name.front() != '.' &&
                name.find_first_not_of(letters) == std::string_view::npos &&
                content_type_of(name) != "application/octet-stream")
                return *folder / name;
        }
        return std::nullopt;
    }

    boost::asio::awaitable<answer> call(http::verb method, std::string_view path, std::string const& body)
    {
        if (method == http::verb::get && path == "/metrics")
            co_return text_answer(http::status::ok, prometheus_text(client_.metrics(), clips_),
                                  "text/plain; version=0.0.4; charset=utf-8");
        if (method == http::verb::get && path == "/api/studio")
            co_return json_answer(about());
        if (method == http::verb::get && path == "/api/clips")
            co_return json_answer(all_clips());
        if (method == http::verb::get && path == "/api/balance")
            co_return co_await balance();
        if (method == http::verb::post && path == "/api/pictures")
            co_return keep_picture(body);
        if (method == http::verb::post && (path == "/api/validate" || path == "/api/clips"))
            co_return judge(body, path == "/api/clips");
        constexpr std::string_view one = "/api/clips/";
        if (path.starts_with(one))
            co_return change(method, path.substr(one.size()), body);
        co_return json_error(http::status::not_found, "There is nothing here.");
    }

private:
    boost::json::object about() const
    {
        boost::json::object out = about_;
        boost::json::array models;
        for (apimart::model_info const& one : apimart::models()) {
            boost::json::array kinds;
            for (apimart::kind_info const& kind : one.kinds)
                kinds.push_back(boost::json::string_view(kind.name));
            models.push_back({{"id", boost::json::string_view(one.id)},
                              {"kinds", std::move(kinds)},
                              {"schema", apimart::schema_of(one)}});
        }
        out["models"] = std::move(models);
        return out;
    }

    boost::json::array all_clips() const
    {
        boost::json::array all;
        for (auto const& [id, one] : clips_.clips())
            all.push_back(one.to_json());
        return all;
    }

    boost::asio::awaitable<answer> balance()
    {
        apimart::result<apimart::balance> left =
            co_await client_.balance({.timeout = std::chrono::seconds(10)}, apimart::as_result());
        if (!left)
            co_return json_error(http::status::bad_gateway, left.error().describe());
        boost::json::object out{{"unlimited", left->unlimited()}};
        if (!left->unlimited())
            out["usd"] = left->remaining_usd();
        co_return json_answer(out);
    }

    answer keep_picture(std::string const& bytes) const
    {
        auto const name = shelf_.keep(bytes);
        if (!name)
            return json_answer({{"violations", violations(name.error())}},
                               http::status::unprocessable_entity);
        return json_answer({{"reference", "picture:" + *name}}, http::status::created);
    }

    answer judge(std::string const& body, bool makes)
    {
        boost::system::error_code wrong;
        boost::json::value const parsed = boost::json::parse(body, wrong);
        boost::json::object const* const order = wrong ? nullptr : parsed.if_object();
        boost::json::value const* const request = order != nullptr ? order->if_contains("request") : nullptr;
        boost::json::value const* const kind = order != nullptr ? order->if_contains("kind") : nullptr;
        if (request == nullptr || !request->is_object() || kind == nullptr || !kind->is_string())
            return json_error(http::status::bad_request, "A request and its kind are expected.");
        judgement const judged(*request, kind->get_string(), shelf_);
        if (!makes)
            return json_answer(judged.to_json());
        boost::json::value const* const key = order->if_contains("key");
        if (key == nullptr || !key->is_string() || key->get_string().size() != 36 ||
            std::string_view(key->get_string()).find_first_not_of(key_letters) != std::string::npos)
            return json_error(http::status::bad_request, "An order has a key of its own.");
        // A page that did not hear the answer asks again with the same key, and buys nothing twice.
        if (clip const* const made = clips_.find_key(key->get_string()))
            return json_answer(made->to_json());
        if (!judged.ok())
            return json_answer(judged.to_json(), http::status::unprocessable_entity);
        return json_answer(
            work_.begin(request->get_object(), judged, std::string(key->get_string())).to_json(),
            http::status::created);
    }

    // /api/clips/ID, /api/clips/ID/follow, /api/clips/ID/task, /api/clips/ID/poster
    answer change(http::verb method, std::string_view rest, std::string const& body)
    {
        std::int64_t id = 0;
        auto const [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), id);
        std::string_view const what = rest.substr(static_cast<std::size_t>(end - rest.data()));
        clip const* const one = clips_.find(id);
        if (code != std::errc() || one == nullptr)
            return json_error(http::status::not_found, "There is no such clip.");
        bool const is_post = method == http::verb::post;
        if (method == http::verb::delete_ && what.empty()) {
            if (is_under_way(one->state))
                return json_error(http::status::conflict, "A clip that is being made cannot be removed.");
            work_.remove(id);
            return json_answer({});
        }
        if (is_post && what == "/follow") {
            if (one->state != clip_state::interrupted)
                return json_error(http::status::conflict, "This clip was not interrupted.");
            work_.follow(id);
            return json_answer({});
        }
        if (is_post && what == "/task") {
            if (one->state != clip_state::unknown)
                return json_error(http::status::conflict, "What became of this clip is known.");
            if (body.empty() || body.size() > 100 ||
                body.find_first_not_of(task_letters) != std::string::npos)
                return json_error(http::status::unprocessable_entity, "That is no id of a task.");
            work_.adopt(id, body);
            return json_answer({});
        }
        if (is_post && what == "/poster") {
            std::ofstream file(work_.videos() / production::poster_name(id),
                               std::ios::binary | std::ios::trunc);
            if (one->state != clip_state::ready || !body.starts_with("\xff\xd8\xff") ||
                !(file << body).flush())
                return json_error(http::status::unprocessable_entity, "That is no poster of a clip.");
            work_.keep_poster(id);
            return json_answer({});
        }
        return json_error(http::status::not_found, "There is nothing here.");
    }

    static constexpr std::string_view key_letters = "abcdef0123456789-";
    static constexpr std::string_view task_letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    apimart::client client_;
    gallery& clips_;
    production& work_;
    picture_shelf& shelf_;
    boost::json::object about_;
};

} // namespace studio

#endif

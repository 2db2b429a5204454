// One order of a video, from the form to the file: what the gallery keeps and the page shows.
#ifndef APIMART_STUDIO_CLIP_HPP
#define APIMART_STUDIO_CLIP_HPP

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace studio {

enum class clip_state
{
    preparing,   // nothing has left yet but pictures, which cost nothing
    sending,     // the submit may have left; a studio that ends now does not know
    waiting,     // the task's id is known
    fetching,    // the video is made and on its way here
    ready,       // the files are here
    failed,      // there will be no video, and nothing is charged
    unknown,     // nobody can know whether it was bought; it is never sent again by itself
    interrupted, // the task is there, but was lost sight of, or its files were not fetched
};

inline constexpr std::array<std::string_view, 8> clip_state_names{
    "preparing", "sending", "waiting", "fetching", "ready", "failed", "unknown", "interrupted"};

constexpr std::string_view to_string(clip_state state) noexcept
{
    return clip_state_names[static_cast<std::size_t>(state)];
}

inline clip_state clip_state_of(std::string_view name)
{
    for (std::size_t i = 0; i != clip_state_names.size(); ++i)
        if (clip_state_names[i] == name)
            return static_cast<clip_state>(i);
    throw std::runtime_error("the gallery holds a state that this studio does not know: " +
                             std::string(name));
}

constexpr bool is_under_way(clip_state state) noexcept
{
    return state <= clip_state::fetching;
}

inline std::int64_t now_ms()
{
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

struct clip
{
    std::int64_t id = 0;
    clip_state state = clip_state::preparing;
    std::string model;
    std::string kind;
    boost::json::object request; // as the form has written it, pictures by their names on the shelf
    std::string key;             // of the page's order, under which it is sent, too
    std::string task_id;
    std::int64_t created_ms = 0;
    std::int64_t ended_ms = 0;
    std::int64_t low_micro_usd = 0; // of the estimate; zero where there was none
    std::int64_t high_micro_usd = 0;
    double cost_usd = 0;
    boost::json::object reason; // why there is no video
    boost::json::array files;   // names in the folder of videos
    bool has_poster = false;

    // Not kept: a later studio learns it anew.
    std::string status;
    std::optional<int> percent;
    std::int64_t revision = 0; // a page that hears of two takes the later one

    boost::json::object to_json() const
    {
        boost::json::object out{{"id", id},
                                {"state", boost::json::string_view(to_string(state))},
                                {"model", model},
                                {"kind", kind},
                                {"request", request},
                                {"key", key},
                                {"task_id", task_id},
                                {"created_ms", created_ms},
                                {"ended_ms", ended_ms},
                                {"low_micro_usd", low_micro_usd},
                                {"high_micro_usd", high_micro_usd},
                                {"cost_usd", cost_usd},
                                {"reason", reason},
                                {"files", files},
                                {"has_poster", has_poster},
                                {"status", status},
                                {"revision", revision}};
        if (percent)
            out["percent"] = *percent;
        return out;
    }
};

} // namespace studio

#endif

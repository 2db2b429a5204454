// Makes the clips: submits, watches, fetches, and writes down each step before the next.
#ifndef APIMART_STUDIO_PRODUCTION_HPP
#define APIMART_STUDIO_PRODUCTION_HPP

#include "event_feed.hpp"
#include "gallery.hpp"
#include "reason.hpp"

#include <apimart/client.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace studio {

class production
{
public:
    production(apimart::client client, gallery& clips, event_feed& feed, std::filesystem::path videos,
               std::chrono::milliseconds pace)
        : client_(std::move(client)), clips_(clips), feed_(feed), videos_(std::move(videos)), pace_(pace),
          idle_(client_.get_executor())
    {
        std::filesystem::create_directories(videos_);
    }

    std::filesystem::path const& videos() const noexcept { return videos_; }

    clip const& begin(boost::json::object given, judgement const& judged, std::string key)
    {
        clip made;
        made.model = judged.request().model();
        made.kind = judged.request().kind();
        made.request = std::move(given);
        made.key = std::move(key);
        made.created_ms = now_ms();
        if (judged.price()) {
            made.low_micro_usd = judged.price()->low_micro_usd();
            made.high_micro_usd = judged.price()->high_micro_usd();
        }
        clip const& added = clips_.add(std::move(made));
        show(added);
        spawn(added.id, make(added.id, judged.request()));
        return added;
    }

    // Goes on with what an earlier studio left. Nothing is sent again: what had perhaps left is shown as that.
    void resume()
    {
        std::vector<clip> left;
        for (auto const& [id, one] : clips_.clips())
            if (is_under_way(one.state))
                left.push_back(one);
        for (clip const& one : left) {
            if (!one.task_id.empty())
                follow(one.id);
            else if (one.state == clip_state::preparing)
                end(one.id, clip_state::failed,
                    reason("not_sent", "the studio was closed before this was sent"));
            else
                end(one.id, clip_state::unknown,
                    reason("unknown", "the studio was closed while this was sent"));
        }
    }

    // Watches the task of a clip, and fetches what it made.
    void follow(std::int64_t id)
    {
        show(clips_.change(id, [](clip& one) {
            one.state = clip_state::waiting;
            one.reason.clear();
            one.ended_ms = 0;
        }));
        spawn(id, watch(id, apimart::task(clips_.find(id)->task_id)));
    }

    // Somebody has looked at the service, and found the task of a submit whose outcome was unknown.
    void adopt(std::int64_t id, std::string task_id)
    {
        clips_.change(id, [&](clip& one) { one.task_id = std::move(task_id); });
        follow(id);
    }

    void remove(std::int64_t id)
    {
        clip const gone = *clips_.find(id);
        clips_.remove(id);
        std::error_code ignored;
        for (boost::json::value const& name : gone.files)
            std::filesystem::remove(videos_ / std::string(name.as_string()), ignored);
        std::filesystem::remove(videos_ / poster_name(id), ignored);
        feed_.tell("removed", {{"id", id}});
    }

    void keep_poster(std::int64_t id)
    {
        show(clips_.change(id, [](clip& one) { one.has_poster = true; }));
    }

    static std::string poster_name(std::int64_t id) { return "clip-" + std::to_string(id) + ".jpg"; }

    // Until everything has been written down, after the client's shutdown.
    boost::asio::awaitable<void> finish()
    {
        idle_.expires_after(std::chrono::seconds(2));
        while (under_way_ != 0 && idle_.expiry() > std::chrono::steady_clock::now()) {
            boost::system::error_code woken;
            co_await idle_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
        }
    }

private:
    void show(clip const& one) { feed_.tell("clip", one.to_json()); }

    void end(std::int64_t id, clip_state state, boost::json::object why)
    {
        show(clips_.change(id, [&](clip& one) {
            one.state = state;
            one.reason = std::move(why);
            one.ended_ms = now_ms();
        }));
    }

    void spawn(std::int64_t id, boost::asio::awaitable<void> work)
    {
        ++under_way_;
        boost::asio::co_spawn(client_.get_executor(), std::move(work), [this, id](std::exception_ptr failed) {
            if (--under_way_ == 0)
                idle_.cancel();
            try {
                if (failed)
                    std::rethrow_exception(failed);
            } catch (std::exception const& e) {
                // Of the gallery, for what goes wrong with the service comes as a result.
                std::cerr << "clip " << id << ": " << e.what() << '\n';
            }
        });
    }

    boost::asio::awaitable<void> make(std::int64_t id, apimart::any_request request)
    {
        using namespace apimart;
        if (!request.local_images().empty()) {
            result<any_request> linked = co_await client_.upload_files(std::move(request), as_result());
            if (!linked) {
                boost::json::object why = reason(linked.error());
                why["proof"] = "not_sent";
                end(id, clip_state::failed, std::move(why));
                co_return;
            }
            request = std::move(*linked);
        }
        show(clips_.change(id, [](clip& one) { one.state = clip_state::sending; }));
        std::string const key = clips_.find(id)->key;
        std::function<void(task const&)> accepted = [this, id](task const& bought) {
            try {
                note_task(id, bought);
            } catch (std::exception const& e) {
                // It has been bought, and the disk is full: somebody has to know.
                std::cerr << "clip " << id << " is " << bought.id() << ": " << e.what() << '\n';
            }
        };
        submit_options options{.idempotency_key = key, .on_accepted = accepted};
        result<task> sent = co_await client_.submit(std::move(request), options, as_result());
        if (!sent) {
            bool const known = sent.error().acceptance() == acceptance::not_sent ||
                               sent.error().acceptance() == acceptance::rejected;
            end(id, known ? clip_state::failed : clip_state::unknown, reason(sent.error()));
            co_return;
        }
        note_task(id, *sent);
        co_await watch(id, std::move(*sent));
    }

    void note_task(std::int64_t id, apimart::task const& bought)
    {
        if (clips_.find(id)->task_id == bought.id())
            return;
        show(clips_.change(id, [&](clip& one) {
            one.state = clip_state::waiting;
            one.task_id = bought.id();
        }));
    }

    boost::asio::awaitable<void> watch(std::int64_t id, apimart::task one)
    {
        using namespace apimart;
        // A service that cannot be reached is asked again and again, for longer than any video takes.
        task_watcher watcher =
            client_.watch(one, {.timeout = std::chrono::hours(24), .at_least_every = pace_});
        for (;;) {
            result<std::optional<task_state>> next = co_await watcher.next(as_result());
            if (!next) {
                // The next studio goes on where this one is closed.
                if (next.error().code() != errc::shutting_down)
                    end(id, clip_state::interrupted, reason(next.error()));
                co_return;
            }
            task_state const& seen = **next;
            if (!is_final(seen.status())) {
                show(clips_.show_progress(id, seen.raw_status(), seen.progress()));
                continue;
            }
            clips_.change(id, [&](clip& made) { made.cost_usd = seen.cost().value_or(0); });
            if (seen.status() == task_status::succeeded)
                co_await fetch(id, seen);
            else
                end(id, clip_state::failed, reason(seen.error()));
            co_return;
        }
    }

    boost::asio::awaitable<void> fetch(std::int64_t id, apimart::task_state made)
    {
        using namespace apimart;
        show(clips_.change(id, [](clip& one) { one.state = clip_state::fetching; }));
        std::string const target = (videos_ / ("clip-" + std::to_string(id) + ".mp4")).string();
        int shown = -1;
        std::function<void(transfer_progress)> progress = [this, id, shown](transfer_progress now) mutable {
            int const percent =
                now.total.value_or(0) == 0 ? 0 : static_cast<int>(now.bytes * 100 / *now.total);
            if (std::exchange(shown, percent) != percent)
                show(clips_.show_progress(id, "fetching", percent));
        };
        download_options options{.overwrite = true, .on_progress = progress};
        result<std::vector<std::string>> files =
            co_await client_.download_all(std::move(made), target, options, as_result());
        if (!files) {
            if (files.error().code() != errc::shutting_down)
                end(id, clip_state::interrupted, reason(files.error()));
            co_return;
        }
        show(clips_.change(id, [&](clip& one) {
            one.state = clip_state::ready;
            one.ended_ms = now_ms();
            one.files.clear();
            for (std::string const& path : *files)
                one.files.push_back(boost::json::value(std::filesystem::path(path).filename().string()));
        }));
    }

    apimart::client client_;
    gallery& clips_;
    event_feed& feed_;
    std::filesystem::path videos_;
    std::chrono::milliseconds pace_;
    boost::asio::steady_timer idle_;
    std::size_t under_way_ = 0;
};

} // namespace studio

#endif

// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_UPLOAD_CACHE_HPP
#define APIMART_OPERATIONS_UPLOAD_CACHE_HPP

#include <apimart/error.hpp>
#include <apimart/protocol/upload_response.hpp>
#include <apimart/runtime/slots.hpp>
#include <apimart/uploaded_image.hpp>
#include <apimart/validation/picture_reader.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace apimart::detail {

// The links of what was uploaded, by the SHA-256 of the content, and whose turn it is to upload what has none: of several
// calls with the same content one sends it, and the others have what that one gets.
class upload_cache
{
public:
    // By the calendar: a machine that sleeps does not stop the service's clock.
    using time_point = std::chrono::sys_seconds;

    // A task that is ordered with a link may read it an hour later.
    static constexpr auto lifetime = upload_lifetime - std::chrono::hours(1);
    static constexpr std::size_t max_entries = 10'000;

    class entry
    {
    public:
        slots turn{1};

        uploaded_image const* link(time_point now) const { return link_ && now < until_ ? &*link_ : nullptr; }
        void succeeded(uploaded_image link, time_point begun)
        {
            link_ = std::move(link);
            until_ = begun + lifetime;
        }
        // For those who have waited for it; whoever comes later tries anew.
        void failed(error_info why)
        {
            why_ = std::move(why);
            ++failures_;
        }
        int failures() const noexcept { return failures_; }
        error_info const* failure_after(int seen) const { return failures_ != seen ? &*why_ : nullptr; }

    private:
        friend class upload_cache;

        std::optional<uploaded_image> link_;
        time_point until_{};
        std::optional<error_info> why_;
        int failures_ = 0;
    };

    std::shared_ptr<entry> find(sha256_digest const& content, time_point now)
    {
        std::erase_if(entries_,
                      [&](auto const& each) { return is_idle(each) && each.second->until_ <= now; });
        if (entries_.size() >= max_entries && !entries_.contains(content)) {
            auto const oldest =
                std::min_element(entries_.begin(), entries_.end(), [](auto const& a, auto const& b) {
                    return std::pair(!is_idle(a), a.second->until_) <
                           std::pair(!is_idle(b), b.second->until_);
                });
            if (is_idle(*oldest))
                entries_.erase(oldest);
        }
        std::shared_ptr<entry>& found = entries_[content];
        if (!found)
            found = std::make_shared<entry>();
        return found;
    }
    std::size_t size() const noexcept { return entries_.size(); }

    // The execution context goes away.
    void destroy() noexcept
    {
        for (auto const& each : entries_)
            each.second->turn.destroy();
        entries_.clear();
    }

private:
    using place = std::pair<sha256_digest const, std::shared_ptr<entry>>;
    static bool is_idle(place const& each) noexcept { return each.second.use_count() == 1; }

    std::map<sha256_digest, std::shared_ptr<entry>> entries_;
};

} // namespace apimart::detail

#endif

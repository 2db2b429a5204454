// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_IMPL_TASK_IPP
#define APIMART_DETAIL_IMPL_TASK_IPP

#include <apimart/detail/config.hpp>
#include <apimart/task.hpp>

namespace apimart {

APIMART_INLINE std::span<video_file const> task_state::videos() const noexcept
{
    return videos_;
}

APIMART_INLINE task_state& task_state::videos(std::vector<video_file> files)
{
    videos_ = std::move(files);
    return *this;
}

APIMART_INLINE video_file finished_task::video() const
{
    return videos().empty() ? video_file(id(), 0, {}, {}) : videos().front();
}

} // namespace apimart

#endif

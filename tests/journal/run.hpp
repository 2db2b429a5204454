// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_TESTS_JOURNAL_RUN_HPP
#define APIMART_TESTS_JOURNAL_RUN_HPP

#include <apimart/journal.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace asio = boost::asio;

// Until the coroutine has ended, whatever else the context has to do.
inline void run(asio::io_context& context, asio::awaitable<void> what)
{
    bool ended = false;
    std::exception_ptr failed;
    asio::co_spawn(context, std::move(what), [&](std::exception_ptr why) {
        ended = true;
        failed = why;
    });
    context.restart();
    while (!ended && context.run_one() != 0) {
    }
    if (failed)
        std::rethrow_exception(failed);
    if (!ended)
        throw std::logic_error("the context had nothing to do any more");
}

inline apimart::journal_item item(std::uint64_t index)
{
    std::string const number = std::to_string(index);
    return apimart::journal_item(index, "line " + number, "kling-v3", R"({"prompt":")" + number + R"("})");
}

inline apimart::journal_outcome outcome(apimart::journal_state state, std::string task_id = {})
{
    apimart::journal_outcome what(state);
    what.task_id = std::move(task_id);
    return what;
}

class temporary_folder
{
public:
    temporary_folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "apimart-journal-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("no temporary folder");
        path_ = name;
    }
    temporary_folder(temporary_folder const&) = delete;
    temporary_folder& operator=(temporary_folder const&) = delete;
    ~temporary_folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::string path(std::string const& name = {}) const { return name.empty() ? path_ : path_ + "/" + name; }

private:
    std::string path_;
};

#endif

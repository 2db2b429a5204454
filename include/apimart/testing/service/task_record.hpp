// SPDX-License-Identifier: BSL-1.0
// One accepted task as it is kept, and as it is told to the client.
#ifndef APIMART_TESTING_SERVICE_TASK_RECORD_HPP
#define APIMART_TESTING_SERVICE_TASK_RECORD_HPP

#include <apimart/testing/faults/scenario.hpp>
#include <apimart/testing/faults/seeded_random.hpp>
#include <apimart/testing/files/file_server.hpp>
#include <apimart/testing/rules/error_reply.hpp>
#include <apimart/testing/rules/filled_text.hpp>
#include <apimart/testing/rules/order.hpp>
#include <apimart/testing/rules/price_list.hpp>
#include <apimart/testing/rules/result_shape.hpp>
#include <apimart/testing/service/service_clock.hpp>
#include <apimart/testing/service/task_life.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace apimart::testing::emulation {

/// What is kept of a task: small, because a test may make many thousands.
class task_record
{
public:
    task_record(std::uint64_t number, service_clock::duration moment, order const& ordered,
                task_life const& planned)
        : index(number), created(moment), what(ordered), life(planned)
    {}

    std::uint64_t index;
    service_clock::duration created;
    order what;
    task_life life;
    /// What `estimated_time` says.
    std::int64_t estimate = 0;
    /// Whether a reply has already told the end of the task.
    bool end_told = false;
    /// Why it fails, if not for the scenario's usual reason.
    std::unique_ptr<std::string> reason;
};

/// Writes tasks in the forms that the scenario asks for.
class task_writer
{
public:
    /// All arguments must outlive the writer; `origin` goes before links.
    task_writer(scenario const& form, service_clock const& clock, file_server const& files,
                std::string const& origin, double speed, std::uint64_t seed)
        : form_(form), clock_(clock), files_(files), origin_(origin), speed_(speed), seed_(seed)
    {}

    /// How long a link lives, in whole seconds.
    ///
    /// Not less than ten: at the speeds that tests use, a day is shorter than a download.
    std::int64_t link_life() const
    {
        double const hours = form_.expires == scenario::expires_form::hours_72 ? 72 : 24;
        return std::max<std::int64_t>(10, static_cast<std::int64_t>(std::ceil(hours * 3600 / speed_)));
    }

    /// Whether a reply to a single query or to one of many is written.
    enum class within : bool
    {
        single,
        batch
    };

    /// Appends the task object. Notes in `task` that its end was told.
    void write(std::string& out, std::string_view id, task_record& task, within place) const
    {
        auto const age = clock_.now() - task.created;
        auto const view = task.life.at(age);
        bool const bare = place == within::batch && form_.batch == scenario::batch_form::without_result;
        out.append(R"({"id":")").append(id).append(R"(","status":")").append(status(view.phase)).append("\"");
        if (!bare)
            write_progress(out, view);
        if (form_.padding_bytes > 0)
            out.append(R"(,"log":")").append(static_cast<std::size_t>(form_.padding_bytes), '.').append("\"");
        if (view.phase == task_phase::completed && !bare)
            write_result(out, id, task);
        if (form_.failure_told_early && !view.finished() && task.life.ending() == task_phase::failed)
            write_failure(out, task);
        auto const created = clock_.unix_seconds(task.created);
        out.append(R"(,"created":)").append(std::to_string(created));
        if (view.finished()) {
            auto const ended = ended_at(task);
            out.append(R"(,"completed":)").append(std::to_string(ended));
            if (view.phase == task_phase::completed) {
                out.append(R"(,"estimated_time":)").append(std::to_string(task.estimate));
                out.append(R"(,"actual_time":)").append(std::to_string(ended - created));
                if (form_.cost) {
                    auto const price = price_of(task.what);
                    out.append(R"(,"cost":)").append(usd_text(price));
                    out.append(R"(,"credits_cost":)").append(credits_text(price));
                }
            } else {
                write_failure(out, task);
            }
            task.end_told = true;
        } else {
            out.append(R"(,"estimated_time":)").append(std::to_string(task.estimate));
        }
        out += '}';
    }

private:
    std::string_view status(task_phase phase) const
    {
        switch (phase) {
        case task_phase::pending:
            return form_.first_status;
        case task_phase::processing:
            return form_.working_status;
        case task_phase::completed:
            return form_.success_word;
        case task_phase::failed:
            return form_.failure == scenario::failure_form::cancelled ? std::string_view("cancelled")
                                                                      : form_.failure_status;
        }
        return "";
    }

    void write_progress(std::string& out, task_view const& view) const
    {
        std::string const gradual = std::to_string(view.progress);
        switch (form_.progress) {
        case scenario::progress_form::jump:
            out.append(R"(,"progress":)").append(view.finished() ? "100" : "0");
            break;
        case scenario::progress_form::gradual:
            out.append(R"(,"progress":)").append(gradual);
            break;
        case scenario::progress_form::text:
            out.append(R"(,"progress":")").append(gradual).append("%\"");
            break;
        case scenario::progress_form::absent:
            break;
        }
    }

    std::int64_t ended_at(task_record const& task) const
    {
        return clock_.unix_seconds(task.created + task.life.finished_after());
    }

    void write_result(std::string& out, std::string_view id, task_record const& task) const
    {
        if (form_.result == scenario::result_form::error) {
            write_failure(out, task);
            return;
        }
        if (form_.result == scenario::result_form::absent ||
            (form_.result == scenario::result_form::late && !task.end_told))
            return;
        bool const stale = form_.link == scenario::link_form::expired ||
                           (form_.link == scenario::link_form::expired_once && !task.end_told);
        // A link given again after its end is a new one, as from a service that signs on every query.
        auto const now = clock_.unix_seconds(clock_.now());
        auto const ended = ended_at(task);
        bool const renewed = form_.link == scenario::link_form::expired_once || now >= ended + link_life();
        auto const expires = stale ? ended - 1 : (renewed ? now : ended) + link_life();
        std::string const until = form_.expires == scenario::expires_form::absent
                                      ? ""
                                      : R"(,"expires_at":)" + std::to_string(expires);
        result_shape const shape = shape_of_result(form_.result_url);
        std::string items;
        for (int sample = 0; sample < (shape.takes_samples ? task.what.samples : 1); ++sample)
            items.append(sample > 0 ? "," : "")
                .append(filled(shape.item, {{"{url}", address(id, task, sample, 0, expires)},
                                            {"{second}", address(id, task, sample, 1, expires)},
                                            {"{until}", until}}));
        out.append(filled(shape.whole, {{"{items}", items}, {"{text}", json_quoted('[' + items + ']')}}));
    }

    std::string address(std::string_view id, task_record const& task, int sample, int copy,
                        std::int64_t expires) const
    {
        char token[17];
        std::snprintf(token, sizeof token, "%016llx",
                      static_cast<unsigned long long>(draw(seed_, draw_for::link, task.index)));
        std::string name(id);
        name.append("_").append(std::to_string(sample));
        if (copy > 0)
            name.append("_").append(std::to_string(copy));
        return '"' + origin_ + files_.link(token, name, expires) + '"';
    }

    void write_failure(std::string& out, task_record const& task) const
    {
        std::string const message = json_quoted(task.reason ? *task.reason : form_.failure_message);
        switch (form_.failure) {
        case scenario::failure_form::object:
            out.append(R"(,"error":{"code":"task_failed","message":)").append(message);
            out.append(R"(,"type":"task_failed","param":""})");
            break;
        case scenario::failure_form::text:
            out.append(R"(,"error":)").append(message);
            break;
        case scenario::failure_form::empty_code:
            out.append(R"(,"error":{"message":)").append(message).append(R"(,"code":""})");
            break;
        case scenario::failure_form::fail_reason:
            out.append(R"(,"fail_reason":)").append(message);
            break;
        case scenario::failure_form::cancelled:
            break;
        }
    }

    scenario const& form_;
    service_clock const& clock_;
    file_server const& files_;
    std::string const& origin_;
    double speed_;
    std::uint64_t seed_;
};

} // namespace apimart::testing::emulation

#endif

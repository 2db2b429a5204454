// The counters of the client and the gallery in the text format of Prometheus.
#ifndef APIMART_STUDIO_PROMETHEUS_HPP
#define APIMART_STUDIO_PROMETHEUS_HPP

#include "gallery.hpp"

#include <apimart/metrics.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace studio {

struct exposed_metric
{
    std::string_view name;
    std::string_view type;
    std::string_view help;
    std::uint64_t apimart::metrics::*value;
};

// clang-format off
inline constexpr exposed_metric exposed_metrics[] = {
    {"apimart_submits_total",             "counter", "Submits sent",                           &apimart::metrics::submits_sent},
    {"apimart_tasks_accepted_total",      "counter", "Submits that ended with a task",         &apimart::metrics::tasks_accepted},
    {"apimart_outcomes_unknown_total",    "counter", "Submits whose outcome is not known",     &apimart::metrics::outcomes_unknown},
    {"apimart_polls_total",               "counter", "Polls by the schedule",                  &apimart::metrics::polls_sent},
    {"apimart_status_requests_total",     "counter", "States asked for beside the schedule",   &apimart::metrics::status_requests_sent},
    {"apimart_uploads_total",             "counter", "Pictures uploaded",                      &apimart::metrics::uploads_sent},
    {"apimart_tasks_finished_total",      "counter", "Tasks seen in a final state",            &apimart::metrics::tasks_finished},
    {"apimart_downloaded_bytes_total",    "counter", "Bytes of results",                       &apimart::metrics::bytes_downloaded},
    {"apimart_connections_total",         "counter", "Connections begun",                      &apimart::metrics::connections_opened},
    {"apimart_connections_failed_total",  "counter", "Connections that served no request",     &apimart::metrics::connections_failed},
    {"apimart_address_fallbacks_total",   "counter", "Addresses that another stood in for",    &apimart::metrics::address_fallbacks},
    {"apimart_stale_connections_total",   "counter", "Kept connections that had ended",        &apimart::metrics::stale_connections},
    {"apimart_unsolicited_data_total",    "counter", "Connections dropped for unasked data",   &apimart::metrics::unsolicited_bytes},
    {"apimart_retries_total",             "counter", "Repeated requests",                      &apimart::metrics::retries},
    {"apimart_retries_refused_total",     "counter", "Repetitions beyond the shared budget",   &apimart::metrics::retries_refused},
    {"apimart_rate_limited_total",        "counter", "Answers that asked for fewer requests",  &apimart::metrics::rate_limited},
    {"apimart_overloaded_total",          "counter", "Operations refused by a full queue",     &apimart::metrics::overloaded},
    {"apimart_failovers_total",           "counter", "Changes to another base URL",            &apimart::metrics::failovers},
    {"apimart_tasks_waiting",             "gauge",   "Tasks that are watched",                 &apimart::metrics::tasks_waiting},
    {"apimart_submits_queued",            "gauge",   "Submits waiting for their turn",         &apimart::metrics::submits_queued},
    {"apimart_requests_in_flight",        "gauge",   "Requests under way",                     &apimart::metrics::requests_in_flight},
    {"apimart_connections_open",          "gauge",   "Open connections",                       &apimart::metrics::connections_open},
};
// clang-format on

inline std::string prometheus_text(apimart::metrics const& of, gallery const& clips)
{
    std::string text;
    auto head = [&](std::string_view name, std::string_view type, std::string_view help) {
        for (std::string_view const part :
             {std::string_view("# HELP "), name, std::string_view(" "), help, std::string_view("\n# TYPE "),
              name, std::string_view(" "), type, std::string_view("\n")})
            text += part;
    };
    for (exposed_metric const& one : exposed_metrics) {
        head(one.name, one.type, one.help);
        text += std::string(one.name) + ' ' + std::to_string(of.*one.value) + '\n';
    }
    std::array<std::uint64_t, clip_state_names.size()> counts{};
    for (auto const& [id, one] : clips.clips())
        ++counts[static_cast<std::size_t>(one.state)];
    head("studio_clips", "gauge", "Clips of the gallery");
    for (std::size_t i = 0; i != counts.size(); ++i)
        text += "studio_clips{state=\"" + std::string(clip_state_names[i]) + "\"} " +
                std::to_string(counts[i]) + '\n';
    return text;
}

} // namespace studio

#endif

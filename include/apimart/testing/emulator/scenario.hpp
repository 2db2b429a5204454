// SPDX-License-Identifier: BSL-1.0
// The switches of the emulator: everything in which the live service is not certain, or can go wrong.
#pragma once

#include <apimart/testing/emulator/error_reply.hpp>
#include <apimart/testing/emulator/fault_script.hpp>
#include <apimart/testing/emulator/request_rules.hpp>
#include <apimart/testing/emulator/switch_reader.hpp>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace apimart::testing {

/// How the emulated service behaves. A default-constructed scenario is the documented service without faults.
///
/// As a JSON document it is an object with the member names below; every member may be left out, and an
/// unknown name or word is an error. Tests may set the members directly as well.
class scenario
{
public:
    enum class submit_reply_form : unsigned char
    {
        array,
        object,
        queued_202,
        error_in_200,
        empty_array
    };
    enum class progress_form : unsigned char
    {
        jump,
        gradual,
        text,
        absent
    };
    enum class result_form : unsigned char
    {
        present,
        late,
        absent
    };
    enum class url_form : unsigned char
    {
        array,
        string,
        several,
        item,
        video_url,
        url
    };
    enum class link_form : unsigned char
    {
        valid,
        expired,
        expired_once,
        forbidden,
        missing,
        no_range
    };
    enum class expires_form : unsigned char
    {
        hours_24,
        hours_72,
        absent
    };
    enum class failure_form : unsigned char
    {
        object,
        text,
        empty_code,
        fail_reason,
        cancelled
    };
    enum class invalid_parameter_form : unsigned char
    {
        error_400,
        error_500,
        task_fails,
        ignored
    };
    enum class unknown_id_form : unsigned char
    {
        error_400,
        error_404,
        error_in_200
    };
    enum class batch_form : unsigned char
    {
        on,
        off,
        without_result
    };
    enum class idempotency_form : unsigned char
    {
        off,
        on,
        in_progress,
        indeterminate,
        unavailable
    };

    scenario() = default;

    /// Reads a document. Throws std::invalid_argument that names the switch.
    explicit scenario(boost::json::value const& document)
    {
        emulation::switch_reader in(document, "scenario");
        read_request_switches(in);
        read_task_switches(in);
        read_faults(in);
        in.finish();
    }

    /// Reads the text of a document. Throws std::invalid_argument.
    static scenario parse(std::string_view text)
    {
        boost::json::error_code error;
        auto const document = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
        if (error)
            throw std::invalid_argument("scenario is not JSON: " + error.message());
        return scenario(document);
    }

    /// `profile`: "original" | "newer". The documentation's revision that requests are judged by.
    emulation::model_profile profile = emulation::model_profile::original;
    /// `inferred_rules`: "enforced" | "ignored". Rules that the documentation only implies.
    emulation::inferred_rules inferred = emulation::inferred_rules::enforced;
    /// `submit_reply`: "array" | "object" | "queued_202" | "error_in_200" (no task is made) |
    /// "empty_array" (the task is made, but the reply has no id).
    submit_reply_form submit_reply = submit_reply_form::array;
    /// `invalid_parameter`: "error_400" | "error_500" | "task_fails" | "ignored".
    invalid_parameter_form invalid_parameter = invalid_parameter_form::error_400;
    /// `idempotency`: "off" | "on" | "in_progress" (the first repetition of a key is told to wait) |
    /// "indeterminate" (every repetition) | "unavailable" (the first use of a key is turned away).
    idempotency_form idempotency = idempotency_form::off;
    /// `unknown_id`: "error_400" | "error_404" | "error_in_200".
    unknown_id_form unknown_id = unknown_id_form::error_400;
    /// `error_code`: "integer" | "empty" | "text" | "absent".
    emulation::error_code_form error_code = emulation::error_code_form::integer;
    /// `batch`: "on" | "off" (404) | "without_result" (items lack progress and result).
    batch_form batch = batch_form::on;
    /// `balance_usd`: what the account holds; orders above it get 402.
    double balance_usd = 1'000'000;
    /// `latency_ms`: real time that every reply takes in addition.
    double latency_ms = 0;

    /// `first_status`: "pending" | "submitted" | "queued" | "running" | "processing" | "in_progress".
    std::string first_status = "pending";
    /// `progress`: "jump" (0 until it is 100) | "gradual" | "text" ("50%") | "absent".
    progress_form progress = progress_form::jump;
    /// `success_word`: "completed" | "success" | "succeeded" | "finished" | "COMPLETED".
    std::string success_word = "completed";
    /// `result`: "present" | "late" (missing in the first reply that says completed) | "absent".
    result_form result = result_form::present;
    /// `result_url`: "array" | "string" | "several" (two addresses of each video) | "item" (videos as
    /// strings) | "video_url" (`result.video_url`) | "url" (`result.url`).
    url_form result_url = url_form::array;
    /// `link`: "valid" | "expired" | "expired_once" (a new poll gives a good one) | "forbidden" (403) |
    /// "missing" (404) | "no_range".
    link_form link = link_form::valid;
    /// `expires_at`: "24h" | "72h" | "absent".
    expires_form expires = expires_form::hours_24;
    /// `cost`: "present" | "absent".
    bool cost = true;
    /// `file_bytes`: size up to which result files are padded (still playable); 0 for the bare clip.
    std::uint64_t file_bytes = 0;

    /// `failure.form`: "object" | "text" | "empty_code" | "fail_reason" | "cancelled".
    failure_form failure = failure_form::object;
    /// `failure.fraction`: share of the tasks that fail, chosen by the seed.
    double failure_fraction = 0;
    /// `failure.word`: tasks with this text in the prompt fail; empty for none.
    std::string failure_word = "[fail]";
    /// `failure.status`: "failed" | "failure" | "error".
    std::string failure_status = "failed";
    /// `failure.message`: the reason given.
    std::string failure_message = "content policy violation";

    /// `faults`: the script, see emulation::fault.
    std::vector<emulation::fault> faults;

private:
    void read_request_switches(emulation::switch_reader& in)
    {
        using emulation::error_code_form;
        in.choose<emulation::model_profile>(
            "profile", profile,
            {{"original", emulation::model_profile::original}, {"newer", emulation::model_profile::newer}});
        in.choose<emulation::inferred_rules>("inferred_rules", inferred,
                                             {{"enforced", emulation::inferred_rules::enforced},
                                              {"ignored", emulation::inferred_rules::ignored}});
        in.choose<submit_reply_form>("submit_reply", submit_reply,
                                     {{"array", submit_reply_form::array},
                                      {"object", submit_reply_form::object},
                                      {"queued_202", submit_reply_form::queued_202},
                                      {"error_in_200", submit_reply_form::error_in_200},
                                      {"empty_array", submit_reply_form::empty_array}});
        in.choose<invalid_parameter_form>("invalid_parameter", invalid_parameter,
                                          {{"error_400", invalid_parameter_form::error_400},
                                           {"error_500", invalid_parameter_form::error_500},
                                           {"task_fails", invalid_parameter_form::task_fails},
                                           {"ignored", invalid_parameter_form::ignored}});
        in.choose<idempotency_form>("idempotency", idempotency,
                                    {{"off", idempotency_form::off},
                                     {"on", idempotency_form::on},
                                     {"in_progress", idempotency_form::in_progress},
                                     {"indeterminate", idempotency_form::indeterminate},
                                     {"unavailable", idempotency_form::unavailable}});
        in.choose<unknown_id_form>("unknown_id", unknown_id,
                                   {{"error_400", unknown_id_form::error_400},
                                    {"error_404", unknown_id_form::error_404},
                                    {"error_in_200", unknown_id_form::error_in_200}});
        in.choose<error_code_form>("error_code", error_code,
                                   {{"integer", error_code_form::integer},
                                    {"empty", error_code_form::empty},
                                    {"text", error_code_form::text},
                                    {"absent", error_code_form::absent}});
        in.choose<batch_form>("batch", batch,
                              {{"on", batch_form::on},
                               {"off", batch_form::off},
                               {"without_result", batch_form::without_result}});
        in.number("balance_usd", balance_usd, 0, 1e12);
        in.number("latency_ms", latency_ms, 0, 3'600'000);
    }

    void read_task_switches(emulation::switch_reader& in)
    {
        in.choose("first_status", first_status,
                  {"pending", "submitted", "queued", "running", "processing", "in_progress"});
        in.choose<progress_form>("progress", progress,
                                 {{"jump", progress_form::jump},
                                  {"gradual", progress_form::gradual},
                                  {"text", progress_form::text},
                                  {"absent", progress_form::absent}});
        in.choose("success_word", success_word,
                  {"completed", "success", "succeeded", "finished", "COMPLETED"});
        in.choose<result_form>("result", result,
                               {{"present", result_form::present},
                                {"late", result_form::late},
                                {"absent", result_form::absent}});
        in.choose<url_form>("result_url", result_url,
                            {{"array", url_form::array},
                             {"string", url_form::string},
                             {"several", url_form::several},
                             {"item", url_form::item},
                             {"video_url", url_form::video_url},
                             {"url", url_form::url}});
        in.choose<link_form>("link", link,
                             {{"valid", link_form::valid},
                              {"expired", link_form::expired},
                              {"expired_once", link_form::expired_once},
                              {"forbidden", link_form::forbidden},
                              {"missing", link_form::missing},
                              {"no_range", link_form::no_range}});
        in.choose<expires_form>("expires_at", expires,
                                {{"24h", expires_form::hours_24},
                                 {"72h", expires_form::hours_72},
                                 {"absent", expires_form::absent}});
        in.choose<bool>("cost", cost, {{"present", true}, {"absent", false}});
        in.count("file_bytes", file_bytes, 1U << 30U);
        if (auto const* nested = in.find("failure")) {
            emulation::switch_reader failing(*nested, "scenario.failure");
            failing.choose<failure_form>("form", failure,
                                         {{"object", failure_form::object},
                                          {"text", failure_form::text},
                                          {"empty_code", failure_form::empty_code},
                                          {"fail_reason", failure_form::fail_reason},
                                          {"cancelled", failure_form::cancelled}});
            failing.number("fraction", failure_fraction, 0, 1);
            failing.text("word", failure_word);
            failing.choose("status", failure_status, {"failed", "failure", "error"});
            failing.text("message", failure_message);
            failing.finish();
        }
    }

    void read_faults(emulation::switch_reader& in)
    {
        auto const* listed = in.find("faults");
        if (listed == nullptr)
            return;
        if (!listed->is_array())
            in.reject("faults", "must be an array");
        std::size_t n = 0;
        for (auto const& each : listed->get_array())
            faults.emplace_back(each, "scenario.faults[" + std::to_string(n++) + ']');
    }
};

} // namespace apimart::testing

// SPDX-License-Identifier: BSL-1.0
// The switches of the emulator: everything in which the live service is not certain, or can go wrong.
#ifndef APIMART_TESTING_FAULTS_SCENARIO_HPP
#define APIMART_TESTING_FAULTS_SCENARIO_HPP

#include <apimart/testing/faults/fault_script.hpp>
#include <apimart/testing/faults/switch_reader.hpp>
#include <apimart/testing/rules/error_reply.hpp>
#include <apimart/testing/rules/request_rules.hpp>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

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
        empty_array,
        task_id_in_object,
        id_in_array,
        own_task_id,
        own_id,
        id_as_data,
        numeric_id,
        long_id
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
        absent,
        error
    };
    enum class url_form : unsigned char
    {
        array,
        string,
        several,
        item,
        video_url,
        url,
        video,
        text,
        list,
        list_as_text,
        items_video_url,
        items_urls,
        urls,
        video_urls,
        output,
        task_video_url,
        task_video,
        task_metadata,
        task_output
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
        with_version,
        off,
        on,
        in_progress,
        key_reused,
        indeterminate,
        unavailable,
        racing
    };
    enum class idempotency_store : unsigned char
    {
        accepted,
        everything
    };
    enum class overload_form : unsigned char
    {
        none,
        error_429,
        error_429_with_wait,
        page_502,
        page_503,
        stalled,
        reset_before,
        reset_after
    };
    enum class balance_form : unsigned char
    {
        numbers,
        texts,
        unlimited,
        error_in_200
    };
    enum class usage_form : unsigned char
    {
        numbers,
        texts,
        unavailable
    };
    enum class callback_form : unsigned char
    {
        off,
        on,
        duplicate
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
        boost::system::error_code error;
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
    /// "empty_array" (the task is made, but the reply has no id) | "task_id_in_object" (`data.task_id`) | "id_in_array"
    /// (`data[0].id`) | "own_task_id", "own_id" (without `data`) | "id_as_data" (`data` is the id, and `code` a word) |
    /// "numeric_id" | "long_id" (of 200 characters). With "array", requests with `X-APIMart-Response-Version` are answered
    /// as with "queued_202".
    submit_reply_form submit_reply = submit_reply_form::array;
    /// `invalid_parameter`: "error_400" | "error_500" | "task_fails" | "ignored".
    invalid_parameter_form invalid_parameter = invalid_parameter_form::error_400;
    /// `idempotency`: "with_version" (as "on" for requests with `X-APIMart-Response-Version`, as "off" for others) |
    /// "off" | "on" | "in_progress" (the first repetition of a key is told to wait, 409) |
    /// "key_reused" (every repetition is told that the body differs, 409) | "indeterminate" (every repetition,
    /// 409) | "unavailable" (the first use of a key is turned away, 503) | "racing" (a repetition while the
    /// first is held after its acceptance makes a second task; otherwise as "on").
    /// With all of those after "off" but "racing", a repetition while the first call is held after its acceptance
    /// is told to wait, and one with another body that the key was reused.
    idempotency_form idempotency = idempotency_form::with_version;
    /// `idempotency_seconds`: how long a key is kept, 86400 by default; 300 for a short window.
    double idempotency_seconds = 86400;
    /// `idempotency_stores`: "accepted" (a refused or failed call leaves its key free) | "everything" (any
    /// answer, that of a fault included, is given again: a stored 500 comes back).
    idempotency_store idempotency_stores = idempotency_store::accepted;
    /// `key_reused_status`: 409 | 422 | 400. The status for a key with another body.
    unsigned key_reused_status = 409;
    /// `overload.form`: "none" | "429" | "429_retry_after" | "502_html" | "503_html" | "stalled" |
    /// "reset_before" (nothing was done) | "reset_after" (it was done). What hits requests to a service that
    /// has too much to do. It is an entry behind those of `faults`; for one operation or another number of
    /// times, write such an entry.
    overload_form overload = overload_form::none;
    /// `overload.fraction`: share of the requests that are hit, chosen by the seed.
    double overload_fraction = 1;
    /// `unknown_id`: "error_400" | "error_404" | "error_in_200".
    unknown_id_form unknown_id = unknown_id_form::error_400;
    /// `error_code`: "integer" | "empty" | "text" | "absent".
    emulation::error_code_form error_code = emulation::error_code_form::integer;
    /// `batch`: "on" | "off" (404) | "without_result" (items lack progress and result).
    batch_form batch = batch_form::on;
    /// `places`: tasks of one key that may run at one time; a further submit gets 429. 0 for any number.
    std::uint64_t places = 0;
    /// `balance_usd`: what the account holds; orders above it get 402.
    double balance_usd = 1'000'000;
    /// `balance_reply`: "numbers" | "text" (amounts as strings) | "unlimited" (a key without a limit: -1 is left)
    /// | "error_in_200" (`success` is false).
    balance_form balance_reply = balance_form::numbers;
    /// `least_balance_usd`: every call of an account that holds less gets 402; 0 for none.
    double least_balance_usd = 0;
    /// `usage_reply`: "numbers" | "text" (amounts as strings) | "unavailable" (503: not known).
    usage_form usage_reply = usage_form::numbers;
    /// `callback`: "off" | "on" | "duplicate" (each is made twice). Whether the end of a task that was ordered
    /// with a `webhook` is told there. Only loopback addresses without TLS are called, as one made of `webhook`
    /// and "/callback"; others are dropped without a word, as the service drops private ones. What becomes of
    /// it depends on the receiver: it is done with any 2xx, given up with a 4xx, and made up to three times
    /// more after a 5xx, none at all or one later than 10 s.
    callback_form callback = callback_form::off;
    /// `latency_ms`: real time that every reply takes in addition.
    double latency_ms = 0;

    /// `first_status`: the word for a task that waits, such as "submitted" or "queued"; any that is not empty.
    std::string first_status = "pending";
    /// `working_status`: the same for a task that is worked on, such as "in_progress".
    std::string working_status = "processing";
    /// `progress`: "jump" (0 until it is 100) | "gradual" | "text" ("50%") | "absent".
    progress_form progress = progress_form::jump;
    /// `success_word`: the word for success, such as "succeeded" or Kling's own "succeed"; any that is not empty.
    std::string success_word = "completed";
    /// `result`: "present" | "late" (missing in the first reply that says completed) | "absent" | "error" (the error of a
    /// failure in its place).
    result_form result = result_form::present;
    /// `result_url`: "array" | "string" | "several" (two addresses of each video) | "item" (videos as
    /// strings) | "video_url" (`result.video_url`) | "url" (`result.url`) | "video" (`result.video`) | "text" (`result`
    /// itself) | "list" (`result` is an array of links) | "list_as_text" (and written as JSON text) | "items_video_url"
    /// (`videos[].video_url`) | "items_urls" (`videos[].urls`) | "urls" (`result.urls`) | "video_urls"
    /// (`result.video_urls`) | "output" (`result.output[].url`) | without `result`: "task_video_url" (`video_url`) |
    /// "task_video" (`video.url`) | "task_metadata" (`metadata.url`) | "task_output" (`output`).
    url_form result_url = url_form::array;
    /// `link`: "valid" | "expired" | "expired_once" (a new poll gives a good one) | "forbidden" (403) |
    /// "missing" (404) | "no_range".
    link_form link = link_form::valid;
    /// `expires_at`: "24h" | "72h" | "absent".
    expires_form expires = expires_form::hours_24;
    /// `cost`: "present" | "absent".
    bool cost = true;
    /// `padding_bytes`: size of a text in every state of a task that nobody reads; 0 for none.
    std::uint64_t padding_bytes = 0;
    /// `file_bytes`: size up to which result files are padded (still playable); 0 for the bare clip.
    std::uint64_t file_bytes = 0;

    /// `failure.form`: "object" | "text" | "empty_code" | "fail_reason" | "cancelled".
    failure_form failure = failure_form::object;
    /// `failure.fraction`: share of the tasks that fail, chosen by the seed.
    double failure_fraction = 0;
    /// `failure.word`: tasks with this text in the prompt fail; empty for none.
    std::string failure_word = "[fail]";
    /// `failure.told`: "at_end" | "early" (the error stands beside the status of a task that still goes on).
    bool failure_told_early = false;
    /// `failure.status`: the word for failure, such as "fail" or "expired"; any that is not empty.
    std::string failure_status = "failed";
    /// `failure.message`: the reason given.
    std::string failure_message = "content policy violation";

    /// `faults`: the script, see emulation::fault.
    std::vector<emulation::fault> faults;

    /// The script with what `overload` adds to it.
    std::vector<emulation::fault> all_faults() const
    {
        using emulation::fault_action;
        using emulation::fault_body;
        auto all = faults;
        if (overload == overload_form::none)
            return all;
        auto& added = all.emplace_back();
        added.name = "overload";
        added.times = emulation::fault::unlimited;
        added.fraction = overload_fraction;
        switch (overload) {
        case overload_form::none:
            break;
        case overload_form::error_429_with_wait:
            added.retry_after = "1";
            [[fallthrough]];
        case overload_form::error_429:
            added.status = 429;
            break;
        case overload_form::page_502:
        case overload_form::page_503:
            added.status = overload == overload_form::page_502 ? 502 : 503;
            added.body = fault_body::html;
            break;
        case overload_form::stalled:
            added.act = fault_action::stall;
            break;
        case overload_form::reset_after:
            added.when = emulation::fault_moment::accepted;
            [[fallthrough]];
        case overload_form::reset_before:
            added.act = fault_action::reset;
            break;
        }
        return all;
    }

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
                                      {"empty_array", submit_reply_form::empty_array},
                                      {"task_id_in_object", submit_reply_form::task_id_in_object},
                                      {"id_in_array", submit_reply_form::id_in_array},
                                      {"own_task_id", submit_reply_form::own_task_id},
                                      {"own_id", submit_reply_form::own_id},
                                      {"id_as_data", submit_reply_form::id_as_data},
                                      {"numeric_id", submit_reply_form::numeric_id},
                                      {"long_id", submit_reply_form::long_id}});
        in.choose<invalid_parameter_form>("invalid_parameter", invalid_parameter,
                                          {{"error_400", invalid_parameter_form::error_400},
                                           {"error_500", invalid_parameter_form::error_500},
                                           {"task_fails", invalid_parameter_form::task_fails},
                                           {"ignored", invalid_parameter_form::ignored}});
        in.choose<idempotency_form>("idempotency", idempotency,
                                    {{"with_version", idempotency_form::with_version},
                                     {"off", idempotency_form::off},
                                     {"on", idempotency_form::on},
                                     {"in_progress", idempotency_form::in_progress},
                                     {"key_reused", idempotency_form::key_reused},
                                     {"indeterminate", idempotency_form::indeterminate},
                                     {"unavailable", idempotency_form::unavailable},
                                     {"racing", idempotency_form::racing}});
        in.number("idempotency_seconds", idempotency_seconds, 0, 1e9);
        in.choose<idempotency_store>(
            "idempotency_stores", idempotency_stores,
            {{"accepted", idempotency_store::accepted}, {"everything", idempotency_store::everything}});
        std::uint64_t reused = key_reused_status;
        in.count("key_reused_status", reused, 422);
        if (reused != 409 && reused != 422 && reused != 400)
            in.reject("key_reused_status", "must be one of: 409, 422, 400");
        key_reused_status = static_cast<unsigned>(reused);
        in.choose<balance_form>("balance_reply", balance_reply,
                                {{"numbers", balance_form::numbers},
                                 {"text", balance_form::texts},
                                 {"unlimited", balance_form::unlimited},
                                 {"error_in_200", balance_form::error_in_200}});
        in.number("least_balance_usd", least_balance_usd, 0, 1e12);
        in.choose<usage_form>("usage_reply", usage_reply,
                              {{"numbers", usage_form::numbers},
                               {"text", usage_form::texts},
                               {"unavailable", usage_form::unavailable}});
        in.choose<callback_form>("callback", callback,
                                 {{"off", callback_form::off},
                                  {"on", callback_form::on},
                                  {"duplicate", callback_form::duplicate}});
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
        in.count("places", places, 1U << 30U);
        in.number("latency_ms", latency_ms, 0, 3'600'000);
    }

    void read_task_switches(emulation::switch_reader& in)
    {
        in.word("first_status", first_status);
        in.word("working_status", working_status);
        in.choose<progress_form>("progress", progress,
                                 {{"jump", progress_form::jump},
                                  {"gradual", progress_form::gradual},
                                  {"text", progress_form::text},
                                  {"absent", progress_form::absent}});
        in.word("success_word", success_word);
        in.choose<result_form>("result", result,
                               {{"present", result_form::present},
                                {"late", result_form::late},
                                {"absent", result_form::absent},
                                {"error", result_form::error}});
        in.choose<url_form>("result_url", result_url,
                            {{"array", url_form::array},
                             {"string", url_form::string},
                             {"several", url_form::several},
                             {"item", url_form::item},
                             {"video_url", url_form::video_url},
                             {"url", url_form::url},
                             {"video", url_form::video},
                             {"text", url_form::text},
                             {"list", url_form::list},
                             {"list_as_text", url_form::list_as_text},
                             {"items_video_url", url_form::items_video_url},
                             {"items_urls", url_form::items_urls},
                             {"urls", url_form::urls},
                             {"video_urls", url_form::video_urls},
                             {"output", url_form::output},
                             {"task_video_url", url_form::task_video_url},
                             {"task_video", url_form::task_video},
                             {"task_metadata", url_form::task_metadata},
                             {"task_output", url_form::task_output}});
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
        in.count("padding_bytes", padding_bytes, 1U << 30U);
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
            failing.choose<bool>("told", failure_told_early, {{"at_end", false}, {"early", true}});
            failing.word("status", failure_status);
            failing.text("message", failure_message);
            failing.finish();
        }
    }

    void read_faults(emulation::switch_reader& in)
    {
        if (auto const* nested = in.find("overload")) {
            emulation::switch_reader loaded(*nested, "scenario.overload");
            loaded.choose<overload_form>("form", overload,
                                         {{"none", overload_form::none},
                                          {"429", overload_form::error_429},
                                          {"429_retry_after", overload_form::error_429_with_wait},
                                          {"502_html", overload_form::page_502},
                                          {"503_html", overload_form::page_503},
                                          {"stalled", overload_form::stalled},
                                          {"reset_before", overload_form::reset_before},
                                          {"reset_after", overload_form::reset_after}});
            loaded.number("fraction", overload_fraction, 0, 1);
            loaded.finish();
        }
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

#endif

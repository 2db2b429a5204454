// The input of a batch: one request body per line, judged as it is read, so that a file of any length needs no memory.
#ifndef APIMART_EXAMPLES_REQUEST_LINES_HPP
#define APIMART_EXAMPLES_REQUEST_LINES_HPP

#include "shown_text.hpp"

#include <apimart/any_request.hpp>
#include <apimart/image_file.hpp>
#include <apimart/models.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/stream_parser.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace batch_submit {

// What is wrong with the input as a whole, and the way out.
class unusable_input : public std::runtime_error
{
public:
    using runtime_error::runtime_error;
};

// A line with its verdict.
class request_line
{
public:
    explicit request_line(std::size_t line_number) : number(line_number) {}

    std::uint64_t index() const { return number - 1; }

    std::size_t number;
    std::optional<apimart::any_request> request; // none for a line that cannot be sent
    apimart::validation_result found;
};

// Whoever wrote the file started this program, and chooses which pictures of this machine it uploads.
inline auto parse_request(std::string_view text)
{
    return apimart::any_request::parse(text, apimart::local_files::allow);
}

// Takes the null members of an object and of what is in it, and advises against each.
inline void remove_null_members(boost::json::value& from, std::string const& pointer,
                                apimart::validation_result& found)
{
    if (auto* const list = from.if_array()) {
        for (std::size_t i = 0; i < list->size(); ++i)
            remove_null_members((*list)[i], pointer + "/" + std::to_string(i), found);
        return;
    }
    auto* const object = from.if_object();
    if (object == nullptr)
        return;
    for (auto each = object->begin(); each != object->end();) {
        std::string const place = pointer + "/" + std::string(each->key());
        if (each->value().is_null()) {
            found.add_warning(place, "is taken as absent; leave it out", "null");
            each = object->stable_erase(each);
        } else {
            remove_null_members(each->value(), place, found);
            ++each;
        }
    }
}

// Programs write null for what is not set, where the service knows no null. `refused` is the verdict with the nulls.
inline bool without_null_members(std::string_view text, apimart::validation_result const& refused,
                                 request_line& line)
{
    auto const is_null = [](apimart::violation const& v) { return v.value() == "null"; };
    if (std::none_of(refused.entries().begin(), refused.entries().end(), is_null))
        return false;
    boost::system::error_code code;
    boost::json::value body = boost::json::parse(boost::json::string_view(text.data(), text.size()), code);
    if (code || !body.is_object())
        return false;
    apimart::validation_result found;
    remove_null_members(body, "", found);
    auto parsed = apimart::any_request::from_json(std::move(body), apimart::unknown_fields::reject,
                                                  apimart::models(), apimart::local_files::allow);
    if (!parsed)
        for (apimart::violation const& v : parsed.error().entries())
            if (v.severity() == apimart::severity::error)
                found.add_error(v.pointer(), v.message(), v.value());
    // A member that was given twice is not seen in the value any more.
    for (apimart::violation const& v : refused.entries())
        if (v.message().find("twice") != std::string::npos)
            found.add_error(v.pointer(), v.message(), v.value());
    if (found.ok())
        line.request = std::move(*parsed);
    line.found = std::move(found);
    return true;
}

inline void judge(std::string_view text, request_line& line)
{
    if (text.find_first_not_of(" \t") == std::string_view::npos) {
        line.found.add_error("", "a line must hold a request", "an empty line");
    } else if (auto parsed = parse_request(text)) {
        line.request = std::move(*parsed);
        line.found = line.request->check(); // what is only advised
    } else if (!without_null_members(text, parsed.error(), line)) {
        line.found = std::move(parsed.error());
    }
    if (line.request)
        for (apimart::local_image const& picture : line.request->local_images())
            for (apimart::violation const& v : apimart::check_upload(picture).entries())
                line.found.add_error(v.pointer(), v.message(), v.value());
    if (!line.found.ok())
        line.request.reset();
}

// Every violation as `file:line: /pointer: rule (got value)`; the whole document is `/`.
inline std::string describe(std::string const& file, std::size_t line, apimart::violation const& v)
{
    std::string text = file + ":" + std::to_string(line) + ": " +
                       (v.pointer().empty() ? "/" : shown(v.pointer(), 120)) + ": ";
    if (v.severity() == apimart::severity::warning)
        text += "advice: ";
    text += v.message();
    if (!v.value().empty())
        text += " (got " + v.value() + ")";
    return text;
}

// The lines of a stream, one after the other.
class request_lines
{
public:
    request_lines(std::istream& in, std::string const& name) : in_(in), name_(shown(name)) {}

    // The next line with its verdict; none at the end. `text` is the line as it was read.
    std::optional<request_line> next(std::string& text)
    {
        bool too_long = false;
        if (!read_line(text, too_long))
            return std::nullopt;
        request_line line(++number_);
        if (number_ == 1)
            look_at_the_beginning(text);
        if (!text.empty() && text.back() == '\r')
            text.pop_back();
        if (number_ == 1 && too_long)
            look_for_a_document(text);
        if (too_long)
            line.found.add_error("", "a line must not be longer than " + std::to_string(max_size) + " bytes",
                                 "");
        else
            judge(text, line);
        if (number_ == 1 && !line.request)
            look_for_a_document(text);
        return line;
    }
    std::optional<request_line> next() { return next(text_); }

    // Whether a whole line has been read from the stream already.
    bool has_line() const { return block_.find('\n', begin_) != std::string::npos; }

    std::string const& name() const { return name_; }

private:
    static constexpr std::size_t max_size = apimart::any_request::max_text_size;

    // Never holds more of a line than the limit allows.
    bool read_line(std::string& line, bool& too_long)
    {
        line.clear();
        bool any = false;
        while (begin_ != block_.size() || fill()) {
            any = true;
            std::string_view const rest = std::string_view(block_).substr(begin_);
            std::size_t const length = std::min(rest.find('\n'), rest.size());
            std::size_t const taken = std::min(length, max_size - line.size());
            line += rest.substr(0, taken);
            too_long = too_long || taken != length;
            begin_ += std::min(length + 1, rest.size());
            if (length != rest.size())
                return true;
        }
        return any;
    }

    bool fill()
    {
        block_.resize(std::size_t{1} << 16U);
        auto const size = in_.rdbuf()->sgetn(block_.data(), static_cast<std::streamsize>(block_.size()));
        block_.resize(static_cast<std::size_t>(std::max<std::streamsize>(size, 0)));
        begin_ = 0;
        return !block_.empty();
    }

    void look_at_the_beginning(std::string& text) const
    {
        using namespace std::string_view_literals;
        std::string_view const begin = std::string_view(text).substr(0, 4);
        if (begin.starts_with("\xFF\xFE") || begin.starts_with("\xFE\xFF") || begin.starts_with("{\0"sv) ||
            begin.starts_with("\0{"sv))
            throw unusable_input(name_ +
                                 " is UTF-16 and must be UTF-8; this makes it so: iconv -f UTF-16 -t UTF-8");
        if (begin.starts_with("\xEF\xBB\xBF"))
            text.erase(0, 3);
    }

    // JSON that goes on in the next line was written for people, not for programs.
    void look_for_a_document(std::string_view text)
    {
        std::size_t const begin = text.find_first_not_of(" \t");
        if (begin == std::string_view::npos)
            return;
        char const first = text[begin];
        boost::json::stream_parser parser;
        boost::system::error_code code;
        parser.write(text.data(), text.size(), code);
        bool const goes_on = !code && !parser.done() && (begin_ != block_.size() || fill());
        if ((first == '{' && goes_on) || (first == '[' && !code))
            throw unusable_input(name_ + " is " +
                                 (first == '[' ? "a JSON array" : "JSON over several lines") +
                                 " and must hold one request per line; this makes it so: jq -c " +
                                 (first == '[' ? "'.[]'" : "."));
    }

    std::istream& in_;
    std::string name_;
    std::size_t number_ = 0;
    std::string text_;
    std::string block_;
    std::size_t begin_ = 0; // of what was not taken yet
};

// What a first reading of all lines has found.
class judgement
{
public:
    judgement() {}

    std::size_t lines = 0;
    std::size_t invalid = 0;
};

// Judges all lines and tells what was found. `copy`, where given, gets the lines for a second reading.
inline judgement judge_all(request_lines& lines, std::ostream& messages, std::ostream* copy)
{
    constexpr std::size_t most_told = 100;
    judgement all;
    std::size_t told = 0;
    std::string text;
    while (std::optional<request_line> const line = lines.next(text)) {
        ++all.lines;
        all.invalid += line->request ? 0 : 1;
        if (copy != nullptr)
            *copy << text << '\n';
        if (!line->found.entries().empty() && told++ < most_told)
            for (apimart::violation const& v : line->found.entries())
                messages << describe(lines.name(), line->number, v) << '\n';
    }
    if (told > most_told)
        messages << "and " << plural(told - most_told, "more line") << " with something to say\n";
    if (copy != nullptr && !copy->flush())
        throw unusable_input("the lines of " + lines.name() +
                             " cannot be kept in the folder for temporary files");
    return all;
}

} // namespace batch_submit

#endif

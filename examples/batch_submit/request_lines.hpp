// The input of a batch: one request body per line, every line judged before the first is sent.
#ifndef APIMART_EXAMPLES_REQUEST_LINES_HPP
#define APIMART_EXAMPLES_REQUEST_LINES_HPP

#include <apimart/any_request.hpp>
#include <apimart/image_file.hpp>
#include <apimart/models.hpp>

#include <cstddef>
#include <istream>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace batch {

// A line of text with a request in it. The text is kept rather than the parsed request: a hundred thousand
// of them fit in memory, and reading one again costs microseconds.
class request_line
{
public:
    request_line(std::size_t line_number, std::string line_text)
        : number(line_number), text(std::move(line_text))
    {}

    // Whoever wrote the file started this program, and chooses which pictures of this machine it uploads.
    static auto parse(std::string const& text)
    {
        return apimart::any_request::parse(text, apimart::local_files::allow);
    }
    apimart::any_request request() const { return parse(text).value(); }

    std::size_t number;
    std::string text;
    std::string model;
    std::string problems; // empty for a line that can be sent
};

inline constexpr std::size_t max_line_size = std::size_t{1} << 20U;

// Prints every violation as `file:line: /pointer: rule (got value)`; the whole document is `/`.
inline std::string describe(std::string const& file, std::size_t line, apimart::violation const& v)
{
    std::string text =
        file + ":" + std::to_string(line) + ": " + (v.pointer().empty() ? "/" : v.pointer()) + ": ";
    if (v.severity() == apimart::severity::warning)
        text += "warning: ";
    text += v.message();
    if (!v.value().empty())
        text += " (got " + v.value() + ")";
    return text;
}

// Reads one line without ever holding more of it than the limit allows.
inline bool read_line(std::istream& in, std::string& line, bool& too_long)
{
    line.clear();
    too_long = false;
    std::streambuf* const buffer = in.rdbuf();
    bool any = false;
    for (int c = buffer->sbumpc(); c != std::char_traits<char>::eof(); c = buffer->sbumpc()) {
        any = true;
        if (c == '\n')
            return true;
        if (line.size() < max_line_size)
            line.push_back(static_cast<char>(c));
        else
            too_long = true;
    }
    return any;
}

class input
{
public:
    input() {}

    std::vector<request_line> lines;
    std::size_t invalid = 0;
};

// Reads and judges all lines; violations and warnings go to `messages`.
inline input read_requests(std::istream& in, std::string const& file, std::ostream& messages)
{
    input all;
    std::string text;
    bool too_long = false;
    for (std::size_t number = 1; read_line(in, text, too_long); ++number) {
        if (!text.empty() && text.back() == '\r')
            text.pop_back();
        request_line line(number, std::move(text));
        apimart::validation_result found;
        if (too_long) {
            found.add_error("", "a line must not be longer than " + std::to_string(max_line_size) + " bytes",
                            "");
        } else if (line.text.find_first_not_of(" \t") == std::string::npos) {
            found.add_error("", "a line must hold a request", "an empty line");
        } else if (auto parsed = request_line::parse(line.text)) {
            line.model = std::string(parsed->model());
            found = parsed->check(); // what is only advised
            for (apimart::local_image const& picture : parsed->local_images())
                for (apimart::violation const& v : apimart::check_upload(picture).entries())
                    found.add_error(v.pointer(), v.message(), v.value());
        } else {
            found = parsed.error();
        }
        for (apimart::violation const& v : found.entries()) {
            std::string const words = describe(file, number, v);
            messages << words << '\n';
            if (v.severity() != apimart::severity::error)
                continue;
            line.problems += line.problems.empty() ? "" : "; ";
            line.problems += v.describe();
        }
        if (!line.problems.empty()) {
            ++all.invalid;
            line.text.clear();
        }
        all.lines.push_back(std::move(line));
        text = {};
    }
    return all;
}

} // namespace batch

#endif

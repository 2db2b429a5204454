// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_ERRORS_CODES_HPP
#define APIMART_ERRORS_CODES_HPP

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <cstddef>
#include <string>
#include <type_traits>

namespace apimart {

using boost::system::error_code;

/// What the library itself reports. Each value is a situation and a way out: see code_table.inc.
enum class errc
{
#define APIMART_ERRC(number, name, ...) name = number,
#include <apimart/errors/code_table.inc>
};

/// What the service reported, by the type and code of its error envelope and by its HTTP status where the
/// envelope says nothing. Source: API reference, section 8.
enum class api_errc
{
#define APIMART_API_ERRC(number, name, ...) name = number,
#include <apimart/errors/code_table.inc>
};

/// Conditions to branch on: `if (code == condition::retryable)`. One code can meet several.
enum class condition
{
#define APIMART_CONDITION(number, name, ...) name = number,
#include <apimart/errors/code_table.inc>
};

namespace detail {

class code_row
{
public:
    template <class... Conditions>
    constexpr code_row(int number, char const* name, char const* text, Conditions... met) noexcept
        : number_(number), name_(name), text_(text), conditions_((0U | ... | bit_of(met)))
    {}

    constexpr int number() const noexcept { return number_; }
    constexpr char const* name() const noexcept { return name_; }
    constexpr char const* text() const noexcept { return text_; }
    constexpr bool meets(condition wanted) const noexcept { return (conditions_ & bit_of(wanted)) != 0; }

private:
    static constexpr unsigned bit_of(condition wanted) noexcept
    {
        auto const number = static_cast<unsigned>(wanted);
        return number < 32 ? 1U << number : 0;
    }

    int number_;
    char const* name_;
    char const* text_;
    unsigned conditions_;
};

// Classes, because the names of all conditions can be used in them without their becoming names of a namespace.
struct errc_table
{
    using enum condition;
    static constexpr code_row rows[] = {
#define APIMART_ERRC(number, name, ...) code_row(number, #name, __VA_ARGS__),
#include <apimart/errors/code_table.inc>
    };
};

struct api_errc_table
{
    using enum condition;
    static constexpr code_row rows[] = {
#define APIMART_API_ERRC(number, name, ...) code_row(number, #name, __VA_ARGS__),
#include <apimart/errors/code_table.inc>
    };
};

struct condition_table
{
    static constexpr code_row rows[] = {
#define APIMART_CONDITION(number, name, text) code_row(number, #name, text),
#include <apimart/errors/code_table.inc>
    };
};

// Boost's categories have no virtual destructor, because nobody deletes one through a pointer.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#endif

template <class Table>
class table_category : public boost::system::error_category
{
public:
    constexpr table_category(boost::ulong_long_type id, char const* name) noexcept
        : error_category(id), name_(name)
    {}

    char const* name() const noexcept override { return name_; }
    char const* message(int value, char*, std::size_t) const noexcept override { return text(value); }
    std::string message(int value) const override { return text(value); }

    static constexpr code_row const* find(int value) noexcept
    {
        for (code_row const& row : Table::rows)
            if (row.number() == value)
                return &row;
        return nullptr;
    }

private:
    static char const* text(int value) noexcept
    {
        code_row const* const row = find(value);
        return row != nullptr ? row->text() : "unknown error";
    }

    char const* name_;
};

inline constexpr table_category<errc_table> library_category_instance(0x61'70'69'6d'61'72'74'01, "apimart");
inline constexpr table_category<api_errc_table> api_category_instance(0x61'70'69'6d'61'72'74'02,
                                                                      "apimart.service");

class condition_category_type final : public table_category<condition_table>
{
public:
    constexpr condition_category_type() noexcept
        : table_category(0x61'70'69'6d'61'72'74'03, "apimart.condition")
    {}

    bool equivalent(error_code const& code, int wanted) const noexcept override
    {
        code_row const* const row =
            code.category() == library_category_instance ? library_category_instance.find(code.value())
            : code.category() == api_category_instance   ? api_category_instance.find(code.value())
                                                         : nullptr;
        return row != nullptr && row->meets(static_cast<condition>(wanted));
    }
};

inline constexpr condition_category_type condition_category_instance;

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

} // namespace detail

inline boost::system::error_category const& library_category() noexcept
{
    return detail::library_category_instance;
}
inline boost::system::error_category const& api_category() noexcept
{
    return detail::api_category_instance;
}
inline boost::system::error_category const& condition_category() noexcept
{
    return detail::condition_category_instance;
}

inline error_code make_error_code(errc e) noexcept
{
    return {static_cast<int>(e), library_category()};
}
inline error_code make_error_code(api_errc e) noexcept
{
    return {static_cast<int>(e), api_category()};
}
inline boost::system::error_condition make_error_condition(condition c) noexcept
{
    return {static_cast<int>(c), condition_category()};
}

/// The enumerator's name, such as `queue_full`; for codes of others their category and number, such as `system:111`.
inline std::string code_name(error_code const& code)
{
    detail::code_row const* const row =
        code.category() == library_category() ? detail::library_category_instance.find(code.value())
        : code.category() == api_category()   ? detail::api_category_instance.find(code.value())
                                              : nullptr;
    return row != nullptr ? row->name() : code.to_string();
}

} // namespace apimart

template <>
struct boost::system::is_error_code_enum<apimart::errc> : std::true_type
{};
template <>
struct boost::system::is_error_code_enum<apimart::api_errc> : std::true_type
{};
template <>
struct boost::system::is_error_condition_enum<apimart::condition> : std::true_type
{};

#endif

// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_OPERATIONS_KEPT_TAG_HPP
#define APIMART_OPERATIONS_KEPT_TAG_HPP

#include <apimart/operation_tag.hpp>

#include <memory>

namespace apimart::detail {

// A tag in what there are very many of, mostly without one.
class kept_tag
{
public:
    kept_tag() noexcept = default;
    explicit kept_tag(operation_tag const& given)
        : tag_(given.empty() ? nullptr : std::make_unique<operation_tag const>(given))
    {}

    operation_tag const& get() const noexcept
    {
        static constexpr operation_tag none;
        return tag_ ? *tag_ : none;
    }

private:
    std::unique_ptr<operation_tag const> tag_;
};

} // namespace apimart::detail

#endif

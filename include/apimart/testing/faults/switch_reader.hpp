// SPDX-License-Identifier: BSL-1.0
// Reading a configuration document in which every name must be known.
#ifndef APIMART_TESTING_FAULTS_SWITCH_READER_HPP
#define APIMART_TESTING_FAULTS_SWITCH_READER_HPP

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace apimart::testing::emulation {

/// Takes the members of one object by name and complains about those that nobody took: a misspelt switch that
/// is silently ignored makes a test pass for the wrong reason.
class switch_reader
{
public:
    /// Reads `document`, which must be an object; `where` goes before names in complaints.
    switch_reader(boost::json::value const& document, std::string where) : where_(std::move(where))
    {
        object_ = document.if_object();
        if (object_ == nullptr)
            throw std::invalid_argument(where_ + " must be a JSON object");
    }

    /// The member `name`, or nothing; from now on the name counts as known.
    boost::json::value const* find(std::string_view name)
    {
        known_.push_back(name);
        return object_->if_contains(name);
    }

    /// A member that is one of some words with a meaning each.
    template <class Meaning>
    void choose(std::string_view name, Meaning& target,
                std::initializer_list<std::pair<std::string_view, Meaning>> words)
    {
        auto const* value = find(name);
        if (value == nullptr)
            return;
        std::string list;
        for (auto const& [word, meaning] : words) {
            if (value->is_string() && value->get_string() == word) {
                target = meaning;
                return;
            }
            list.append(list.empty() ? "" : ", ").append(word);
        }
        reject(name, "must be one of: " + list);
    }

    /// A member that is any text but an empty one.
    void word(std::string_view name, std::string& target)
    {
        text(name, target);
        if (target.empty())
            reject(name, "must not be empty");
    }

    void text(std::string_view name, std::string& target)
    {
        auto const* value = find(name);
        if (value == nullptr)
            return;
        if (!value->is_string())
            reject(name, "must be a string");
        target.assign(value->get_string().data(), value->get_string().size());
    }

    void number(std::string_view name, double& target, double least, double most)
    {
        auto const* value = find(name);
        if (value == nullptr)
            return;
        double const given = value->is_number() ? value->to_number<double>() : std::nan("");
        if (!(given >= least && given <= most))
            reject(name, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
        target = given;
    }

    void count(std::string_view name, std::uint64_t& target, std::uint64_t most)
    {
        auto const* value = find(name);
        if (value == nullptr)
            return;
        bool const whole = value->is_uint64() || (value->is_int64() && value->get_int64() >= 0);
        auto const given = whole ? value->to_number<std::uint64_t>() : 0;
        if (!whole || given > most)
            reject(name, "must be a whole number from 0 to " + std::to_string(most));
        target = given;
    }

    /// Ends the reading: complains about all names that were never asked for.
    void finish() const
    {
        std::string unknown;
        for (auto const& member : *object_) {
            std::string_view const name(member.key().data(), member.key().size());
            if (std::find(known_.begin(), known_.end(), name) == known_.end())
                unknown.append(unknown.empty() ? "" : ", ").append(name);
        }
        if (!unknown.empty())
            throw std::invalid_argument(where_ + " has unknown names: " + unknown);
    }

    [[noreturn]] void reject(std::string_view name, std::string const& reason) const
    {
        throw std::invalid_argument(where_ + ": `" + std::string(name) + "` " + reason);
    }

private:
    std::string where_;
    boost::json::object const* object_ = nullptr;
    std::vector<std::string_view> known_;
};

} // namespace apimart::testing::emulation

#endif

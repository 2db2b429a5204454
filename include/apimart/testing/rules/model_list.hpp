// SPDX-License-Identifier: BSL-1.0
// GET /v1/models.
#ifndef APIMART_TESTING_RULES_MODEL_LIST_HPP
#define APIMART_TESTING_RULES_MODEL_LIST_HPP

#include <apimart/testing/rules/order.hpp>

#include <string>

namespace apimart::testing::emulation {

/// The list of the seven models as the service words it.
inline std::string model_list()
{
    std::string body = R"({"object":"list","data":[)";
    for (auto const id : model_ids) {
        body.append(body.back() == '[' ? "" : ",").append(R"({"id":")").append(id);
        body.append(R"(","object":"model","created":1763088289,"owned_by":"apimart",)");
        body.append(R"("supported_endpoint_types":["video-generation"]})");
    }
    return body + R"(],"success":true})";
}

} // namespace apimart::testing::emulation

#endif

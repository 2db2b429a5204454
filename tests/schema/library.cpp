// The library's side of the comparison with an independent validator (tests/schema/compare.py).
//   library schemas    prints one JSON object: the schema of each model by its id
//   library verdicts   reads one request body per line, prints one JSON value per line: true if it is
//   accepted,
//                      otherwise the lines of the refusal

#include <apimart/any_request.hpp>
#include <apimart/schema.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <iostream>
#include <string>
#include <string_view>

int main(int argc, char** argv)
{
    std::string_view const wanted = argc == 2 ? argv[1] : "";
    if (wanted == "schemas") {
        boost::json::object all;
        for (apimart::model_info const& model : apimart::models())
            all[boost::json::string_view(model.id)] = apimart::schema_of(model);
        std::cout << all << '\n';
    } else if (wanted == "verdicts") {
        for (std::string line; std::getline(std::cin, line);) {
            auto const request = apimart::any_request::parse(line);
            std::cout << (request ? boost::json::value(true)
                                  : boost::json::value(boost::json::string(request.error().describe())))
                      << '\n';
        }
    } else {
        std::cerr << "usage: library schemas|verdicts\n";
        return 2;
    }
    return std::cout.flush() ? 0 : 1;
}

// How many request bodies can one core parse and check per second, and what does that cost over parsing
// alone?
//
// The documented bodies in a loop: boost::json::parse alone, then any_request::parse (parse, kind, every
// rule), and the check of a request that is already there.

#include <apimart/any_request.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

namespace {

// Best of several stretches: what the machine does besides can only make a stretch slower.
template <class Work>
double per_second(std::size_t bodies, Work work)
{
    using clock = std::chrono::steady_clock;
    double best = 0;
    for (int stretch = 0; stretch != 7; ++stretch) {
        std::size_t rounds = 0;
        auto const begin = clock::now();
        auto now = begin;
        for (; now - begin < std::chrono::milliseconds(300); now = clock::now(), ++rounds)
            work();
        double const seconds = std::chrono::duration<double>(now - begin).count();
        best = std::max(best, static_cast<double>(rounds * bodies) / seconds);
    }
    return best;
}

} // namespace

int main(int argc, char** argv)
{
    std::ifstream file(argc == 2 ? argv[1] : "examples/documented-requests.jsonl");
    std::vector<std::string> bodies;
    std::size_t bytes = 0;
    for (std::string line; std::getline(file, line); bytes += bodies.back().size())
        bodies.push_back(line);
    if (bodies.empty()) {
        std::cerr << "usage: request_cost [documented-requests.jsonl]\n";
        return 2;
    }
    std::vector<apimart::any_request> requests;
    for (std::string const& body : bodies)
        requests.push_back(apimart::any_request::parse(body).value());

    std::size_t sink = 0;
    double const plain = per_second(bodies.size(), [&] {
        for (std::string const& body : bodies)
            sink += boost::json::parse(body).as_object().size();
    });
    double const whole = per_second(bodies.size(), [&] {
        for (std::string const& body : bodies)
            sink += apimart::any_request::parse(body)->body().size();
    });
    double const check = per_second(bodies.size(), [&] {
        for (apimart::any_request const& request : requests)
            sink += request.check().ok();
    });

    auto row = [&](char const* what, double rate) {
        std::cout << std::left << std::setw(34) << what << std::right << std::setw(12)
                  << static_cast<long>(rate) << " per second" << std::setw(9) << std::setprecision(2)
                  << std::fixed << 1e6 / rate << " us" << std::setw(9) << plain / rate << " x\n";
    };
    std::cout << bodies.size() << " documented bodies, " << bytes / bodies.size()
              << " bytes each on average, one core\n";
    row("boost::json::parse", plain);
    row("any_request::parse (with check)", whole);
    row("any_request::check", check);
    return sink == 0 ? 1 : 0;
}

// Runs the files, or all files of the folders, it is given through a fuzz target.
#include "target.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

int main(int argc, char** argv)
{
    namespace fs = std::filesystem;
    std::vector<fs::path> inputs;
    for (int i = 1; i < argc; ++i) {
        if (fs::is_directory(argv[i]))
            std::copy(fs::directory_iterator(argv[i]), {}, std::back_inserter(inputs));
        else
            inputs.emplace_back(argv[i]);
    }
    for (fs::path const& each : inputs) {
        std::ifstream file(each, std::ios::binary);
        if (!file) {
            std::cerr << "cannot read " << each << '\n';
            return 1;
        }
        std::string const input(std::istreambuf_iterator<char>(file), {});
        std::cerr << each.filename().string() << '\r'; // the last line of a run that breaks off
        LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(input.data()), input.size());
    }
    std::cout << inputs.size() << " inputs\n";
    return inputs.empty() ? 1 : 0;
}

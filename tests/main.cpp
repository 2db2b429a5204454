// The main program of every test executable. It differs from doctest's own in two ways: a run in which no test case ran, or
// none of them checked anything, is a failure; and the reporter "ctest" lists the test cases in the form CTest reads.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <iostream>
#include <set>
#include <string>

namespace {

// Set by the listener of the run, read by main.
struct
{
    bool ended = false;
    unsigned cases = 0;
    int assertions = 0;
} seen;

class reporter : public doctest::IReporter
{
public:
    explicit reporter(doctest::ContextOptions const&) {}
    void report_query(doctest::QueryData const&) override {}
    void test_run_start() override {}
    void test_run_end(doctest::TestRunStats const&) override {}
    void test_case_start(doctest::TestCaseData const&) override {}
    void test_case_reenter(doctest::TestCaseData const&) override {}
    void test_case_end(doctest::CurrentTestCaseStats const&) override {}
    void test_case_exception(doctest::TestCaseException const&) override {}
    void subcase_start(doctest::SubcaseSignature const&) override {}
    void subcase_end() override {}
    void log_assert(doctest::AssertData const&) override {}
    void log_message(doctest::MessageData const&) override {}
    void test_case_skipped(doctest::TestCaseData const&) override {}
};

class run_watch final : public reporter
{
public:
    using reporter::reporter;
    void test_run_end(doctest::TestRunStats const& stats) override
    {
        seen = {true, stats.numTestCasesPassingFilters, stats.numAsserts};
    }
};
REGISTER_LISTENER("run_watch", 1, run_watch);

// In a doctest filter a comma separates patterns and a backslash escapes. `*` and `?` are left: as wildcards they match
// themselves too.
std::string as_filter(std::string const& text)
{
    std::string result;
    for (char const c : text) {
        if (c == ',' || c == '\\')
            result += '\\';
        result += c;
    }
    return result;
}

// One line for each test case: apimart_test([====[name]====] [====[filter]====]), read by tests/cmake/tier.ctest.cmake.in.
class ctest_list final : public reporter
{
public:
    explicit ctest_list(doctest::ContextOptions const& options) : reporter(options), out_(*options.cout) {}

    void report_query(doctest::QueryData const& query) override
    {
        std::set<std::string> names;
        for (unsigned i = 0; i < query.num_data; ++i) {
            std::string const name = query.data[i]->m_name;
            if (!names.insert(name).second) {
                std::cerr << "two test cases are called \"" << name << "\"; the second is in "
                          << query.data[i]->m_file.c_str() << '\n';
                std::exit(1);
            }
            out_ << "apimart_test([====[" << name << "]====] [====[" << as_filter(name) << "]====])\n";
        }
        if (names.empty()) {
            std::cerr << "this program has no test case\n";
            std::exit(1);
        }
    }

private:
    std::ostream& out_;
};
REGISTER_REPORTER("ctest", 1, ctest_list);

} // namespace

int main(int argc, char** argv)
{
    // What was said before a time limit ended the program must not be lost with it.
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    doctest::Context context(argc, argv);
    int const result = context.run();
    if (context.shouldExit() || !seen.ended)
        return result;
    if (seen.cases == 0) {
        std::cerr << "no test case ran\n";
        return 1;
    }
    if (seen.assertions == 0) {
        std::cerr << "nothing was checked: not one assertion was reached\n";
        return 1;
    }
    return result;
}

// Faults between the last byte of a request and the end of its answer, and answers of every kind.
#include "fault_table.hpp"

using namespace fault_tests;

TEST_CASE(
    "faults: an answer that is lost or broken buys nothing twice, is never called unsent, and ends no wait")
{
    cell_plans cells;
    for (auto const& row : lost_answers())
        add_cells(cells, row);
    run_cells(cells);
}

TEST_CASE("faults: a complete answer counts for what its status and code prove")
{
    cell_plans cells;
    for (auto const& row : complete_answers())
        add_cells(cells, row);
    run_cells(cells);
}

TEST_CASE("faults: what became of a connection is told with the host's name")
{
    cell_plans cells;
    for (auto const& row : lost_answers()) {
        bool const about_the_connection =
            row.question_code == errc::stream_truncated || row.question_code == errc::tls_bad_record_mac ||
            row.question_code == errc::response_timeout || row.question_code == errc::read_timeout;
        if (!about_the_connection)
            continue;
        cells.push_back([row] {
            auto made = make_cell(row, operation::status, false, false, false);
            made->also = [](cell& self) {
                REQUIRE(self.why());
                CHECK(self.why()->client_message().find("127.0.0.1") != std::string::npos);
            };
            return made;
        });
    }
    CHECK(cells.size() >= 8);
    run_cells(cells);
}

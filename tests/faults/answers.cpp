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

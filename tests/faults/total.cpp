// How many cells there were. The name of this file makes it the last of this program.
#include "fault_table.hpp"

#include <cstdio>

using namespace fault_tests;

TEST_CASE("faults: the matrix has the size that it is meant to have")
{
    cell_plans cells;
    for (auto const& rows : {lost_answers(), complete_answers()}) {
        for (auto const& row : rows)
            add_cells(cells, row);
    }
    CHECK(cells.size() >= 300);
    std::printf("fault cells: %d checked\n", cells_checked());
}

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
    auto const known = std::count_if(cells.begin(), cells.end(), [](auto const& each) { return each.known; });
    CHECK(cells.size() - static_cast<std::size_t>(known) >= 300);
    std::printf("fault cells: %d checked, %d known to differ\n", cells_checked(), static_cast<int>(known));
}

// The files of the page, which CMake puts into the program.
#ifndef APIMART_STUDIO_PAGE_FILES_HPP
#define APIMART_STUDIO_PAGE_FILES_HPP

#include <span>
#include <string_view>

namespace studio {

struct page_file
{
    std::string_view name;
    std::string_view content;
};

extern std::span<page_file const> const page_files;

} // namespace studio

#endif

#line 11 "readme.md"
#include <vector>
 
int main()
{
    std::vector<int> v{1, 2};
    return v[0] == 1 ? 0 : 1; // a backslash: \
}

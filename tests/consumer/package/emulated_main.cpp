#include <iostream>
#include <string>

std::string bought_from_the_emulator();

int main()
{
    std::string const bought = bought_from_the_emulator();
    std::cout << bought << '\n';
    return bought.find("task_") == std::string::npos ? 1 : 0;
}

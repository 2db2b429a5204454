// Only in the program that compiles the implementation once.
#include <apimart/src.hpp>

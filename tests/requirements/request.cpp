#include <apimart/models/kling_v3.hpp>
#include <apimart/request.hpp>

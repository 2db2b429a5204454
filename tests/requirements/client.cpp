#include <apimart/client.hpp>

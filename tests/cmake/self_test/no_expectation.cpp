#ifndef CONTROL
static_assert(false, "something");
#endif

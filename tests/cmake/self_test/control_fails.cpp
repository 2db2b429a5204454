// expect: something
static_assert(false, "something");

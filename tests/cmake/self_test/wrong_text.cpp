// expect: static
// expect: this is not what the compiler says
#ifndef CONTROL
static_assert(false, "something else");
#endif

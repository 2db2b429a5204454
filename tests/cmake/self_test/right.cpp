// expect: use of the value, which is [not] a number; 'really'
// expect-gcc: static assertion failed
// expect-clang: static assertion failed
#ifndef CONTROL
static_assert(false, "use of the value, which is [not] a number; 'really'");
#else
static_assert(true);
#endif

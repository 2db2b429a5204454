// expect: text_only_in_source
#ifndef CONTROL
static_assert(/* text_only_in_source */ false, "something else");
#endif

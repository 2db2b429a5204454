// What a Boost below the floor says of itself.
#define BOOST_VERSION 107400

// Connects that this machine itself refuses.
#include "fault_table.hpp"

#include <cerrno>

#include <sys/syscall.h>

namespace {

// Of the thread that runs the client: what the system says to its next connects.
thread_local int connects_to_refuse = 0;
thread_local int refused_connects = 0;

} // namespace

extern "C" int connect(int descriptor, sockaddr const* to, socklen_t size)
{
    if (connects_to_refuse > 0) {
        --connects_to_refuse;
        ++refused_connects;
        errno = EADDRNOTAVAIL;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_connect, descriptor, to, size));
}

using namespace fault_tests;

TEST_CASE(
    "faults: F09 a machine out of ports sends nothing, goes on when it has some, and does not blame the host")
{
    for (operation const what : {operation::submit, operation::status}) {
        for (bool const once : {true, false}) {
            auto const service = std::make_shared<breaking_service>(nullptr, false, true, 0);
            expected must =
                expected::failed(errc::resource_exhausted,
                                 what == operation::submit ? acceptance::not_sent : acceptance::none)
                    .beneath(error_code(EADDRNOTAVAIL, boost::system::system_category()))
                    .with_tries(4)
                    .with_posts(0);
            if (once)
                must = expected::success().with_tries(2);
            cell one(std::string("F09 EADDRNOTAVAIL; ") + std::string(word_for(what)), what,
                     service->config(), must);
            // A host that is blamed is connected to ever more seldom: two seconds apart, then more.
            one.config.limits.connects_per_second = 1;
            one.ledger = service->ledger;
            one.consumed = [] { return refused_connects > 0; };
            one.also = [](cell& self) { CHECK(self.took() < 1500ms); };
            asio::io_context context;
            one.open(context);
            refused_connects = 0;
            connects_to_refuse = once ? 1 : always;
            one.start();
            run_until(context, [&] { return one.done(); });
            connects_to_refuse = 0;
            context.poll();
            one.verify();
            one.close();
        }
    }
}

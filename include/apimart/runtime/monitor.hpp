// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_RUNTIME_MONITOR_HPP
#define APIMART_RUNTIME_MONITOR_HPP

#include <atomic>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace apimart::detail {

// Runs functions one at a time without making a thread wait: who comes while another is inside leaves the
// function behind, and the one inside runs it before leaving. A strand does the same, but only through the
// executor's queue; here a function that meets nobody runs at once, in the call.
class monitor
{
public:
    monitor() = default;
    monitor(monitor const&) = delete;
    monitor& operator=(monitor const&) = delete;
    ~monitor()
    {
        collect();
        while (first_ != nullptr)
            delete pop();
    }

    // Runs `function` now, or leaves it to whoever is inside. What it throws comes out of the call that ran it,
    // after leaving. `leaving` runs before each attempt to leave, still inside, and throws nothing. A thread is
    // not kept for the work of others without end: after a while `hand_over` is called instead, and has to see
    // that `take_over` is called by somebody else.
    template <class Function, class Leaving, class HandOver>
    void enter(Function&& function, Leaving&& leaving, HandOver&& hand_over)
    {
        link* nobody = nullptr;
        if (top_.compare_exchange_strong(nobody, &inside_, std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
            run_inside(function, leaving, hand_over);
            return;
        }
        auto left =
            std::make_unique<parked_function<std::decay_t<Function>>>(std::forward<Function>(function));
        if (leave_behind(*left))
            static_cast<void>(left.release());
        else
            run_inside([&left] { left->run(); }, leaving, hand_over);
    }

    template <class Leaving, class HandOver>
    void take_over(Leaving&& leaving, HandOver&& hand_over, std::exception_ptr thrown = nullptr)
    {
        leaving();
        for (int turns = 0; !left();) {
            if (turns == most_turns) {
                try {
                    hand_over();
                    break;
                } catch (std::bad_alloc const&) {
                    turns = 0; // nobody else can, so this thread goes on
                }
            }
            ++turns;
            std::unique_ptr<parked> const next(pop());
            try {
                next->run();
            } catch (...) {
                thrown = std::current_exception();
            }
            leaving();
        }
        if (thrown)
            std::rethrow_exception(std::move(thrown));
    }

private:
    struct link
    {
        link* next = nullptr;
    };

    class parked : public link
    {
    public:
        virtual ~parked() = default;
        virtual void run() = 0;
    };

    template <class Function>
    class parked_function final : public parked
    {
    public:
        explicit parked_function(Function function) : function_(std::move(function)) {}
        void run() override { function_(); }

    private:
        Function function_;
    };

    template <class Function, class Leaving, class HandOver>
    void run_inside(Function&& function, Leaving&& leaving, HandOver&& hand_over)
    {
        std::exception_ptr thrown;
        try {
            function();
        } catch (...) {
            thrown = std::current_exception();
        }
        take_over(leaving, hand_over, std::move(thrown));
    }

    // False where nobody is inside any more: then the caller is.
    bool leave_behind(parked& what) noexcept
    {
        link* top = top_.load(std::memory_order_relaxed);
        for (;;) {
            if (top == nullptr) {
                if (top_.compare_exchange_weak(top, &inside_, std::memory_order_acquire,
                                               std::memory_order_relaxed))
                    return false;
            } else {
                what.next = top;
                if (top_.compare_exchange_weak(top, &what, std::memory_order_release,
                                               std::memory_order_relaxed))
                    return true;
            }
        }
    }

    // The rest is for the one inside. Leaves, unless something was left behind.
    bool left() noexcept
    {
        if (first_ != nullptr)
            return false;
        link* nothing = &inside_;
        if (top_.compare_exchange_strong(nothing, nullptr, std::memory_order_release,
                                         std::memory_order_relaxed))
            return true;
        collect();
        return false;
    }

    // They lie with the latest on top, and run in the order in which they came.
    void collect() noexcept
    {
        link* top = top_.exchange(&inside_, std::memory_order_acquire);
        while (top != nullptr && top != &inside_) {
            link* const below = top->next;
            top->next = first_;
            first_ = top;
            top = below;
        }
    }

    parked* pop() noexcept
    {
        auto* const what = static_cast<parked*>(first_);
        first_ = first_->next;
        return what;
    }

    static constexpr int most_turns = 64;

    // Null: nobody is inside. `inside_`: somebody is. Else the latest that was left behind, with the others under it.
    std::atomic<link*> top_{nullptr};
    link inside_;
    link* first_ = nullptr; // what the one inside still has to run
};

} // namespace apimart::detail

#endif

// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_DETAIL_MONITOR_HPP
#define APIMART_DETAIL_MONITOR_HPP

#include <exception>
#include <memory>
#include <mutex>
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
        {
            std::lock_guard const lock(mutex_);
            if (busy_) {
                push(new parked_function<std::decay_t<Function>>(std::forward<Function>(function)));
                return;
            }
            busy_ = true;
        }
        std::exception_ptr thrown;
        try {
            function();
        } catch (...) {
            thrown = std::current_exception();
        }
        take_over(leaving, hand_over, std::move(thrown));
    }

    template <class Leaving, class HandOver>
    void take_over(Leaving&& leaving, HandOver&& hand_over, std::exception_ptr thrown = nullptr)
    {
        leaving();
        for (int turns = 0;; ++turns) {
            std::unique_ptr<parked> next;
            {
                std::lock_guard const lock(mutex_);
                if (first_ == nullptr) {
                    busy_ = false;
                    break;
                }
                if (turns < most_turns)
                    next.reset(pop());
            }
            if (!next) {
                try {
                    hand_over();
                    break;
                } catch (std::bad_alloc const&) {
                    turns = 0; // nobody else can, so this thread goes on
                    continue;
                }
            }
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
    class parked
    {
    public:
        virtual ~parked() = default;
        virtual void run() = 0;
        parked* next = nullptr;
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

    void push(parked* what)
    {
        (last_ != nullptr ? last_->next : first_) = what;
        last_ = what;
    }
    parked* pop()
    {
        parked* const what = first_;
        if (what != nullptr) {
            first_ = what->next;
            if (first_ == nullptr)
                last_ = nullptr;
        }
        return what;
    }

    static constexpr int most_turns = 64;

    std::mutex mutex_;
    bool busy_ = false;
    parked* first_ = nullptr;
    parked* last_ = nullptr;
};

} // namespace apimart::detail

#endif

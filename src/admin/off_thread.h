// Work that takes its time, for a thread that must not wait.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

#include "runtime/work_pool.h"

namespace vmq::admin {

/// Owned by the thread that runs `io`, which gets the answers: everything but stop() is called on
/// it, the work itself is done by threads of its own. `io` outlives it.
template <typename Answer>
class OffThread final {
public:
    using Work = std::function<Answer()>;
    using Done = std::function<void(Answer)>;

    /// Up to `threads` pieces of work are done at a time and up to `waiting` wait for their turn.
    OffThread(boost::asio::io_context& io, std::size_t threads, std::size_t waiting)
        : io_(io), pool_(threads, waiting, [this](Job& job) { run(job); }) {}

    /// False: too many wait, or it has been stopped; then neither of them is called.
    [[nodiscard]] bool run(Work work, Done done) {
        Job job{++last_, std::move(work)};
        if (!pool_.push(job)) return false;
        waiting_.emplace(last_, std::move(done));
        return true;
    }

    /// Returns when the work that is being done has ended; what has not begun is answered with
    /// `instead`. By a thread other than that of `io`, which still runs or never does again.
    void stop(Answer instead) {
        pool_.stop();
        boost::asio::post(io_, [this, instead = std::move(instead)] {
            for (auto& [number, done] : std::exchange(waiting_, {})) done(instead);
        });
    }

    /// Forgets who waits; once `io` runs no more, and before it goes.
    void clear() { waiting_.clear(); }

private:
    struct Job {
        std::uint64_t number = 0;
        Work work;
    };

    void run(Job& job) {
        boost::asio::post(io_, [this, number = job.number, answer = job.work()]() mutable {
            const auto found = waiting_.find(number);
            if (found == waiting_.end()) return;
            const Done done = std::move(found->second);
            waiting_.erase(found);
            done(std::move(answer));
        });
    }

    boost::asio::io_context& io_;
    std::uint64_t last_ = 0;
    std::unordered_map<std::uint64_t, Done> waiting_;
    runtime::WorkPool<Job> pool_;
};

}  // namespace vmq::admin

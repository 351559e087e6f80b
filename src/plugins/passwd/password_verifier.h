// Checks passwords on threads of its own, because a hash is made to be slow.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "plugins/passwd/password_file.h"
#include "plugins/passwd/secret.h"
#include "runtime/work_pool.h"

namespace vmq::plugins::passwd {

/// A bounded pool of threads, one for all shards. submit() is for the shards, counts() for every
/// thread. Each answer is given on the shard that asked, in a later turn; after stop() none is.
class PasswordVerifier final {
public:
    enum class Outcome : std::uint8_t {
        Right,
        Wrong,
        Busy,  // waited too long to be checked: the client has probably gone
    };

    struct Request {
        std::shared_ptr<const PasswordFile> file;  // keeps the hash
        std::string_view hash;
        Secret password;
        ShardId shard = 0;
        std::function<void(Outcome)> done;
    };

    struct Options {
        std::uint32_t threads = 0;       // 0: half the cores, 1 to 4
        std::size_t max_waiting = 1000;  // besides those under way
        Millis max_wait{10'000};
    };

    /// Runs a function on a shard's thread, in a later turn of its loop.
    using Post = std::function<void(ShardId shard, std::function<void()> work)>;
    /// What tests replace.
    struct Tools {
        std::function<bool(std::string_view hash, std::string_view password)> verify;
        std::function<TimePoint()> now;
    };

    /// Since the start, except `waiting`.
    struct Counts {
        std::uint64_t right = 0;
        std::uint64_t wrong = 0;
        std::uint64_t busy = 0;  // refused unchecked: too many waited, or it waited too long
        std::uint64_t waiting = 0;
    };

    PasswordVerifier(const Options& options, Post post);
    PasswordVerifier(const Options& options, Post post, Tools tools);
    PasswordVerifier(const PasswordVerifier&) = delete;
    PasswordVerifier& operator=(const PasswordVerifier&) = delete;

    /// False: too many wait, or it has stopped; `done` will not be called then.
    [[nodiscard]] bool submit(Request request);

    /// Finishes what is being checked and forgets what waits. Not on a thread that submits.
    void stop() { pool_.stop(); }

    [[nodiscard]] Counts counts() const;

private:
    struct Job {
        Request request;
        TimePoint submitted;
    };

    void run(Job& job);
    void report_busy();

    const Millis max_wait_;
    const Post post_;
    const Tools tools_;
    std::atomic<std::uint64_t> right_{0};
    std::atomic<std::uint64_t> wrong_{0};
    std::atomic<std::uint64_t> busy_{0};
    std::atomic<TimePoint> report_again_{TimePoint::min()};
    runtime::WorkPool<Job> pool_;  // last: its threads use the rest
};

}  // namespace vmq::plugins::passwd

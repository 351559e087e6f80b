// Engine: the store on disk, a RocksDB database. Calls block; the broker makes them on threads of
// their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/message_store.h"
#include "store/records.h"

namespace vmq::store {

struct EngineEnvironment;

struct EngineOptions {
    std::string directory;                // made if missing, mode 0700
    std::size_t memory_bytes = 64 << 20;  // block cache and write buffers together
    /// One moment on both clocks: what converts the deadlines of messages.
    TimePoint steady_anchor{};
    WallMillis wall_anchor = 0;
    const EngineEnvironment* environment = nullptr;  // of tests; null: the machine
    /// failed_write() of the engine that was open before this one: it was reported as failed, so it
    /// must not come back.
    std::uint64_t leave_out = 0;
};

struct EngineStats {
    std::uint64_t sessions = 0;
    std::uint64_t subscriptions = 0;
    std::uint64_t queued_messages = 0;
    std::uint64_t shared_messages = 0;
    std::uint64_t retained_messages = 0;
    std::uint64_t unreadable_messages = 0;  // that damage took, as far as met since the start
    std::uint64_t bytes_on_disk = 0;
    std::uint64_t memory_bytes = 0;  // of block cache and write buffers now
    std::uint32_t format_version = 0;
    std::uint32_t boots = 0;  // how often the store was opened by a broker
};

/// How a batch is written.
enum class Durability : std::uint8_t {
    Memory,  // no log: what was not flushed is lost with the process
    Os,      // in the log file, survives the end of the process
    Fsync,   // and on the disk, survives power loss
};

/// One per directory, which it locks. write(), flush() and reclaim() belong to one thread; load()
/// to another or the same; sizes(), stats(), check() and checkpoint() may be called from any at the
/// same time. See format.md for every byte.
class Engine {
public:
    /// Opens or makes the store. Another process on it, an unknown newer format and a directory
    /// that cannot be written are errors that say what to do. Damaged files: starts with what is
    /// whole, moves the damaged ones to DIRECTORY/damaged-TIME, and tells in notices() what was
    /// lost.
    [[nodiscard]] static Result<std::unique_ptr<Engine>> open(EngineOptions options);
    virtual ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// For the log at start; empty if nothing was wrong.
    [[nodiscard]] const std::vector<std::string>& notices() const noexcept;
    /// Secret number of this store, made with it: key of hashes that have to outlive the process.
    [[nodiscard]] std::uint64_t seed() const noexcept;
    /// How often the store was opened, this time included: makes ids unique.
    [[nodiscard]] std::uint32_t boot() const noexcept;

    /// Before the first write(): every session, in no order. Reads no message.
    using OnSession = std::function<void(StoredSession)>;
    [[nodiscard]] Result<void> for_each_session(const OnSession& on_session);
    /// Retained messages that have not expired by the anchor; those that have are deleted.
    using OnRetained = std::function<void(mqtt::MessagePtr)>;
    [[nodiscard]] Result<void> for_each_retained(const OnRetained& on_retained);

    /// Before the first write(): the facts of a cluster, in the order of their keys. The bytes are
    /// valid during the call. Those that cannot be read are left out and logged.
    using OnFact = std::function<void(std::string_view key, std::string_view value)>;
    [[nodiscard]] Result<void> for_each_fact(const OnFact& on_fact);

    /// Writes all batches, in their order, all or nothing. On an error nothing was written. The
    /// same call may be made again later, by another Engine if this one is stuck().
    [[nodiscard]] virtual Result<void> write(std::span<const WriteBatch* const> batches,
                                             Durability durability);
    /// The disk has refused a write: this engine only reads from now on, and another one has to be
    /// opened in its place.
    [[nodiscard]] virtual bool stuck() const noexcept;
    /// Whether the disk takes writes again.
    [[nodiscard]] virtual Result<void> can_be_opened_anew() const;
    /// The write that failed and that the log file may hold nevertheless, for
    /// EngineOptions::leave_out. 0: none.
    [[nodiscard]] virtual std::uint64_t failed_write() const noexcept;
    /// Everything written so far is on the disk, whatever its durability was.
    [[nodiscard]] virtual Result<void> flush();

    /// Messages of a queue in order of sequence (or the reverse). Records that cannot be read are
    /// left out, logged and counted, each once. An error changes nothing: ask again.
    /// One thread at a time, which may be another one than the writing one.
    [[nodiscard]] virtual Result<std::vector<StoredMessage>> load(const LoadRequest& request) const;

    /// Damage keeps load() or write() from working until the store is opened anew, which repairs
    /// it. Any thread.
    [[nodiscard]] virtual bool needs_reopening() const noexcept;

    /// Gives back space in small steps: queues of deleted sessions, dead shared messages. True:
    /// there is more to do.
    virtual bool reclaim();

    struct Sizes {
        std::uint64_t bytes_on_disk = 0;
        std::uint64_t memory_bytes = 0;  // of block cache and write buffers
    };
    /// Looks at the directory only.
    [[nodiscard]] virtual Sizes sizes() const;
    /// Reads the keys of all sessions, so not for every second.
    [[nodiscard]] EngineStats stats() const;
    /// A consistent copy in a folder that does not exist yet; hard links where possible.
    [[nodiscard]] Result<void> checkpoint(const std::string& directory) const;

    struct CheckReport {
        std::uint64_t records = 0;
        std::vector<std::string> problems;  // at most 100
        [[nodiscard]] bool good() const noexcept { return problems.empty(); }
    };
    /// Reads everything and compares: can each record be decoded, does each reference lead
    /// somewhere, is every shared message counted right? `progress` gets the records read so far.
    [[nodiscard]] Result<CheckReport> check(
        const std::function<void(std::uint64_t)>& progress) const;

protected:
    /// Without a database: for tests that put something else in its place.
    Engine();

private:
    struct Impl;
    explicit Engine(std::unique_ptr<Impl> impl);

    std::unique_ptr<Impl> impl_;
};

}  // namespace vmq::store

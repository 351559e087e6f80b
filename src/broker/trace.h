// Trace: what an operator wants to see of some clients, and the lines on their way to him.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "runtime/guarded.h"

namespace vmq::broker {

/// Whom and what to trace; each part that is there narrows it. At least one of the client id, the
/// user, the topic and the peer is there.
struct TraceOptions {
    std::optional<std::string> client_id;
    std::optional<std::string> mountpoint;  // none: in all of them
    std::optional<std::string> username;
    std::optional<std::string> topic;  // a filter: only packets and hooks with a topic it matches
    std::optional<std::string> peer;   // the address without the port
    std::uint32_t rate_max = 10;       // events per interval; one more ends the trace
    Millis rate_interval{100};
    std::size_t payload_limit = 200;  // bytes of a payload
};

/// Of a connection, as far as it is known.
struct TracedClient {
    std::string_view mountpoint;
    std::string_view client_id;
    std::optional<std::string_view> username;
    std::string_view peer;
};

/// Shared by the shards, which add events, and the one who reads them. A slow reader costs lines,
/// which are counted, and never makes a shard wait longer than it takes to swap two strings.
class Trace final {
public:
    /// Text that waits for the reader, and the longest event.
    static constexpr std::size_t kMaxWaiting = std::size_t{256} * 1024;
    static constexpr std::size_t kMaxEvent = std::size_t{64} * 1024;

    explicit Trace(TraceOptions options) : options_(std::move(options)) {}
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;

    [[nodiscard]] const TraceOptions& options() const noexcept { return options_; }
    [[nodiscard]] bool wants(const TracedClient& client) const noexcept;
    /// Whether `topic`, a name or a filter, is one that is traced.
    [[nodiscard]] bool wants_topic(std::string_view topic) const noexcept;

    /// One event: whole lines. Any shard. Nothing happens once it is over.
    void add(std::string_view lines, TimePoint now, std::int64_t wall_ms);
    /// The same for what is told about the trace itself, which the rate does not limit.
    void tell(std::string_view line);
    /// Likewise, before everything that has been added.
    void tell_first(std::string_view line);
    /// Ends it, with a last line. Any thread.
    void end(std::string_view last_line);
    [[nodiscard]] bool over() const noexcept { return over_.load(std::memory_order_relaxed); }

    /// The reader: what has come since, and whether that is all there will ever be.
    struct Taken {
        std::string text;
        bool over = false;
    };
    [[nodiscard]] Taken take(std::int64_t wall_ms);

private:
    struct Waiting {
        std::string text;
        std::uint64_t lost = 0;  // events since the last take()
        TimePoint interval{};    // its begin
        std::uint32_t events = 0;
    };

    const TraceOptions options_;
    runtime::Guarded<Waiting> waiting_;
    std::atomic<bool> over_{false};
};

/// "2026-11-26T15:00:00Z "
[[nodiscard]] std::string trace_time(std::int64_t wall_ms);

using Traces = std::vector<std::shared_ptr<Trace>>;

}  // namespace vmq::broker
